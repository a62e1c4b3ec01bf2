//! The client of Rekor v1's API. Its answers are parsed and bounded, and not yet verified.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;
use serde_json::value::RawValue;
use std::time::Duration;
use url::Url;

use crate::deadline::Deadline;
use crate::dsse::SignedPayload;
use crate::http_client;
use crate::rekor::Uploaded;
use crate::rekor::answer::{self, expect};
use crate::tlog::{EntryId, LogEntry, LogError};

/// Ids that Rekor takes in one retrieval; it answers 422 above.
pub const RETRIEVE_LIMIT: usize = 10;
/// An index answer is not paged: this holds 50,000 ids, more than can be checked in one request's time.
const MAX_INDEX_BYTES: usize = 4 << 20;
/// A sighting's entry has some 8 KiB: the leaf and the statement in base64, and a proof of up to 64 hashes. A larger entry
/// is not a sighting, whoever filed it.
pub const SIGHTING_BYTES: usize = 32 << 10;
/// Rekor answers 409 without waiting for inclusion, so the entry that it names can be missing for a moment.
const NOT_YET_INCLUDED_PAUSE: Duration = Duration::from_millis(250);

/// A Rekor v1 instance.
#[derive(Debug, Clone)]
pub struct RekorV1 {
    base: Url,
    client: reqwest::Client,
}

impl RekorV1 {
    /// `base` is the instance's URL, without `/api/v1`.
    pub fn new(base: Url) -> Result<Self, reqwest::Error> {
        Ok(Self { base, client: http_client::builder().build()? })
    }

    /// The instance's URL, without `/api/v1`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The URL at which anyone can read the entry.
    pub fn entry_url(&self, id: EntryId) -> String {
        self.url(&format!("api/v1/log/entries/{id}"))
    }

    /// Uploads a signed payload. A repeated upload changes nothing: the log answers with the entry that exists.
    pub async fn upload(&self, signed: &SignedPayload<'_>, deadline: Deadline) -> Result<Uploaded, LogError> {
        let request = self.post("api/v1/log/entries", signed.proposed_entry());
        let response = self.send(request, deadline).await?;
        if response.status() == StatusCode::CONFLICT {
            let entry = self.conflicting_entry(&response, deadline).await?;
            return Ok(Uploaded { entry, hidden: true });
        }
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Err(LogError::Frozen);
        }
        let body = expect(response, StatusCode::CREATED, SIGHTING_BYTES, deadline).await?;
        let entry = LogEntry::parse(&body).map_err(|e| LogError::malformed("an upload", e))?;
        Ok(Uploaded { entry, hidden: false })
    }

    /// The entry that a 409 names in its `Location`.
    async fn conflicting_entry(&self, conflict: &Response, deadline: Deadline) -> Result<LogEntry, LogError> {
        let location = conflict.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let id = location.and_then(|location| location.rsplit('/').next());
        let id = id.ok_or_else(|| LogError::malformed("an upload", "409 without Location"))?;
        let id: EntryId = id.parse().map_err(|e| LogError::malformed("an upload", e))?;
        loop {
            match self.entry(id, deadline).await? {
                Some(entry) => return Ok(entry),
                // The next call fails if this sleeps up to the deadline.
                None => deadline.sleep(NOT_YET_INCLUDED_PAUSE).await,
            }
        }
    }

    /// The entry with this id, if the log has it.
    pub async fn entry(&self, id: EntryId, deadline: Deadline) -> Result<Option<LogEntry>, LogError> {
        let request = self.get(&format!("api/v1/log/entries/{id}")).header(ACCEPT, "application/json");
        let response = self.send(request, deadline).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = expect(response, StatusCode::OK, SIGHTING_BYTES, deadline).await?;
        LogEntry::parse(&body).map(Some).map_err(|e| LogError::malformed("an entry", e))
    }

    /// The ids that the index holds for a sha256 (lower-case hexadecimal), in no order. Their absence proves nothing:
    /// the index is written after an upload is answered, and not always.
    pub async fn search(&self, sha256: &str, deadline: Deadline) -> Result<Vec<EntryId>, LogError> {
        let query = json!({"hash": format!("sha256:{sha256}")}).to_string();
        let response = self.send(self.post("api/v1/index/retrieve", query), deadline).await?;
        let body = expect(response, StatusCode::OK, MAX_INDEX_BYTES, deadline).await?;
        serde_json::from_slice(&body).map_err(|e| LogError::malformed("a search", e))
    }

    /// The entries with these ids, at most [`RETRIEVE_LIMIT`] of them, of at most `entry_bytes` each on average.
    ///
    /// An entry that the log leaves out is an error: it could be the one that counts. So is another entry in its place,
    /// which the id shows, since it is a hash.
    pub async fn entries(
        &self,
        ids: &[EntryId],
        entry_bytes: usize,
        deadline: Deadline,
    ) -> Result<Vec<LogEntry>, LogError> {
        let query = json!({"entryUUIDs": ids.iter().map(EntryId::to_string).collect::<Vec<_>>()}).to_string();
        let response = self.send(self.post("api/v1/log/entries/retrieve", query), deadline).await?;
        let body = expect(response, StatusCode::OK, ids.len() * entry_bytes, deadline).await?;
        let items: Vec<&RawValue> = serde_json::from_slice(&body).map_err(|e| LogError::malformed("a retrieval", e))?;
        let entries: Vec<LogEntry> = items
            .iter()
            .map(|item| LogEntry::parse(item.get().as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|e| LogError::malformed("a retrieval", e))?;
        let returned = |id: &EntryId| entries.iter().any(|entry| entry.leaf_hash() == id.leaf_hash);
        if ids.iter().all(returned) { Ok(entries) } else { Err(LogError::Missing) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    fn post(&self, path: &str, json: impl Into<Bytes>) -> RequestBuilder {
        let request = self.client.post(self.url(path)).header(CONTENT_TYPE, "application/json");
        request.header(ACCEPT, "application/json").body(json.into())
    }

    pub(super) async fn send(&self, request: RequestBuilder, deadline: Deadline) -> Result<Response, LogError> {
        answer::send(request, deadline).await
    }
}
