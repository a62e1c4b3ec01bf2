//! Rekor's entry type `intoto`, version 0.0.2, as it is uploaded. [`crate::tlog::body`] has it as it stands in the log.
//!
//! Source: `pkg/types/intoto/v0.0.2` of sigstore/rekor. The payload and each signature are base64 of base64: the API
//! encodes the DSSE envelope's fields, which are base64 themselves.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sigstore::rekor::models::ProposedEntry;

use crate::dsse::SignedPayload;
use crate::tlog::body::INTOTO_VERSION;

impl SignedPayload<'_> {
    /// The entry to upload. Equal payloads and signatures give equal bytes, so a repeated upload is the same leaf and the
    /// log answers 409.
    pub fn proposed_entry(&self) -> Vec<u8> {
        let payload = BASE64_STANDARD.encode(&self.payload);
        let signature = BASE64_STANDARD.encode(self.signature);
        // The log requires a hash of the envelope and never looks at it again.
        let envelope =
            json!({"payload": payload, "payloadType": self.payload_type, "signatures": [{"sig": signature}]});
        let hash = hex::encode(Sha256::digest(envelope.to_string()));
        let spec = json!({
            "content": {
                "envelope": {
                    "payload": BASE64_STANDARD.encode(payload),
                    "payloadType": self.payload_type,
                    "signatures": [{
                        "publicKey": BASE64_STANDARD.encode(self.key.pem()),
                        "sig": BASE64_STANDARD.encode(signature),
                    }],
                },
                "hash": {"algorithm": "sha256", "value": hash},
            },
        });
        let entry = ProposedEntry::Intoto { api_version: INTOTO_VERSION.to_owned(), spec };
        serde_json::to_vec(&entry).expect("strings and maps with string keys always serialise")
    }
}
