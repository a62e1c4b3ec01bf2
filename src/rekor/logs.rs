//! The log that is written, and those that were written before it.

use super::{LogClients, RetryingRekor};
use crate::tlog::body::EntryBody;
use crate::tlog::{Checkpoint, LogEntry};

/// Logs, for those who have time.
#[derive(Debug)]
pub(crate) struct Logs {
    written: RetryingRekor,
    earlier: Vec<RetryingRekor>,
}

impl Logs {
    pub(crate) fn new(clients: LogClients) -> Self {
        let earlier = clients.earlier.into_iter().map(RetryingRekor::new).collect();
        Self { written: RetryingRekor::new(clients.written), earlier }
    }

    /// The log that is written.
    pub(crate) fn written(&self) -> &RetryingRekor {
        &self.written
    }

    /// All of them, the one that is written first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RetryingRekor> {
        std::iter::once(&self.written).chain(&self.earlier)
    }

    /// Those that list entries by hashes.
    pub(crate) fn searchable(&self) -> impl Iterator<Item = &RetryingRekor> {
        self.all().filter(|log| log.rekor().is_searchable())
    }

    /// The log that an entry is in, by its form.
    fn of_entry(&self, entry: &LogEntry) -> &RetryingRekor {
        self.by_form(!matches!(entry.body(), EntryBody::SignedDigest(_))).next().unwrap_or(&self.written)
    }

    /// The logs that can have signed a checkpoint, by its form.
    pub(super) fn of_checkpoint(&self, checkpoint: &Checkpoint) -> impl Iterator<Item = &RetryingRekor> {
        self.by_form(checkpoint.tree_id().is_some())
    }

    fn by_form(&self, is_v1: bool) -> impl Iterator<Item = &RetryingRekor> {
        self.all().filter(move |log| log.rekor().is_searchable() == is_v1)
    }

    /// The URL at which anyone can read the entry.
    pub(crate) fn entry_url(&self, entry: &LogEntry) -> String {
        self.of_entry(entry).rekor().entry_url(entry)
    }
}
