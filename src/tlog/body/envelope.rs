//! DSSE envelopes in the log: the kinds `intoto` and `dsse`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::ecdsa::verifies;
use super::key::EntryKey;
use super::{go, wire};
use crate::dsse;
use crate::key::PublicKey;
use crate::tlog::Fault;

/// The kind and version of entry that holds an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `intoto` 0.0.1.
    IntotoV001,
    /// `intoto` 0.0.2, as a sighting is recorded.
    IntotoV002,
    /// `dsse` 0.0.1.
    DsseV001,
}

/// An envelope as the log keeps it: everything but the payload itself.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The kind and version.
    pub form: Form,
    /// `None` where the log does not keep it.
    pub payload_type: Option<String>,
    /// `None` in the oldest entries.
    pub payload_hash: Option<[u8; 32]>,
    /// The keys and signatures, in the entry's order.
    pub signers: Vec<EnvelopeSigner>,
    /// True if all is written as in a sighting: in the one form of base64 (RFC 4648), with one key or certificate beside
    /// each signature. Go takes other forms too.
    canonical: bool,
}

/// A signature of an envelope, and the key beside it.
#[derive(Debug, Clone)]
pub struct EnvelopeSigner {
    /// The key beside the signature. In `intoto` 0.0.2, Rekor only checks that each key made one of the signatures, and that
    /// each signature is by one of the keys: a stranger can upload our signature with the keys exchanged.
    pub key: EntryKey,
    /// ASN.1 DER for ECDSA. `None` where the log does not keep it.
    pub signature: Option<Vec<u8>>,
}

impl Envelope {
    /// True if the payload hashes to the recorded hash.
    pub fn records(&self, payload: &[u8]) -> bool {
        self.payload_hash == Some(Sha256::digest(payload).into())
    }

    /// True if keys and signatures are written in a form that a sighting may have.
    pub fn is_canonical(&self) -> bool {
        self.canonical
    }

    /// Every signature that the log keeps.
    pub fn signatures(&self) -> impl Iterator<Item = &[u8]> {
        self.signers.iter().filter_map(|signer| signer.signature.as_deref())
    }

    /// Checks the payload of an `intoto` 0.0.2 entry: it hashes to the recorded hash, and every signature is over it, by
    /// the key beside it.
    pub(in crate::tlog) fn verify(&self, payload: &[u8]) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        if !self.records(payload) {
            faults.push(Fault::Attestation);
        }
        let signed = dsse::pae(self.payload_type.as_deref().unwrap_or_default(), payload);
        let signs = |signer: &EnvelopeSigner| {
            let key = signer.key.public_key();
            key.zip(signer.signature.as_ref()).is_some_and(|(key, signature)| verifies(&key, &signed, signature))
        };
        if !self.canonical {
            faults.push(Fault::UnreadableIntoto);
        }
        if self.signers.is_empty() || !self.signers.iter().all(signs) {
            faults.push(Fault::DsseSignature);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn intoto_v002(leaf: &[u8]) -> Option<Self> {
        let leaf: wire::Leaf<wire::IntotoV002> = serde_json::from_slice(leaf).ok()?;
        let wire::ContentV002 { envelope, payload_hash } = leaf.spec.content;
        let signer = |signature: &wire::Signature| {
            let signature_of_dsse = go::base64(signature.sig.as_bytes())?;
            Some(EnvelopeSigner {
                key: EntryKey::from_pem(&go::base64(signature.public_key.as_bytes())?)?,
                signature: Some(go::base64_of_dsse(&signature_of_dsse)?),
            })
        };
        Some(Self {
            form: Form::IntotoV002,
            payload_type: Some(envelope.payload_type),
            payload_hash: Some(payload_hash.sha256()?),
            signers: envelope.signatures.iter().map(signer).collect::<Option<_>>()?,
            canonical: envelope.signatures.iter().all(is_canonical),
        })
    }

    pub(super) fn intoto_v001(leaf: &[u8]) -> Option<Self> {
        let leaf: wire::Leaf<wire::IntotoV001> = serde_json::from_slice(leaf).ok()?;
        let payload_hash = match leaf.spec.content.payload_hash {
            Some(hash) => Some(hash.sha256()?),
            None => None,
        };
        let key = EntryKey::from_pem(&go::base64(leaf.spec.public_key.as_bytes())?)?;
        let signers = vec![EnvelopeSigner { key, signature: None }];
        Some(Self { form: Form::IntotoV001, payload_type: None, payload_hash, signers, canonical: true })
    }

    pub(super) fn dsse_v001(leaf: &[u8]) -> Option<Self> {
        let leaf: wire::Leaf<wire::DsseV001> = serde_json::from_slice(leaf).ok()?;
        let signer = |signature: &wire::VerifiedSignature| {
            Some(EnvelopeSigner {
                key: EntryKey::from_pem(&go::base64(signature.verifier.as_bytes())?)?,
                signature: Some(go::base64_of_dsse(signature.signature.as_bytes())?),
            })
        };
        Some(Self {
            form: Form::DsseV001,
            payload_type: None,
            payload_hash: Some(leaf.spec.payload_hash.sha256()?),
            signers: leaf.spec.signatures.iter().map(signer).collect::<Option<_>>()?,
            canonical: true,
        })
    }
}

fn is_canonical(signature: &wire::Signature) -> bool {
    let decoded = |text: &[u8]| BASE64_STANDARD.decode(text).ok();
    let is_one_key = |pem: Vec<u8>| {
        let key = EntryKey::from_pem(&pem);
        let alone = String::from_utf8(pem).ok().and_then(|pem| PublicKey::from_pem(&pem).ok());
        key.zip(alone).is_some_and(|(key, alone)| key.is(&alone))
    };
    decoded(signature.public_key.as_bytes()).is_some_and(is_one_key)
        && decoded(signature.sig.as_bytes()).and_then(|sig| decoded(&sig)).is_some()
}
