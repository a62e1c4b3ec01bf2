//! Log entries as a Sigstore bundle holds them: the protobuf `dev.sigstore.rekor.v1.TransparencyLogEntry` in its JSON
//! form, where 64-bit numbers are strings and bytes are base64.
//!
//! Source: `protos/sigstore_rekor.proto` of sigstore/protobuf-specs v0.5.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::entry::{EntryError, LogEntry, SignedFields, wire};
use super::inclusion::leaf_hash;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransparencyLogEntry {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    integrated_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion_promise: Option<InclusionPromise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion_proof: Option<InclusionProof>,
    canonicalized_body: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionPromise {
    signed_entry_timestamp: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    root_hash: String,
    tree_size: String,
    hashes: Vec<String>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Checkpoint {
    envelope: String,
}

impl TransparencyLogEntry {
    /// An entry of type `intoto` v0.0.2.
    pub fn of_intoto(entry: &LogEntry) -> Self {
        let fields = &entry.fields;
        let set = entry.set.clone().map(|signed_entry_timestamp| InclusionPromise { signed_entry_timestamp });
        let proof = entry.proof.as_ref().map(|proof| InclusionProof {
            log_index: proof.log_index.to_string(),
            root_hash: BASE64_STANDARD.encode(proof.root),
            tree_size: proof.tree_size.to_string(),
            hashes: proof.path.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect(),
            checkpoint: proof.checkpoint.clone().map(|envelope| Checkpoint { envelope }),
        });
        Self {
            log_index: fields.log_index.to_string(),
            // Hexadecimal: an entry is not parsed otherwise.
            log_id: LogId { key_id: BASE64_STANDARD.encode(hex::decode(&fields.log_id).unwrap_or_default()) },
            kind_version: KindVersion { kind: "intoto".to_owned(), version: super::intoto::VERSION.to_owned() },
            integrated_time: fields.integrated_time.to_string(),
            inclusion_promise: set,
            inclusion_proof: proof,
            canonicalized_body: fields.body.clone(),
        }
    }

    /// The entry, as unverified as it came. A bundle holds no entry id: it is the hash of the body.
    pub fn entry(&self) -> Result<LogEntry, EntryError> {
        let bytes = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| EntryError::new("a field is not base64"));
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| EntryError::new("a number is none of 64 bits, without a sign"))
        };
        let hash = |text: &String| Ok::<_, EntryError>(hex::encode(bytes(text)?));
        let proof = self.inclusion_proof.as_ref().map(|proof| {
            Ok::<_, EntryError>(wire::InclusionProof {
                checkpoint: proof.checkpoint.as_ref().map(|checkpoint| checkpoint.envelope.clone()),
                hashes: proof.hashes.iter().map(hash).collect::<Result<_, _>>()?,
                log_index: number(&proof.log_index)?,
                root_hash: hash(&proof.root_hash)?,
                tree_size: number(&proof.tree_size)?,
            })
        });
        let fields = SignedFields {
            body: self.canonicalized_body.clone(),
            integrated_time: number(&self.integrated_time)?,
            log_id: hash(&self.log_id.key_id)?,
            log_index: number(&self.log_index)?,
        };
        let verification = wire::Verification {
            inclusion_proof: proof.transpose()?,
            signed_entry_timestamp: self.inclusion_promise.as_ref().map(|set| set.signed_entry_timestamp.clone()),
        };
        let id = hex::encode(leaf_hash(&bytes(&self.canonicalized_body)?));
        LogEntry::from_wire(&id, wire::Entry::new(fields, verification))
    }
}
