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
        let mut tokens = tokens.filter_map(|stamp| BASE64_STANDARD.decode(&stamp.signed_timestamp).ok());
        tokens.find_map(|token| {
            let verified = Stamped::verify(token, signature, authorities);
            verified.inspect_err(|fault| tracing::warn!(%fault, "a time stamp is passed over")).ok()
        })
    }
}
