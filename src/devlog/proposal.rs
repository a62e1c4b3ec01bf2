//! A proposed entry of Rekor's kind `intoto`, version 0.0.2: what may be added to the log.
//!
//! Behaves as Rekor's `pkg/types/intoto/v0.0.2/entry.go`. The payload and the signatures
//! arrive in base64 of base64; the leaf is RFC 8785 JSON of the entry without its payload,
//! with the hash of the payload computed here, so what was signed is bound to the leaf.

use super::key::signing_key;
use super::tree::Hash;
use crate::dsse;
use crate::key::PublicKey;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const KIND: &str = "intoto";
const VERSION: &str = "0.0.2";

/// Rekor's kinds.
const KINDS: [&str; 11] =
    ["alpine", "cose", "dsse", "hashedrekord", "helm", KIND, "jar", "rekord", "rfc3161", "rpm", "tuf"];

/// Each signature costs an elliptic-curve verification; a sighting has one. Rekor has no
/// limit of its own.
const MAX_SIGNATURES: usize = 8;

/// Rekor's default `max_attestation_size`: a larger payload is logged but not stored.
const MAX_ATTESTATION: usize = 100 * 1024;

/// An entry whose every signature verified.
#[derive(Debug)]
pub(super) struct Proposal {
    /// The leaf's bytes: canonical JSON.
    pub(super) leaf: String,
    /// What a search finds the entry by.
    pub(super) index_keys: Vec<String>,
    /// The payload in base64, unless it is too large to be stored.
    pub(super) attestation: Option<String>,
}

/// Why a proposed entry is not taken.
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
    /// So for the payload and for a signature.
    #[error(
        "could not verify envelope: unable to base64 decode payload (is payload in the right \
         format?)"
    )]
    Envelope,
    /// A signature is by none of the keys, or a key made none of the signatures.
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

#[derive(Default, Deserialize)]
struct Proposed<'a> {
    kind: Option<String>,
    #[serde(rename = "apiVersion")]
    version: Option<String>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
}

/// `spec` of a proposed entry and, without the payload, of a leaf.
#[derive(Serialize, Deserialize)]
struct Spec {
    content: Content,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    envelope: Envelope,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hash: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default, skip_serializing)]
    payload: String,
    #[serde(default)]
    payload_type: String,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    /// Rekor takes null for none, and its own encoder drops an empty one (`omitempty`).
    #[serde(default, skip_serializing_if = "is_empty")]
    keyid: Option<String>,
    #[serde(default)]
    public_key: String,
    #[serde(default)]
    sig: String,
}

fn is_empty(keyid: &Option<String>) -> bool {
    keyid.as_deref().is_none_or(str::is_empty)
}

#[derive(Serialize, Deserialize)]
struct Digest {
    algorithm: String,
    value: String,
}

#[derive(Serialize)]
struct Leaf {
    #[serde(rename = "apiVersion")]
    version: &'static str,
    kind: &'static str,
    spec: Spec,
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
        if version != VERSION {
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
            leaf: serde_json_canonicalizer::to_string(&Leaf { version: VERSION, kind: KIND, spec })
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
    // As Rekor's `verifyEnvelope`: a signature need not be by the key beside it.
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

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    subject: Option<Vec<Named>>,
}

/// The part of SLSA's predicates before v1 that Rekor indexes too.
#[derive(Deserialize)]
struct Provenance {
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Predicate {
    #[serde(default)]
    materials: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    digest: Option<BTreeMap<String, String>>,
}

/// Rekor's `IndexKeys`: the canonical key, the payload, and each digest that an in-toto
/// statement names. It files nothing at all for a payload that is not the statement its type
/// says it is. The envelope's own hash is no key: a client can send any.
fn index_keys(signers: &[PublicKey], payload_type: &str, payload: &[u8], payload_hash: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        signers.iter().map(|key| format!("sha256:{}", hex::encode(Sha256::digest(key.pem())))).collect();
    keys.push(format!("sha256:{payload_hash}"));
    if payload_type == dsse::IN_TOTO {
        let Ok(statement) = serde_json::from_slice::<Statement>(payload) else {
            return Vec::new();
        };
        let mut named = statement.subject.unwrap_or_default();
        if let Ok(provenance) = serde_json::from_slice::<Provenance>(payload) {
            named.extend(provenance.predicate.materials);
        }
        let digests = named.into_iter().filter_map(|one| one.digest).flatten();
        keys.extend(digests.map(|(algorithm, value)| format!("{algorithm}:{value}")));
    }
    keys
}

/// The `payloadHash` in a leaf of ours: what Rekor files the attestation under.
pub(super) fn payload_hash(leaf: &str) -> Option<Hash> {
    #[derive(Deserialize)]
    struct Stored {
        spec: Spec,
    }
    let stored: Stored = serde_json::from_str(leaf).ok()?;
    let value = stored.spec.content.payload_hash?.value;
    hex::decode(value).ok()?.try_into().ok()
}
