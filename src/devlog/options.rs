//! The options of a log.

use std::time::Duration;

use crate::tlog::RekorApi;

/// The behaviour of a log. The first three options are part of what it signs and cannot change later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The API that it speaks.
    pub api: RekorApi,
    /// The log's name in its checkpoints. Their origin is `<hostname> - <tree id>` with v1, and the name alone with v2.
    pub hostname: String,
    /// The number of entries that earlier trees are said to hold: an entry's `logIndex` is its position in the tree plus
    /// this. The two differ as in the public log, so that mixing them up shows. (32 bits, so that no index is rounded in
    /// canonical JSON.) v1 alone: a log of v2 has one tree.
    pub first_index: u32,
    /// Stores payloads and shows them with their entries. v1 alone.
    pub attestations: bool,
    /// The time at which a search finds a new entry and its attestation is shown. v1 alone.
    pub indexing: Indexing,
}

impl Options {
    /// A log that speaks this API, and is otherwise as by default.
    pub fn of(api: RekorApi) -> Self {
        Self { api, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api: RekorApi::V1,
            // The address that `serve`, `demo` and `log` listen on: Sigstore's JavaScript client wants the name of a log of
            // v1 in its URL, and with v2 every client takes the URL's host for the name.
            hostname: "127.0.0.1".to_owned(),
            first_index: 1_000_000,
            attestations: true,
            indexing: Indexing::AtOnce,
        }
    }
}

/// The time at which a new entry gets into the search index and its attestation into the store. Rekor does both in the
/// background and answers without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// Before the answer: kinder than Rekor.
    AtOnce,
    /// This long after the answer, or when the log is opened again: a search in between misses the entry.
    After(Duration),
    /// Not at all, as when an upload to Rekor times out: the entry is in the log and in no index.
    Never,
}
