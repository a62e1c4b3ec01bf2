//! `POST /api/v2/log/entries`: adding an entry.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Response, StatusCode};

use super::entry::{self, KIND, VERSION};
use super::log::{Appended, Included, TileLog};
use super::request;
use super::response::{ApiError, json};
use super::tiles::MAX_ENTRY;
use super::wire::{Checkpoint, InclusionProof, KindVersion, LogId, TransparencyLogEntry};

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
