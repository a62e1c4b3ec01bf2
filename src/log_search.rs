//! The search for everything that the log lists for a tag.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::rc::Rc;

use futures_util::StreamExt as _;
use tokio::sync::Mutex;

use crate::config::LogConfig;
use crate::http_client::SendError;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::rekor::{Logs, Retrieved, RetryingRekor, retrieve};
use crate::sighting::{Finding, Findings, Lookup, subject_hash};
use crate::tlog::{EntryId, LogEntry, LogError, LogKeys, Policy};

/// Bytes of one answer, of one entry or ten. Several are read at once, for several tags.
const ANSWER_BYTES: usize = 4 << 20;
/// Bytes of one entry, of which one is read at once if it is larger than an answer. Rekor sets no limit of its own. The
/// largest worth reading holds a key with a few MiB of text around it.
const MAX_ENTRY_BYTES: usize = 64 << 20;

/// Logs, and the keys that they are searched for.
pub(crate) struct LogSearch {
    pub log: Logs,
    pub log_keys: LogKeys,
    /// Public keys that sightings count by.
    pub trusted: Vec<PublicKey>,
    /// The demand for witnesses' cosignatures of checkpoints that count.
    pub policy: Option<Policy>,
    /// Held while an entry larger than an answer is read. Anyone can file as many as he likes.
    large: Mutex<()>,
}

/// Entries that the log lists and that could not be read, with the reason.
pub(crate) type Unread = Vec<(EntryId, Rc<LogError>)>;

impl LogSearch {
    pub(crate) fn new(log: LogConfig, trusted: Vec<PublicKey>) -> Result<Self, reqwest::Error> {
        let logs = Logs::new(log.clients()?);
        Ok(Self { log: logs, log_keys: log.keys, trusted, policy: log.policy, large: Mutex::default() })
    }

    /// Returns whether any of the logs lists entries.
    pub(crate) fn can_search(&self) -> bool {
        self.log.searchable().next().is_some()
    }

    /// Returns whether all of the logs list entries.
    pub(crate) fn can_search_all(&self) -> bool {
        self.log.all().all(|log| log.rekor().is_searchable())
    }

    /// Reads the entries that the log lists for a tag. `each` sees every finding, in any order.
    ///
    /// An entry that cannot be read does not affect the others.
    pub(crate) async fn findings(
        &self,
        tag: &Tag,
        mut each: impl FnMut(&Finding),
    ) -> Result<(Findings, Unread), LogError> {
        let (mut findings, mut unread, mut read) = (Findings::default(), Unread::new(), 0);
        let sort = |retrieved: Retrieved<LogError>| match retrieved {
            Retrieved::Entry(entry) => {
                let finding = Finding::read(tag, *entry, &self.trusted, &self.log_keys);
                read += 1;
                each(&finding);
                findings.add(finding);
                ControlFlow::Continue(())
            }
            Retrieved::Failed { ids, error } => {
                let error = Rc::new(error);
                unread.extend(ids.into_iter().map(|id| (id, error.clone())));
                ControlFlow::Continue(())
            }
        };
        self.retrieve(&subject_hash(tag), sort).await?;
        let log_failed = |error: &LogError| matches!(error, LogError::Missing) || error.is_transient();
        if read == 0 && unread.iter().all(|(_, error)| log_failed(error)) {
            // All failed because the log did: one error is the result.
            unread.truncate(1);
            if let Some(Ok(error)) = unread.pop().map(|(_, error)| Rc::try_unwrap(error)) {
                return Err(error);
            }
        }
        findings.consider_own(tag, &self.trusted);
        let Ok(()) = findings.look_up_statements(tag, &self.trusted, self, |_| {}).await;
        Ok((findings, unread))
    }

    /// Hands each entry that the logs list to `each`, until it breaks.
    async fn retrieve(
        &self,
        sha256: &str,
        mut each: impl FnMut(Retrieved<LogError>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        for log in self.log.searchable() {
            self.retrieve_from(log, sha256, &mut each).await?;
        }
        Ok(())
    }

    async fn retrieve_from(
        &self,
        log: &RetryingRekor,
        sha256: &str,
        mut each: impl FnMut(Retrieved<LogError>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let ids = log.ask(async |log, deadline| log.search(sha256, deadline).await).await?;
        let ask = |ids: Vec<EntryId>| async move {
            let within =
                async |bytes| log.ask(async |log, deadline| log.entries(&ids, bytes / ids.len(), deadline).await).await;
            match within(ANSWER_BYTES).await {
                Err(LogError::Send(SendError::TooLarge(_))) if ids.len() == 1 => {
                    let _one = self.large.lock().await;
                    within(MAX_ENTRY_BYTES).await
                }
                answer => answer,
            }
        };
        let is_of_one = |error: &LogError| !matches!(error, LogError::RateLimited { .. });
        let mut retrieved = std::pin::pin!(retrieve(ids, ask, is_of_one));
        while let Some(retrieved) = retrieved.next().await {
            if each(retrieved).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Lookup for LogSearch {
    type Error = Infallible;

    /// Passes over entries that cannot be read, and a search that fails: their statements stay unknown.
    async fn each(
        &self,
        sha256: &str,
        mut each: impl FnMut(LogEntry) -> ControlFlow<()> + Send,
    ) -> Result<(), Infallible> {
        let entry = |retrieved| match retrieved {
            Retrieved::Entry(entry) => each(*entry),
            Retrieved::Failed { .. } => ControlFlow::Continue(()),
        };
        let _ = self.retrieve(sha256, entry).await;
        Ok(())
    }
}
