//! `/api/v1/log/entries`: adding entries and getting them back.

use super::answer::{Invalid, Refusal, json, value};
use super::entry::{AskedId, Entry, EntryId};
use super::log::{Appended, Log};
use super::proposal::{Proposal, ProposalError};
use super::router::{number, object, required};
use super::tree::leaf_hash;
use super::{Devlog, Filing};
use bytes::Bytes;
use http::header::{ETAG, LOCATION};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Rekor's `maxSearchQueries`: ids, indexes and entries together.
const MAX_QUERIES: usize = 10;

const ID_PATTERN: &str = "^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$";

/// `POST /api/v1/log/entries`.
pub(super) fn create(devlog: &Devlog, body: &[u8]) -> Result<Response<Bytes>, Refusal> {
    let proposal = Proposal::parse(body)?;
    let filing = devlog.filing();
    let (position, id) = match devlog.log.append(&proposal, filing)? {
        Appended::New { position, id } => (position, id),
        Appended::Existing(id) => {
            let message = format!("an equivalent entry already exists in the transparency log with UUID {id}");
            return Err(Refusal::conflict(message, &location(&id)));
        }
    };
    if let Filing::After(delay) = filing {
        file_later(Arc::clone(&devlog.log), position, delay);
    }
    let (_, mut entry) = devlog.log.entry(position)?;
    // Rekor shows it to a GET only.
    entry.attestation = None;
    let mut response = json(&named(id, entry));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.extend(value(&location(&id)).map(|url| (LOCATION, url)));
    // Not quoted, as Rekor sends it.
    headers.extend(value(&id.to_string()).map(|tag| (ETAG, tag)));
    Ok(response)
}

impl From<ProposalError> for Refusal {
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

fn file_later(log: Arc<Log>, position: u64, delay: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let filed = tokio::task::spawn_blocking(move || log.file(position)).await;
        if !matches!(filed, Ok(Ok(()))) {
            tracing::error!(position, "an entry could not be filed for search");
        }
    });
}

/// `GET /api/v1/log/entries/{entryUUID}`.
pub(super) fn by_id(log: &Log, id: &str) -> Result<Response<Bytes>, Refusal> {
    let asked = AskedId::parse(id).ok_or_else(|| {
        let message = format!("entryUUID in path should match '{ID_PATTERN}'");
        Refusal::invalid(Invalid::Pattern, message)
    })?;
    let position = position_of(log, &asked)?.ok_or_else(Refusal::no_such_entry)?;
    let (id, entry) = log.entry(position)?;
    Ok(json(&named(id, entry)))
}

/// `GET /api/v1/log/entries?logIndex=N`.
pub(super) fn by_index(log: &Log, query: &str) -> Result<Response<Bytes>, Refusal> {
    let index = number(query, "logIndex", 0)?.ok_or_else(|| required("logIndex"))?;
    let position = log.position_at(index).ok_or_else(Refusal::no_such_entry)?;
    let (id, entry) = log.entry(position)?;
    Ok(json(&named(id, entry)))
}

/// Rekor's `SearchLogQuery`. Its own client sends null for what it does not ask for.
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

/// `POST /api/v1/log/entries/retrieve`: leaves out what it does not find.
pub(super) fn retrieve(log: &Log, body: &[u8]) -> Result<Response<Bytes>, Refusal> {
    let asked: Retrieval<'_> = object(body, "entry")?;
    let mut proposals = Vec::new();
    // A proposal takes work, so that their number is limited before any is looked at.
    let entries = few(asked.entries, "entries")?;
    for (number, entry) in entries.iter().enumerate() {
        proposals.push(Proposal::parse(entry.get().as_bytes()).map_err(|error| match error {
            ProposalError::Json(_) | ProposalError::Absent("kind") | ProposalError::UnknownKind(_) => {
                Refusal::unparsable("entry", error)
            }
            ProposalError::Absent(_) => Refusal::invalid(Invalid::Required, format!("entries.{number}.{error}")),
            error => Refusal::bad_request(error.to_string()),
        })?);
    }
    let ids = few(asked.ids, "entryUUIDs")?;
    let log_indexes = few(asked.log_indexes, "logIndexes")?;
    for (number, index) in log_indexes.iter().enumerate() {
        if index.is_some_and(|index| index < 0) {
            let message = format!("logIndexes.{number} in body should be greater than or equal to 0");
            return Err(Refusal::invalid(Invalid::Minimum, message));
        }
    }
    let queries = ids.len() + log_indexes.len() + entries.len();
    if queries > MAX_QUERIES {
        let message = format!("more than max allowed {MAX_QUERIES} entries in request");
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    // Rekor answers full ids first, then bare hashes and entries, then indexes.
    let (mut full, mut bare) = (Vec::new(), Vec::new());
    for (number, id) in ids.iter().enumerate() {
        let asked = AskedId::parse(id).ok_or_else(|| {
            let message = format!("entryUUIDs.{number} in body should match '{ID_PATTERN}'");
            Refusal::invalid(Invalid::Pattern, message)
        })?;
        let positions = match asked.tree_id {
            Some(_) => &mut full,
            None => &mut bare,
        };
        if asked.tree_id.is_some_and(|tree| i64::try_from(tree).is_err() || tree == 0) {
            return Err(Refusal::bad_request(format!("invalid entryID {id}")));
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

/// What a list holds: nothing if it is not there, else one to ten.
fn few<T>(list: Option<Vec<T>>, name: &str) -> Result<Vec<T>, Refusal> {
    let refusal = match list.as_ref().map(Vec::len) {
        Some(0) => Refusal::invalid(Invalid::MinItems, format!("{name} in body should have at least 1 items")),
        Some(count) if count > MAX_QUERIES => {
            Refusal::invalid(Invalid::MaxItems, format!("{name} in body should have at most {MAX_QUERIES} items"))
        }
        _ => return Ok(list.unwrap_or_default()),
    };
    Err(refusal)
}

/// Where the entry is, if it is in this tree. Tree ids are 63 bits wide.
fn position_of(log: &Log, asked: &AskedId) -> Result<Option<u64>, Refusal> {
    match asked.tree_id {
        Some(tree_id) if i64::try_from(tree_id).is_err() => {
            Err(Refusal::bad_request(format!("validation error: {tree_id:016x} is not a valid TreeID")))
        }
        Some(tree_id) if tree_id != log.tree_id() => Ok(None),
        _ => Ok(log.position_of(&asked.leaf)),
    }
}

fn location(id: &EntryId) -> String {
    format!("/api/v1/log/entries/{id}")
}

/// Rekor's `LogEntry`: an object with the id as its only key.
fn named(id: EntryId, entry: Entry) -> BTreeMap<EntryId, Entry> {
    BTreeMap::from([(id, entry)])
}
