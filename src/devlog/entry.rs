//! Entries as the API names and shows them.

use super::key::LogKey;
use super::tree::Hash;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Serialize, Serializer};
use sigstore::errors::SigstoreError;
use std::fmt;

/// An entry's id: the tree and the leaf's hash, 80 hex digits (Rekor's `pkg/sharding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    pub(super) tree_id: u64,
    pub(super) leaf: Hash,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.tree_id, hex::encode(self.leaf))
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a caller asks for: 80 hex digits, or the last 64 of them, which are looked for in
/// every tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AskedId {
    pub(super) tree_id: Option<u64>,
    pub(super) leaf: Hash,
}

impl AskedId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (tree, leaf) = match text.len() {
            64 => (None, text),
            80 => {
                let (tree, leaf) = text.split_at_checked(16)?;
                (Some(hex::decode(tree).ok()?.try_into().ok()?), leaf)
            }
            _ => return None,
        };
        Some(Self { tree_id: tree.map(u64::from_be_bytes), leaf: hex::decode(leaf).ok()?.try_into().ok()? })
    }
}

/// An entry as it is answered: Rekor's `LogEntryAnon`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attestation: Option<Attestation>,
    #[serde(flatten)]
    pub(super) stamped: Stamped,
    pub(super) verification: Verification,
}

#[derive(Debug, Serialize)]
pub(super) struct Attestation {
    pub(super) data: String,
}

/// What the signed entry timestamp covers, and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamped {
    /// The leaf in base64.
    body: String,
    integrated_time: u64,
    #[serde(rename = "logID")]
    log_id: String,
    /// Counted over all trees, the earlier ones included.
    log_index: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verification {
    pub(super) inclusion_proof: InclusionProof,
    pub(super) signed_entry_timestamp: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InclusionProof {
    pub(super) checkpoint: String,
    pub(super) hashes: Vec<String>,
    /// The position in this tree: the index that the proof is for.
    pub(super) log_index: u64,
    pub(super) root_hash: String,
    pub(super) tree_size: u64,
}

impl Stamped {
    pub(super) fn new(key: &LogKey, body: &str, integrated_time: u64, log_index: u64) -> Self {
        Self { body: BASE64_STANDARD.encode(body), integrated_time, log_id: hex::encode(key.id()), log_index }
    }

    /// The signed entry timestamp: a signature over RFC 8785 JSON of these four fields.
    pub(super) fn signature(&self, key: &LogKey) -> Result<String, SigstoreError> {
        let canonical = serde_json_canonicalizer::to_vec(self)?;
        Ok(BASE64_STANDARD.encode(key.sign(&canonical)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_or_80_hex_digits_in_any_case() {
        let leaf = [0xab; 32];
        let id = EntryId { tree_id: 0x24, leaf };
        let text = id.to_string();
        assert_eq!(text, format!("0000000000000024{}", "ab".repeat(32)));
        let asked = AskedId::parse(&text.to_uppercase()).unwrap();
        assert_eq!((asked.tree_id, asked.leaf), (Some(0x24), leaf));
        let asked = AskedId::parse(&text[16..]).unwrap();
        assert_eq!((asked.tree_id, asked.leaf), (None, leaf));
        for bad in ["", "ab", &text[1..], &text.replace('2', "g"), &"é".repeat(40)] {
            assert!(AskedId::parse(bad).is_none(), "{bad}");
        }
    }
}
