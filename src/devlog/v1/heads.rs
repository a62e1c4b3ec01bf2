//! `/api/v1/log`: the head of the tree, how it grew, and the key that signs it.

use bytes::Bytes;
use http::Response;
use serde::Serialize;

use super::log::MerkleLog;
use super::request::{number, parameter, required};
use super::response::{ApiError, Invalid, json, typed};

/// Rekor's `LogInfo`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogInfo {
    /// Always null, as a Rekor with one tree answers.
    inactive_shards: Option<Vec<()>>,
    root_hash: String,
    signed_tree_head: String,
    /// Decimal; an entry's id has it in hex.
    #[serde(rename = "treeID")]
    tree_id: String,
    tree_size: u64,
}

/// `GET /api/v1/log`.
pub(super) fn current(log: &MerkleLog) -> Result<Response<Bytes>, ApiError> {
    let head = log.head()?;
    Ok(json(&LogInfo {
        inactive_shards: None,
        root_hash: hex::encode(head.root()),
        signed_tree_head: head.note().to_owned(),
        tree_id: log.tree_id().to_string(),
        tree_size: head.size(),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    hashes: Vec<String>,
    /// The current head's, whatever `lastSize` is: Rekor passes on what its tree answers.
    root_hash: String,
}

/// `GET /api/v1/log/proof?firstSize=M&lastSize=N&treeID=T`.
pub(super) fn consistency(log: &MerkleLog, query: &str) -> Result<Response<Bytes>, ApiError> {
    let first = number(query, "firstSize", 1)?.unwrap_or(1);
    let last = number(query, "lastSize", 1)?.ok_or_else(|| required("lastSize"))?;
    if first > last {
        let message = format!("firstSize({first}) must be less than lastSize({last})");
        return Err(ApiError::bad_request(message));
    }
    if let Some(tree_id) = tree_id(query)?
        && tree_id != log.tree_id().to_string()
    {
        let message = format!("no log range found for tree ID {tree_id}");
        return Err(ApiError::bad_request(message));
    }
    let (root, proof) = log.consistency(first, last).map_err(|size| {
        ApiError::bad_request(format!(
            "the tree size requested({last}) was greater than what is currently \
             observable({size})"
        ))
    })?;
    Ok(json(&Consistency { hashes: proof.iter().map(hex::encode).collect(), root_hash: hex::encode(root) }))
}

/// `GET /api/v1/log/publicKey?treeID=T`.
pub(super) fn public_key(log: &MerkleLog, query: &str) -> Result<Response<Bytes>, ApiError> {
    if tree_id(query)?.is_some_and(|tree_id| tree_id != log.tree_id().to_string()) {
        // The body is JSON all the same.
        return Err(ApiError::bad_request("Bad Request").typed("application/x-pem-file"));
    }
    let pem = Bytes::copy_from_slice(log.key.public_key().pem().as_bytes());
    Ok(typed("application/x-pem-file", pem))
}

fn tree_id(query: &str) -> Result<Option<&str>, ApiError> {
    let tree_id = parameter(query, "treeID");
    match tree_id {
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(ApiError::invalid(Invalid::Pattern, "treeID in query should match '^[0-9]+$'"))
        }
        tree_id => Ok(tree_id),
    }
}
