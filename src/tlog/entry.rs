//! Log entries, parsed and not yet verified.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::body::{EntryBody, contains_key};
use super::checkpoint::Checkpoint;
use super::entry_id::EntryId;
use super::error::EntryError;
use super::merkle::{Hash, Head, is_included, leaf_hash};
use crate::key::PublicKey;

/// Integers up to here are the same in JSON everywhere (RFC 8785 section 3.2.2.3); the signed entry timestamp covers
/// JSON.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// One entry, not yet verified ([`LogEntry::verify`]).
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub(super) id: EntryId,
    pub(super) body: EntryBody,
    /// The signed entry timestamp, base64.
    pub(super) set: Option<String>,
    pub(super) proof: Option<InclusionProof>,
    pub(super) attestation: Option<Vec<u8>>,
    pub(super) fields: SignedFields,
}

/// The leaf, and the three facts that the signed entry timestamp covers with it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedFields {
    /// The leaf's base64, as it came.
    body: String,
    /// Seconds since the Unix epoch.
    integrated_time: u64,
    /// Hexadecimal.
    #[serde(rename = "logID")]
    log_id: String,
    /// The position over all shards of the log, from 0.
    log_index: u64,
    #[serde(skip)]
    leaf: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct InclusionProof {
    /// The position in this tree, from 0: not the entry's `logIndex`.
    pub(crate) log_index: u64,
    pub(crate) head: Head,
    pub(crate) path: Vec<Hash>,
    /// The text that came as a checkpoint, not yet parsed.
    pub(crate) checkpoint: Option<String>,
}

impl InclusionProof {
    /// Returns whether it leads from this leaf's hash to its root.
    pub(crate) fn leads_from(&self, leaf_hash: &Hash) -> bool {
        is_included(leaf_hash, self.log_index, self.head, &self.path)
    }
}

impl SignedFields {
    pub(crate) fn new(body: String, integrated_time: u64, log_id: String, log_index: u64) -> Result<Self, EntryError> {
        let leaf = BASE64_STANDARD.decode(&body).map_err(|_| EntryError::new("its body is not base64"))?;
        if log_index.max(integrated_time) > MAX_SAFE_INTEGER {
            return Err(EntryError::new("its index or time is out of range"));
        }
        // It is printed into the JSON that the log signed, where nothing may need escaping.
        if !log_id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(EntryError::new("its logID is not hexadecimal"));
        }
        Ok(Self { body, integrated_time, log_id, log_index, leaf })
    }

    /// The fields of an entry that a log makes itself. `log_id` is hexadecimal.
    pub(crate) fn of_leaf(leaf: Vec<u8>, integrated_time: u64, log_id: String, log_index: u64) -> Self {
        Self { body: BASE64_STANDARD.encode(&leaf), integrated_time, log_id, log_index, leaf }
    }

    /// The bytes that the signed entry timestamp covers: RFC 8785 JSON.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("strings and safe integers always serialise")
    }

    /// The leaf's base64.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn integrated_time(&self) -> u64 {
        self.integrated_time
    }

    /// Hexadecimal.
    pub(crate) fn log_id(&self) -> &str {
        &self.log_id
    }

    pub(crate) fn log_index(&self) -> u64 {
        self.log_index
    }

    pub(crate) fn leaf(&self) -> &[u8] {
        &self.leaf
    }
}

impl LogEntry {
    pub(crate) fn new(id: EntryId, fields: SignedFields, set: Option<String>, proof: Option<InclusionProof>) -> Self {
        Self { id, body: EntryBody::parse(&fields.leaf), set, proof, attestation: None, fields }
    }

    pub(crate) fn with_attestation(self, attestation: Option<Vec<u8>>) -> Self {
        Self { attestation, ..self }
    }

    /// The memory that the entry takes, in bytes, nearly: its leaf in all forms, and its proof.
    pub fn size(&self) -> usize {
        let proof = self
            .proof
            .as_ref()
            .map_or(0, |proof| proof.path.len() * size_of::<Hash>() + proof.checkpoint.as_ref().map_or(0, String::len));
        let texts = self.set.as_ref().map_or(0, String::len) + self.fields.log_id.len();
        // The leaf, its base64, and the parsed body, which is no longer than the leaf.
        2 * self.fields.leaf.len()
            + self.fields.body.len()
            + self.attestation.as_ref().map_or(0, Vec::len)
            + proof
            + texts
    }

    /// The id that the log gave it.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The parsed leaf.
    pub fn body(&self) -> &EntryBody {
        &self.body
    }

    /// True if the entry holds `key` in any encoding and for any reason: for entries that cannot be understood.
    pub fn contains_key(&self, key: &PublicKey) -> bool {
        contains_key(&self.fields.leaf, key)
    }

    /// The statement that the log keeps beside the entry. No signature of the log covers it.
    pub fn attestation(&self) -> Option<&[u8]> {
        self.attestation.as_deref()
    }

    /// The signed entry timestamp, base64.
    pub(crate) fn signed_timestamp(&self) -> Option<&str> {
        self.set.as_deref()
    }

    pub(crate) fn inclusion_proof(&self) -> Option<&InclusionProof> {
        self.proof.as_ref()
    }

    pub(crate) fn signed_fields(&self) -> &SignedFields {
        &self.fields
    }

    /// The id of the log's key, in hexadecimal.
    pub(crate) fn log_id(&self) -> &str {
        &self.fields.log_id
    }

    /// The position over all shards of the log, from 0.
    pub fn log_index(&self) -> u64 {
        self.fields.log_index
    }

    /// The time at which the log took the entry in: seconds since the Unix epoch. 0 in Rekor v2, which signs no time.
    pub fn integrated_time(&self) -> u64 {
        self.fields.integrated_time
    }

    /// The checkpoint that the inclusion proof leads to, if there is one.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        Checkpoint::parse(self.proof.as_ref()?.checkpoint.as_deref()?)
    }

    /// The leaf's hash. A verified entry has it as its id.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.fields.leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_entry_counts_each_of_its_parts() {
        let id = EntryId { tree_id: None, leaf_hash: [0; 32] };
        let fields = SignedFields::of_leaf(vec![7; 300], 0, "ab".repeat(32), 9);
        let leaf = 2 * 300 + 400; // its bytes, its base64 and its parsed form
        assert_eq!(LogEntry::new(id, fields.clone(), None, None).size(), leaf + 64);
        let proof = InclusionProof {
            log_index: 9,
            head: Head { size: 10, root: [0; 32] },
            path: vec![[1; 32]; 5],
            checkpoint: Some("c".repeat(200)),
        };
        let entry = LogEntry::new(id, fields, Some("s".repeat(96)), Some(proof)).with_attestation(Some(vec![0; 50]));
        assert_eq!(entry.size(), leaf + 64 + 96 + 50 + 5 * 32 + 200);
    }

    #[test]
    fn an_index_or_a_time_that_json_does_not_hold_exactly_is_refused() {
        let largest = 9_007_199_254_740_991;
        let is_taken = |time, index| SignedFields::new(String::new(), time, String::new(), index).is_ok();
        assert!(is_taken(largest, largest));
        assert!(!is_taken(largest + 1, 0) && !is_taken(0, largest + 1));
    }
}
