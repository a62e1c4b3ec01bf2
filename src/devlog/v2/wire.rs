//! The JSON of an entry: the leaf, and the answer to who added it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leaf {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) spec: Spec,
}

#[derive(Serialize)]
pub(super) struct Spec {
    #[serde(rename = "hashedRekordV002")]
    pub(super) hashed_rekord_v002: HashedRekord,
}

#[derive(Serialize)]
pub(super) struct HashedRekord {
    pub(super) data: Data,
    pub(super) signature: Signed,
}

#[derive(Serialize)]
pub(super) struct Data {
    pub(super) algorithm: &'static str,
    pub(super) digest: String,
}

#[derive(Serialize)]
pub(super) struct Signed {
    pub(super) content: String,
    pub(super) verifier: SignedBy,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedBy {
    pub(super) key_details: &'static str,
    #[serde(flatten)]
    pub(super) given: Given,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Given {
    PublicKey(Raw),
    X509Certificate(Raw),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    pub(super) raw_bytes: String,
}

impl Raw {
    pub(super) fn new(der: &[u8]) -> Self {
        Self { raw_bytes: BASE64_STANDARD.encode(der) }
    }
}

/// `dev.sigstore.rekor.v1.TransparencyLogEntry` in protobuf's JSON form, where 64-bit numbers are strings and bytes are base64.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransparencyLogEntry {
    pub(super) log_index: String,
    pub(super) log_id: LogId,
    pub(super) kind_version: KindVersion,
    /// Of v1 alone.
    pub(super) integrated_time: &'static str,
    /// Of v1 alone.
    pub(super) inclusion_promise: Option<()>,
    pub(super) inclusion_proof: InclusionProof,
    pub(super) canonicalized_body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    pub(super) key_id: String,
}

#[derive(Serialize)]
pub(super) struct KindVersion {
    pub(super) kind: &'static str,
    pub(super) version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InclusionProof {
    pub(super) log_index: String,
    pub(super) root_hash: String,
    pub(super) tree_size: String,
    pub(super) hashes: Vec<String>,
    pub(super) checkpoint: Checkpoint,
}

#[derive(Serialize)]
pub(super) struct Checkpoint {
    pub(super) envelope: String,
}
