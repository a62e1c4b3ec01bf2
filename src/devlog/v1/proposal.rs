//! A proposed entry of Rekor's kind `intoto`, version 0.0.2: the one thing that may be added to the log.
//!
//! Behaves as Rekor's `pkg/types/intoto/v0.0.2/entry.go`. The payload and the signatures arrive in base64 of base64; the
//! leaf is RFC 8785 JSON of the entry without its payload, with the hash of the payload computed here, so the signed bytes
//! are bound to the leaf.

use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest as _, Sha256};

use super::index::index_keys;
use super::key::signing_key;
use super::wire::{Digest, Envelope, Leaf, Proposed, Spec};
use crate::dsse;
use crate::key::PublicKey;
use crate::tlog::Hash;
use crate::tlog::body::INTOTO_VERSION;

const KIND: &str = "intoto";

/// Rekor's kinds.
const KINDS: [&str; 11] =
    ["alpine", "cose", "dsse", "hashedrekord", "helm", KIND, "jar", "rekord", "rfc3161", "rpm", "tuf"];

/// Each signature costs an elliptic-curve verification; a sighting has one. Rekor sets no limit.
const MAX_SIGNATURES: usize = 8;

/// Rekor's default `max_attestation_size`: a larger payload is logged but not stored.
const MAX_ATTESTATION: usize = 100 * 1024;

/// An entry whose every signature verified.
#[derive(Debug)]
pub(super) struct Proposal {
    /// The leaf's bytes: canonical JSON.
    pub(super) leaf: String,
    /// The keys of the search index that lead to the entry.
    pub(super) index_keys: Vec<String>,
    /// The payload in base64, unless it is too large to be stored.
    pub(super) attestation: Option<String>,
}

/// The reason why a proposed entry is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProposalError {
    #[error("malformed JSON: {0}")]
    Json(serde_json::Error),
    #[error("{0} in body is required")]
    Absent(&'static str),
    #[error("invalid kind value: {0:?}")]
    UnknownKind(String),
    #[error("malformed spec: {0}")]
    Spec(serde_json::Error),
    #[error(
        "entry kind '{0}' is not enabled for submission on this server: the embedded log takes \
         intoto 0.0.2 only"
    )]
    Kind(String),
    #[error(
        "intoto implementation for version '{0}' not found: the embedded log takes intoto 0.0.2 \
         only"
    )]
    Version(String),
    #[error("entry not insertable into log: missing {0}")]
    Missing(&'static str),
    #[error("failed parsing base64 data for {0}")]
    Base64(&'static str),
    #[error("{0} signatures, at most {max} are taken", max = MAX_SIGNATURES)]
    Signatures(usize),
    #[error(
        "could not parse public key as x509: the embedded log takes one ECDSA P-256 key in PEM \
         for each signature, no certificates"
    )]
    PublicKey,
    /// The payload or a signature is not base64 of base64.
    #[error(
        "could not verify envelope: unable to base64 decode payload (is payload in the right \
         format?)"
    )]
    Envelope,
    /// A signature that no key made, or a key that made no signature.
    #[error(
        "could not verify envelope: accepted signatures do not match threshold, Found: 0, \
         Expected 1"
    )]
    Unverified,
    #[error(
        "validation failure list:\n{NESTED}.signatures in body should have at least 1 items",
        NESTED = "content.content.envelope.content.envelope"
    )]
    NoSignatures,
    #[error(
        "validation failure list:\n{NESTED}.algorithm in body should be one of [sha256]",
        NESTED = "content.content.hash.content.hash"
    )]
    HashAlgorithm,
    #[error("missing envelope digest")]
    EnvelopeDigest,
}

impl Proposal {
    pub(super) fn parse(json: &[u8]) -> Result<Self, ProposalError> {
        // Serde takes an array for a struct too; Rekor takes objects, and null for an empty one.
        if json.trim_ascii_start().starts_with(b"[") {
            return Err(ProposalError::Json(serde::de::Error::custom("it is an array")));
        }
        let proposed: Option<Proposed<'_>> = serde_json::from_slice(json).map_err(ProposalError::Json)?;
        let proposed = proposed.unwrap_or_default();
        let kind = proposed.kind.ok_or(ProposalError::Absent("kind"))?;
        if !KINDS.contains(&&*kind) {
            return Err(ProposalError::UnknownKind(kind));
        }
        let version = proposed.version.ok_or(ProposalError::Absent("apiVersion"))?;
        let spec = proposed.spec.ok_or(ProposalError::Absent("spec"))?;
        if kind != KIND {
            return Err(ProposalError::Kind(kind));
        }
        if version != INTOTO_VERSION {
            return Err(ProposalError::Version(version));
        }
        let mut spec: Spec = serde_json::from_str(spec.get()).map_err(ProposalError::Spec)?;
        let (payload, keys) = verified(&spec.content.envelope)?;
        match &spec.content.hash {
            None => return Err(ProposalError::EnvelopeDigest),
            Some(hash) if hash.algorithm != "sha256" => {
                return Err(ProposalError::HashAlgorithm);
            }
            Some(_) => {}
        }
        let payload_hash = hex::encode(Sha256::digest(&payload));
        let payload_type = &spec.content.envelope.payload_type;
        let index_keys = index_keys(&keys, payload_type, &payload, &payload_hash);
        spec.content.payload_hash = Some(Digest { algorithm: "sha256".to_owned(), value: payload_hash });
        let attestation = BASE64_STANDARD.encode(&payload);
        // Rekor compares the length that its base64 could decode to, padding included.
        let stored = attestation.len() / 4 * 3 <= MAX_ATTESTATION;
        Ok(Self {
            leaf: serde_json_canonicalizer::to_string(&Leaf {
                version: INTOTO_VERSION.to_owned(),
                kind: KIND.to_owned(),
                spec,
            })
            .map_err(ProposalError::Spec)?,
            index_keys,
            attestation: stored.then_some(attestation),
        })
    }
}

/// The payload and the keys, once every signature has verified with one of the keys, and every key one of the signatures.
fn verified(envelope: &Envelope) -> Result<(Vec<u8>, Vec<PublicKey>), ProposalError> {
    if envelope.signatures.is_empty() {
        return Err(ProposalError::NoSignatures);
    }
    if envelope.payload.is_empty() {
        return Err(ProposalError::Missing("envelope content"));
    }
    if envelope.signatures.len() > MAX_SIGNATURES {
        return Err(ProposalError::Signatures(envelope.signatures.len()));
    }
    let payload = twice_decoded(&envelope.payload, "payload")?;
    let signed = dsse::pae(&envelope.payload_type, &payload);
    let (mut keys, mut signatures) = (Vec::new(), Vec::new());
    for signature in &envelope.signatures {
        signatures.push(twice_decoded(&signature.sig, "signature")?);
        let pem = decoded(signature.public_key.as_bytes(), "public key")?;
        keys.push(signing_key(&pem).ok_or(ProposalError::PublicKey)?);
    }
    // Rekor's `verifyEnvelope` does the same: a signature need not be by the key beside it.
    let made_by = |key: &PublicKey, signature: &Vec<u8>| key.verifies(&signed, signature);
    let keys_sign = keys.iter().all(|key| signatures.iter().any(|signature| made_by(key, signature)));
    let signatures_verify = signatures.iter().all(|signature| keys.iter().any(|key| made_by(key, signature)));
    if !keys_sign || !signatures_verify {
        return Err(ProposalError::Unverified);
    }
    if envelope.payload_type.is_empty() {
        return Err(ProposalError::Missing("payloadType content"));
    }
    Ok((payload, keys))
}

fn decoded(base64: &[u8], what: &'static str) -> Result<Vec<u8>, ProposalError> {
    BASE64_STANDARD.decode(base64).map_err(|_| ProposalError::Base64(what))
}

fn twice_decoded(base64: &str, what: &'static str) -> Result<Vec<u8>, ProposalError> {
    BASE64_STANDARD.decode(decoded(base64.as_bytes(), what)?).map_err(|_| ProposalError::Envelope)
}

/// The `payloadHash` in a leaf of ours: Rekor keeps the attestation under it.
pub(super) fn payload_hash(leaf: &str) -> Option<Hash> {
    let leaf: Leaf = serde_json::from_str(leaf).ok()?;
    hex::decode(leaf.spec.content.payload_hash?.value).ok()?.try_into().ok()
}
