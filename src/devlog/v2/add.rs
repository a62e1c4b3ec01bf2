//! `POST /api/v2/log/entries`: adding an entry.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;

use super::entry::{self, KIND, VERSION};
use super::log::{Appended, Included, TileLog};
use super::request;
use super::response::{ApiError, json};
use super::tiles::MAX_ENTRY;

pub(super) fn create(log: &TileLog, body: &[u8]) -> Result<Response<Bytes>, ApiError> {
    let leaf = entry::leaf(request::hashed_rekord(body)?)?;
    // An entry bundle could not hold it.
    if leaf.len() > MAX_ENTRY {
        return Err(ApiError::not_integrated());
    }
    match log.append(&leaf)? {
        Appended::New(included) => Ok(json(StatusCode::CREATED, &TransparencyLogEntry::new(log, &leaf, &included))),
        Appended::Existing(index) => Err(ApiError::already_exists(index)),
    }
}

/// `dev.sigstore.rekor.v1.TransparencyLogEntry` in protobuf's JSON form, where 64-bit numbers are strings and bytes are base64.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransparencyLogEntry {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    /// Of v1 alone.
    integrated_time: &'static str,
    /// Of v1 alone.
    inclusion_promise: Option<()>,
    inclusion_proof: InclusionProof,
    canonicalized_body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Serialize)]
struct KindVersion {
    kind: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    root_hash: String,
    tree_size: String,
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Serialize)]
struct Checkpoint {
    envelope: String,
}

impl TransparencyLogEntry {
    fn new(log: &TileLog, leaf: &str, included: &Included) -> Self {
        Self {
            log_index: included.index.to_string(),
            log_id: LogId { key_id: BASE64_STANDARD.encode(log.id()) },
            kind_version: KindVersion { kind: KIND, version: VERSION },
            integrated_time: "0",
            inclusion_promise: None,
            inclusion_proof: InclusionProof {
                log_index: included.index.to_string(),
                root_hash: BASE64_STANDARD.encode(included.head.root),
                tree_size: included.head.size.to_string(),
                hashes: included.path.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect(),
                checkpoint: Checkpoint { envelope: included.checkpoint.clone() },
            },
            canonicalized_body: BASE64_STANDARD.encode(leaf),
        }
    }
}
