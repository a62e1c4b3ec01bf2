//! The journal's record of an entry.

use serde::{Deserialize, Serialize};

/// One entry, as a line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The leaf's bytes: canonical JSON, and so text.
    pub(super) body: String,
    /// Seconds since 1970.
    pub(super) integrated_time: u64,
    /// The keys of the search index that lead to the entry: derived from the payload, which is not always kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) index_keys: Vec<String>,
    /// The payload in base64, as it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attestation: Option<String>,
}
