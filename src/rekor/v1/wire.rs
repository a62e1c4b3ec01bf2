//! The JSON of entries in Rekor's API. Serde refuses a key of these that stands twice.

use serde::{Deserialize, Serialize};

use crate::tlog::{InclusionProof, SignedFields};

/// [`SignedFields`] and the parts that stand beside them. They are not flattened: serde would keep every field that it does
/// not know, as a tree.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attestation: Option<Attestation>,
    pub(crate) body: String,
    pub(crate) integrated_time: u64,
    #[serde(rename = "logID")]
    pub(crate) log_id: String,
    pub(crate) log_index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verification: Option<Verification>,
}

impl Entry {
    pub(crate) fn new(fields: &SignedFields, verification: Verification) -> Self {
        Self {
            attestation: None,
            body: fields.body().to_owned(),
            integrated_time: fields.integrated_time(),
            log_id: fields.log_id().to_owned(),
            log_index: fields.log_index(),
            verification: Some(verification),
        }
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verification {
    pub(crate) inclusion_proof: Option<Proof>,
    pub(crate) signed_entry_timestamp: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) checkpoint: Option<String>,
    pub(crate) hashes: Vec<String>,
    pub(crate) log_index: u64,
    pub(crate) root_hash: String,
    pub(crate) tree_size: u64,
}

impl From<&InclusionProof> for Proof {
    fn from(proof: &InclusionProof) -> Self {
        Self {
            checkpoint: proof.checkpoint.clone(),
            hashes: proof.path.iter().map(hex::encode).collect(),
            log_index: proof.log_index,
            root_hash: hex::encode(proof.head.root),
            tree_size: proof.head.size,
        }
    }
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Attestation {
    pub(crate) data: Option<String>,
}
