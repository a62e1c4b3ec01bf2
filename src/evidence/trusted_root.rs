//! A Sigstore trusted root that names the logs and the time-stamping authorities: what `cosign --trusted-root` takes for
//! logs other than the public one.
//!
//! Source: `protos/sigstore_trustroot.proto` of sigstore/protobuf-specs v0.5, in its JSON form.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::timestamp::TimestampAuthority;
use crate::tlog::{LogKey, LogKeys, RekorApi};
use crate::validity::Rfc3339;

/// The start of what began at a time that is not known.
const UNKNOWN_START: &str = "1970-01-01T00:00:00Z";

/// JSON. Keys of a kind that Sigstore has no name for are left out: tools could not use them. `url_of` says where the Rekor v1
/// with a key is; a Rekor v2 has the host of its origin.
pub fn trusted_root<'a>(keys: &'a LogKeys, url_of: impl Fn(&'a LogKey) -> &'a Url) -> String {
    let key_log = |(key, details): (&'a LogKey, &str)| -> Value {
        let url = match key.origin() {
            None => url_of(key).as_str().trim_end_matches('/').to_owned(),
            Some(origin) => format!("https://{origin}"),
        };
        json!({
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64_STANDARD.encode(key.public_key().der()),
                "keyDetails": details,
                "validFor": {"start": UNKNOWN_START},
            },
            "logId": {"keyId": BASE64_STANDARD.encode(key.id())},
        })
    };
    let named = keys.iter().filter_map(|key| Some((key, key.public_key().details()?)));
    let tlogs: Vec<Value> = named.map(key_log).collect();
    let mut root = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": tlogs});
    // A Rekor v1 signs the times of its entries itself.
    if keys.iter().any(|key| key.api() == RekorApi::V2) && !keys.authorities().is_empty() {
        root["timestampAuthorities"] = keys.authorities().iter().map(authority).collect();
    }
    root.to_string()
}

fn authority(authority: &TimestampAuthority) -> Value {
    let certificates = authority.chain().map(|der| json!({"rawBytes": BASE64_STANDARD.encode(der)}));
    let validity = authority.validity();
    let start = validity.start().map_or_else(|| UNKNOWN_START.to_owned(), |start| Rfc3339(start).to_string());
    let mut value = json!({
        "certChain": {"certificates": certificates.collect::<Vec<_>>()},
        "validFor": {"start": start},
    });
    if let Some(url) = authority.url() {
        value["uri"] = url.as_str().into();
    }
    if let Some(end) = validity.end() {
        value["validFor"]["end"] = Rfc3339(end).to_string().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;
    use crate::rekor::{PUBLIC_INSTANCE, PUBLIC_INSTANCE_KEY};
    use crate::timestamp::Authorities;
    use crate::trusted_material::TrustedRoot;

    #[test]
    fn what_is_written_is_what_a_reader_of_trusted_roots_reads() {
        const SIGSTORES: &[u8] = include_bytes!("../../tests/data/sigstore-root/trusted_root.json");
        let sigstores = TrustedRoot::parse(SIGSTORES).unwrap();
        let keys: Vec<LogKey> = sigstores.logs().iter().map(|log| log.log_key().unwrap()).collect();
        let keys = LogKeys::new(keys).unwrap().with_authorities(sigstores.authorities().clone());
        let public: Url = PUBLIC_INSTANCE.parse().unwrap();
        let written = trusted_root(&keys, |_| &public);
        let read = TrustedRoot::parse(written.as_bytes()).unwrap();
        assert_eq!(read.logs().len(), 2);
        for (read, log) in read.logs().iter().zip(sigstores.logs()) {
            assert_eq!((read.url(), read.log_key().unwrap()), (log.url(), log.log_key().unwrap()));
        }
        let of = |root: &TrustedRoot| {
            let parts = |one: &TimestampAuthority| {
                (one.url().cloned(), one.validity(), one.chain().map(<[u8]>::to_vec).collect::<Vec<_>>())
            };
            root.authorities().iter().map(parts).collect::<Vec<_>>()
        };
        assert_eq!(of(&read), of(&sigstores));
    }

    #[test]
    fn a_log_that_signs_times_needs_no_authority() {
        let key = PublicKey::from_pem(PUBLIC_INSTANCE_KEY).unwrap();
        let keys = LogKeys::v1(vec![key]).unwrap().with_authorities(Authorities::public());
        let public: Url = PUBLIC_INSTANCE.parse().unwrap();
        assert!(!trusted_root(&keys, |_| &public).contains("timestampAuthorities"));
    }
}
