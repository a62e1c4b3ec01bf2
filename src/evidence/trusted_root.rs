//! A Sigstore trusted root that names the logs: what `cosign --trusted-root` takes for logs other than the public one.
//!
//! Source: `protos/sigstore_trustroot.proto` of sigstore/protobuf-specs v0.5, in its JSON form.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::tlog::{LogKey, LogKeys};

/// JSON. Keys of a kind that Sigstore has no name for are left out: tools could not use them. `log` is the URL of a Rekor
/// v1; a Rekor v2 has the host of its origin.
pub fn trusted_root(log: &Url, keys: &LogKeys) -> String {
    let key_log = |(key, details): (&LogKey, &str)| -> Value {
        let url = match key.origin() {
            None => log.as_str().trim_end_matches('/').to_owned(),
            Some(origin) => format!("https://{origin}"),
        };
        json!({
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64_STANDARD.encode(key.public_key().der()),
                "keyDetails": details,
                // When the log began to use the key is not known.
                "validFor": {"start": "1970-01-01T00:00:00Z"},
            },
            "logId": {"keyId": BASE64_STANDARD.encode(key.id())},
        })
    };
    let named = keys.iter().filter_map(|key| Some((key, key.public_key().details()?)));
    let tlogs: Vec<Value> = named.map(key_log).collect();
    json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": tlogs}).to_string()
}
