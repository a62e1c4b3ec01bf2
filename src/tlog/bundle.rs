//! Log entries as a Sigstore bundle holds them: the protobuf `dev.sigstore.rekor.v1.TransparencyLogEntry` in its JSON
//! form, where 64-bit numbers are strings and bytes are base64.
//!
//! Source: `protos/sigstore_rekor.proto` of sigstore/protobuf-specs v0.5.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::body::{EntryBody, HASHEDREKORD, HASHEDREKORD_V2, INTOTO_VERSION};
use super::entry::{InclusionProof, LogEntry, SignedFields};
use super::entry_id::EntryId;
use super::error::EntryError;
use super::merkle::{Hash, Head, leaf_hash};

/// An entry in a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransparencyLogEntry {
    #[serde(default = "wire::zero")]
    log_index: String,
    log_id: wire::LogId,
    kind_version: wire::KindVersion,
    #[serde(default = "wire::zero")]
    integrated_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion_promise: Option<wire::InclusionPromise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion_proof: Option<wire::InclusionProof>,
    canonicalized_body: String,
}

impl TransparencyLogEntry {
    /// The entry of a sighting: `intoto` 0.0.2, or in a Rekor v2 `hashedrekord` 0.0.2.
    pub fn of_sighting(entry: &LogEntry) -> Self {
        let (kind, version) = match entry.body {
            EntryBody::SignedDigest(_) => (HASHEDREKORD, HASHEDREKORD_V2),
            _ => ("intoto", INTOTO_VERSION),
        };
        let fields = &entry.fields;
        let set = entry.set.clone().map(|signed_entry_timestamp| wire::InclusionPromise { signed_entry_timestamp });
        let proof = entry.proof.as_ref().map(|proof| wire::InclusionProof {
            log_index: proof.log_index.to_string(),
            root_hash: BASE64_STANDARD.encode(proof.head.root),
            tree_size: proof.head.size.to_string(),
            hashes: proof.path.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect(),
            checkpoint: proof.checkpoint.clone().map(|envelope| wire::Checkpoint { envelope }),
        });
        Self {
            log_index: fields.log_index().to_string(),
            // Always hexadecimal: an entry with another log id is not parsed.
            log_id: wire::LogId { key_id: BASE64_STANDARD.encode(hex::decode(fields.log_id()).unwrap_or_default()) },
            kind_version: wire::KindVersion { kind: kind.to_owned(), version: version.to_owned() },
            integrated_time: fields.integrated_time().to_string(),
            inclusion_promise: set,
            inclusion_proof: proof,
            canonicalized_body: fields.body().to_owned(),
        }
    }

    /// The entry, not yet verified. A bundle holds no entry id: it is the hash of the body.
    pub fn entry(&self) -> Result<LogEntry, EntryError> {
        let proof = self.inclusion_proof.as_ref().map(inclusion_proof).transpose()?;
        let fields = SignedFields::new(
            self.canonicalized_body.clone(),
            number(&self.integrated_time)?,
            hex::encode(bytes(&self.log_id.key_id)?),
            number(&self.log_index)?,
        )?;
        let set = self.inclusion_promise.as_ref().map(|set| set.signed_entry_timestamp.clone());
        let id = EntryId { tree_id: None, leaf_hash: leaf_hash(fields.leaf()) };
        Ok(LogEntry::new(id, fields, set, proof))
    }
}

fn inclusion_proof(proof: &wire::InclusionProof) -> Result<InclusionProof, EntryError> {
    let hash = |text: &String| -> Result<Hash, EntryError> {
        let hash = bytes(text)?.try_into();
        hash.map_err(|_| EntryError::new("a hash of its inclusion proof is not 32 bytes long"))
    };
    let checkpoint = proof.checkpoint.as_ref().map(|checkpoint| checkpoint.envelope.clone());
    Ok(InclusionProof {
        path: proof.hashes.iter().map(hash).collect::<Result<_, _>>()?,
        log_index: number(&proof.log_index)?,
        head: Head { size: number(&proof.tree_size)?, root: hash(&proof.root_hash)? },
        checkpoint: checkpoint.filter(|checkpoint| !checkpoint.is_empty()),
    })
}

fn bytes(text: &str) -> Result<Vec<u8>, EntryError> {
    BASE64_STANDARD.decode(text).map_err(|_| EntryError::new("a field is not base64"))
}

fn number(text: &str) -> Result<u64, EntryError> {
    text.parse().map_err(|_| EntryError::new("a number is not an unsigned one of 64 bits"))
}

mod wire {
    use serde::{Deserialize, Serialize};

    /// A number that a writer of protobuf JSON may leave out.
    pub(super) fn zero() -> String {
        "0".to_owned()
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct LogId {
        pub key_id: String,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(super) struct KindVersion {
        pub kind: String,
        pub version: String,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct InclusionPromise {
        pub signed_entry_timestamp: String,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct InclusionProof {
        #[serde(default = "zero")]
        pub log_index: String,
        pub root_hash: String,
        pub tree_size: String,
        #[serde(default)]
        pub hashes: Vec<String>,
        pub checkpoint: Option<Checkpoint>,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(super) struct Checkpoint {
        pub envelope: String,
    }
}
