//! `dsse` 0.0.2, which Rekor v2 took until June 2026: the hash of an envelope's payload, its signatures and their keys.
//!
//! No sighting is of this kind, and a stranger could file a copy of one so. Source: `pkg/types/dsse` of sigstore/rekor-tiles
//! v2.0.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use wire::{Body, Envelope, Spec};

use super::key::EntryKey;
use super::signed_digest::SHA256;

/// An envelope, of which the log keeps the payload's hash.
#[derive(Debug, Clone)]
pub(crate) struct HashedEnvelope {
    /// The keys beside the signatures.
    pub keys: Vec<EntryKey>,
    /// The sha256 of the payload, without its type; `None` if the hash is of another kind.
    pub payload_sha256: Option<[u8; 32]>,
}

impl HashedEnvelope {
    /// `None` if the leaf is of another kind, or a key in it cannot be read.
    pub(crate) fn parse(leaf: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(leaf).ok()?;
        if (&*body.kind, &*body.api_version) != ("dsse", "0.0.2") {
            return None;
        }
        let Spec { dsse_v002: Envelope { payload_hash, signatures } } = body.spec;
        let keys = signatures.iter().map(|signature| signature.verifier.key()).collect::<Option<_>>()?;
        let payload_sha256 = (payload_hash.algorithm == SHA256)
            .then(|| BASE64_STANDARD.decode(&payload_hash.digest).ok()?.try_into().ok())
            .flatten();
        Some(Self { keys, payload_sha256 })
    }
}

mod wire {
    use serde::Deserialize;

    use crate::tlog::body::signed_digest::wire::{Data, Signature};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Body {
        pub(super) api_version: String,
        pub(super) kind: String,
        pub(super) spec: Spec,
    }

    #[derive(Deserialize)]
    pub(super) struct Spec {
        #[serde(rename = "dsseV002")]
        pub(super) dsse_v002: Envelope,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Envelope {
        pub(super) payload_hash: Data,
        pub(super) signatures: Vec<Signature>,
    }
}
