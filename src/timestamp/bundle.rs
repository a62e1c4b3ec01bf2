//! Time stamps as a Sigstore bundle holds them: the protobuf `dev.sigstore.bundle.v1.TimestampVerificationData` in its JSON
//! form.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::{Authorities, Stamped};

/// Time stamps tried. An instance asks for one.
const MAX_STAMPS: usize = 8;

/// The time stamps in a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimestampVerificationData {
    #[serde(default)]
    rfc3161_timestamps: Vec<SignedTimestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp {
    signed_timestamp: String,
}

impl TimestampVerificationData {
    pub(crate) fn new(stamped: &Stamped) -> Self {
        Self { rfc3161_timestamps: vec![SignedTimestamp { signed_timestamp: BASE64_STANDARD.encode(stamped.token()) }] }
    }

    /// The first time stamp of `signature` that verifies. A time is not needed for a sighting to hold, so the others are
    /// passed over.
    pub(crate) fn verified(&self, signature: &[u8], authorities: &Authorities) -> Option<Stamped> {
        let tokens = self.rfc3161_timestamps.iter().take(MAX_STAMPS);
        // Some writers break the base64 into lines, and Sigstore's clients read it.
        let text = |stamp: &SignedTimestamp| stamp.signed_timestamp.replace(['\r', '\n'], "");
        let mut tokens = tokens.filter_map(|stamp| BASE64_STANDARD.decode(text(stamp)).ok());
        tokens.find_map(|token| {
            let verified = Stamped::verify(token, signature, authorities);
            verified.inspect_err(|fault| tracing::warn!(%fault, "a time stamp is passed over")).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::trusted_material::TrustedRoot;

    #[test]
    fn a_bundle_of_another_writer_is_read_and_what_does_not_verify_is_passed_over() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rekor-v2/");
        let read = |name: &str| std::fs::read(format!("{folder}{name}.json")).unwrap();
        let root = TrustedRoot::parse(&read("trusted-roots/staging-2025")).unwrap();
        let bundle: Value = serde_json::from_slice(&read("bundles/rekor2-timestamp-with-embedded-cert")).unwrap();
        let mut data = bundle["verificationMaterial"]["timestampVerificationData"].clone();
        let signature = BASE64_STANDARD.decode(bundle["messageSignature"]["signature"].as_str().unwrap()).unwrap();
        let verified = |data: &Value, signature: &[u8]| {
            let data: TimestampVerificationData = serde_json::from_value(data.clone()).unwrap();
            data.verified(signature, root.authorities()).map(|stamped| stamped.timestamp().seconds())
        };
        assert_eq!(verified(&data, &signature), Some(1_754_506_296));
        assert_eq!(verified(&data, b"another"), None);
        let stamps = data["rfc3161Timestamps"].as_array_mut().unwrap();
        stamps[0]["signedTimestamp"] = stamps[0]["signedTimestamp"].as_str().unwrap().replace('\n', "").into();
        for useless in ["", "!", "MAA="] {
            stamps.insert(0, serde_json::json!({"signedTimestamp": useless}));
        }
        assert_eq!(verified(&data, &signature), Some(1_754_506_296));
        let stamps = data["rfc3161Timestamps"].as_array_mut().unwrap();
        for _ in 0..MAX_STAMPS {
            stamps.insert(0, serde_json::json!({"signedTimestamp": "MAA="}));
        }
        assert_eq!(verified(&data, &signature), None);
    }
}
