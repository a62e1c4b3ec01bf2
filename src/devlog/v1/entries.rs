//! `/api/v1/log/entries`: adding entries and getting them back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, LOCATION};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::log::{Appended, MerkleLog};
use super::proposal::{Proposal, ProposalError};
use super::request::{number, object, required};
use super::response::{ApiError, Invalid, header_value, json};
use crate::devlog::Indexing;
use crate::rekor::wire::Entry;
use crate::tlog::{EntryId, leaf_hash};

/// Rekor's `maxSearchQueries`: ids, indexes and entries together.
const MAX_QUERIES: usize = 10;

const ID_PATTERN: &str = "^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$";

/// `POST /api/v1/log/entries`.
pub(super) fn create(log: &Arc<MerkleLog>, body: &[u8]) -> Result<Response<Bytes>, ApiError> {
    let proposal = Proposal::parse(body)?;
    let indexing = log.indexing();
    let (position, id) = match log.append(&proposal, indexing)? {
        Appended::New { position, id } => (position, id),
        Appended::Existing(id) => {
            let message = format!("an equivalent entry already exists in the transparency log with UUID {id}");
            return Err(ApiError::conflict(message, &location(&id)));
        }
    };
    if let Indexing::After(delay) = indexing {
        index_later(Arc::clone(log), position, delay);
    }
    let (_, mut entry) = log.entry(position)?;
    // Rekor shows it to a GET only.
    entry.attestation = None;
    let mut response = json(&named(id, entry));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.extend(header_value(&location(&id)).map(|url| (LOCATION, url)));
    // Not quoted, as Rekor sends it.
    headers.extend(header_value(&id.to_string()).map(|tag| (ETAG, tag)));
    Ok(response)
}

impl From<ProposalError> for ApiError {
    fn from(error: ProposalError) -> Self {
        let message = error.to_string();
        match error {
            // go-openapi cannot read these, and has a status of its own for each.
            ProposalError::Json(_) => Self::internal(message),
            ProposalError::Absent(_) => Self::invalid(Invalid::Required, message),
            ProposalError::UnknownKind(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message),
            // Rekor notices only while it writes the leaf.
            ProposalError::EnvelopeDigest => Self::internal("error generating canonicalized entry"),
            _ => Self::bad_request(format!("error processing entry: {message}")),
        }
    }
}

fn index_later(log: Arc<MerkleLog>, position: u64, delay: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let indexed = tokio::task::spawn_blocking(move || log.index(position)).await;
        if !matches!(indexed, Ok(Ok(()))) {
            tracing::error!(position, "an entry could not be indexed for search");
        }
    });
}

/// `GET /api/v1/log/entries/{entryUUID}`.
pub(super) fn by_id(log: &MerkleLog, id: &str) -> Result<Response<Bytes>, ApiError> {
    let asked: EntryId = id.parse().map_err(|_| {
        let message = format!("entryUUID in path should match '{ID_PATTERN}'");
        ApiError::invalid(Invalid::Pattern, message)
    })?;
    let position = position_of(log, &asked)?.ok_or_else(ApiError::no_such_entry)?;
    let (id, entry) = log.entry(position)?;
    Ok(json(&named(id, entry)))
}

/// `GET /api/v1/log/entries?logIndex=N`.
pub(super) fn by_index(log: &MerkleLog, query: &str) -> Result<Response<Bytes>, ApiError> {
    let index = number(query, "logIndex", 0)?.ok_or_else(|| required("logIndex"))?;
    let position = log.position_at(index).ok_or_else(ApiError::no_such_entry)?;
    let (id, entry) = log.entry(position)?;
    Ok(json(&named(id, entry)))
}

/// Rekor's `SearchLogQuery`. Its own client sends null for the lists it does not use.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retrieval<'a> {
    #[serde(rename = "entryUUIDs")]
    ids: Option<Vec<String>>,
    /// Rekor reads a null as 0.
    log_indexes: Option<Vec<Option<i64>>>,
    #[serde(borrow)]
    entries: Option<Vec<&'a RawValue>>,
}

/// `POST /api/v1/log/entries/retrieve`: entries that it does not find are left out.
pub(super) fn retrieve(log: &MerkleLog, body: &[u8]) -> Result<Response<Bytes>, ApiError> {
    let asked: Retrieval<'_> = object(body, "entry")?;
    let mut proposals = Vec::new();
    // A proposal takes work, so their number is limited before any is looked at.
    let entries = few(asked.entries, "entries")?;
    for (number, entry) in entries.iter().enumerate() {
        proposals.push(Proposal::parse(entry.get().as_bytes()).map_err(|error| match error {
            ProposalError::Json(_) | ProposalError::Absent("kind") | ProposalError::UnknownKind(_) => {
                ApiError::unparsable("entry", error)
            }
            ProposalError::Absent(_) => ApiError::invalid(Invalid::Required, format!("entries.{number}.{error}")),
            error => ApiError::bad_request(error.to_string()),
        })?);
    }
    let ids = few(asked.ids, "entryUUIDs")?;
    let log_indexes = few(asked.log_indexes, "logIndexes")?;
    for (number, index) in log_indexes.iter().enumerate() {
        if index.is_some_and(|index| index < 0) {
            let message = format!("logIndexes.{number} in body should be greater than or equal to 0");
            return Err(ApiError::invalid(Invalid::Minimum, message));
        }
    }
    let queries = ids.len() + log_indexes.len() + entries.len();
    if queries > MAX_QUERIES {
        let message = format!("more than max allowed {MAX_QUERIES} entries in request");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    // Rekor answers full ids first, then bare hashes and entries, then indexes.
    let (mut full, mut bare) = (Vec::new(), Vec::new());
    for (number, id) in ids.iter().enumerate() {
        let asked: EntryId = id.parse().map_err(|_| {
            let message = format!("entryUUIDs.{number} in body should match '{ID_PATTERN}'");
            ApiError::invalid(Invalid::Pattern, message)
        })?;
        let positions = match asked.tree_id {
            Some(_) => &mut full,
            None => &mut bare,
        };
        if asked.tree_id.is_some_and(|tree| i64::try_from(tree).is_err() || tree == 0) {
            return Err(ApiError::bad_request(format!("invalid entryID {id}")));
        }
        positions.extend(position_of(log, &asked)?);
    }
    bare.extend(proposals.iter().filter_map(|proposal| log.position_of(&leaf_hash(proposal.leaf.as_bytes()))));
    let by_index =
        log_indexes.iter().filter_map(|index| log.position_at(u64::try_from(index.unwrap_or_default()).ok()?));
    let mut found = Vec::new();
    for position in full.into_iter().chain(bare).chain(by_index) {
        let (id, entry) = log.entry(position)?;
        found.push(named(id, entry));
    }
    Ok(json(&found))
}

/// A list of at most ten: a missing one is empty, an empty one is an error.
fn few<T>(list: Option<Vec<T>>, name: &str) -> Result<Vec<T>, ApiError> {
    let error = match list.as_ref().map(Vec::len) {
        Some(0) => ApiError::invalid(Invalid::MinItems, format!("{name} in body should have at least 1 items")),
        Some(count) if count > MAX_QUERIES => {
            ApiError::invalid(Invalid::MaxItems, format!("{name} in body should have at most {MAX_QUERIES} items"))
        }
        _ => return Ok(list.unwrap_or_default()),
    };
    Err(error)
}

/// The position of the entry, if it is in this tree. Tree ids are 63 bits wide.
fn position_of(log: &MerkleLog, asked: &EntryId) -> Result<Option<u64>, ApiError> {
    match asked.tree_id {
        Some(tree_id) if i64::try_from(tree_id).is_err() => {
            Err(ApiError::bad_request(format!("validation error: {tree_id:016x} is not a valid TreeID")))
        }
        Some(tree_id) if tree_id != log.tree_id() => Ok(None),
        _ => Ok(log.position_of(&asked.leaf_hash)),
    }
}

fn location(id: &EntryId) -> String {
    format!("/api/v1/log/entries/{id}")
}

/// Rekor's `LogEntry`: an object with the id as its only key.
fn named(id: EntryId, entry: Entry) -> BTreeMap<String, Entry> {
    BTreeMap::from([(id.to_string(), entry)])
}
