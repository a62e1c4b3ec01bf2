//! Rekor's entry type `intoto`, version 0.0.2: what is uploaded, and what stands in the log.
//!
//! Source: `pkg/types/intoto/v0.0.2` of sigstore/rekor. The payload and each signature are base64 of base64: the API
//! encodes the DSSE envelope's fields, which are base64 themselves.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sigstore::rekor::models::ProposedEntry;

use crate::dsse;
use crate::key::PublicKey;

use super::verify::Fault;

pub(super) const VERSION: &str = "0.0.2";

/// The entry to upload for a DSSE envelope with one signature (ASN.1 DER) by `key`. Equal arguments give equal bytes,
/// so that a repeated upload is the same leaf and the log answers 409.
pub fn proposed_entry(payload_type: &str, payload: &[u8], signature: &[u8], key: &PublicKey) -> Vec<u8> {
    let payload = BASE64_STANDARD.encode(payload);
    let signature = BASE64_STANDARD.encode(signature);
    // The log requires a hash of the envelope and never looks at it again.
    let envelope = json!({"payload": payload, "payloadType": payload_type, "signatures": [{"sig": signature}]});
    let hash = hex::encode(Sha256::digest(envelope.to_string()));
    let spec = json!({
        "content": {
            "envelope": {
                "payload": BASE64_STANDARD.encode(payload),
                "payloadType": payload_type,
                "signatures": [{
                    "publicKey": BASE64_STANDARD.encode(key.pem()),
                    "sig": BASE64_STANDARD.encode(signature),
                }],
            },
            "hash": {"algorithm": "sha256", "value": hash},
        },
    });
    let entry = ProposedEntry::Intoto { api_version: VERSION.to_owned(), spec };
    serde_json::to_vec(&entry).expect("strings and maps with string keys always serialise")
}

/// An `intoto` entry as it stands in the log: everything but the payload itself.
#[derive(Debug, Clone)]
pub struct IntotoBody {
    pub payload_type: String,
    pub payload_hash: [u8; 32],
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone)]
pub struct EnvelopeSignature {
    /// The public key, or the key of the certificate, that stands beside the signature. Where there are several, Rekor
    /// only checks that each key made one of the signatures, and each signature is by one of the keys: a stranger can
    /// upload our signature with the keys exchanged.
    pub key: PublicKey,
    /// ASN.1 DER for ECDSA.
    pub signature: Vec<u8>,
}

/// How an entry's body looks to us.
#[derive(Debug, Clone)]
pub enum Body {
    Intoto(IntotoBody),
    /// An `intoto` entry that is not as Rekor writes them.
    UnreadableIntoto,
    /// An `intoto` entry of another version. 0.0.1 holds no signature.
    OtherIntoto,
    /// Another kind of entry.
    Other,
}

impl Body {
    pub fn parse(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            kind: String,
            api_version: String,
        }
        match serde_json::from_slice::<Kind>(body) {
            Ok(Kind { kind, .. }) if kind != "intoto" => Self::Other,
            Ok(Kind { api_version, .. }) if api_version != VERSION => Self::OtherIntoto,
            Ok(_) => IntotoBody::parse(body).map_or(Self::UnreadableIntoto, Self::Intoto),
            Err(_) => Self::Other,
        }
    }
}

impl IntotoBody {
    /// Whether a statement hashes to the recorded hash.
    pub fn records(&self, statement: &[u8]) -> bool {
        self.payload_hash == *Sha256::digest(statement)
    }

    /// Checks a statement against this entry: it hashes to the recorded hash, and every signature in the entry is
    /// over it.
    pub fn verify(&self, statement: &[u8]) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        if !self.records(statement) {
            faults.push(Fault::Attestation);
        }
        let signed = dsse::pae(&self.payload_type, statement);
        let all_sign = self.signatures.iter().all(|signature| signature.key.verifies(&signed, &signature.signature));
        if self.signatures.is_empty() || !all_sign {
            faults.push(Fault::DsseSignature);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let entry: wire::Entry = serde_json::from_slice(body).ok()?;
        let wire::Content { envelope, payload_hash } = entry.spec.content;
        if payload_hash.algorithm != "sha256" {
            return None;
        }
        let signatures = envelope.signatures.iter().map(EnvelopeSignature::parse).collect::<Option<Vec<_>>>()?;
        let payload_hash = hex::decode(payload_hash.value).ok()?.try_into().ok()?;
        Some(Self { payload_type: envelope.payload_type, payload_hash, signatures })
    }
}

impl EnvelopeSignature {
    fn parse(wire: &wire::Signature) -> Option<Self> {
        let pem = BASE64_STANDARD.decode(&wire.public_key).ok()?;
        let key = PublicKey::from_pem(std::str::from_utf8(&pem).ok()?).ok()?;
        let signature = BASE64_STANDARD.decode(BASE64_STANDARD.decode(&wire.sig).ok()?).ok()?;
        Some(Self { key, signature })
    }
}

/// The JSON of a body in the log. Serde refuses a key that stands twice.
mod wire {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct Entry {
        pub spec: Spec,
    }

    #[derive(Deserialize)]
    pub struct Spec {
        pub content: Content,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Content {
        pub envelope: Envelope,
        pub payload_hash: Hash,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Envelope {
        pub payload_type: String,
        pub signatures: Vec<Signature>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Signature {
        pub public_key: String,
        pub sig: String,
    }

    #[derive(Deserialize)]
    pub struct Hash {
        pub algorithm: String,
        pub value: String,
    }
}
