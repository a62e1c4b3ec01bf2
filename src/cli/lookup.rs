//! Everything that the log lists for a tag.

use std::ops::ControlFlow;
use std::rc::Rc;

use futures_util::StreamExt as _;

use crate::config::LogConfig;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::rekor::{EntryId, LogKeys, PatientRekor, Rekor, RekorError, Retrieved, has_failed, retrieve};
use crate::sighting::{Finding, Findings, statement_of, subject_hash};

/// Bytes of one entry. Rekor sets no limit by itself; the largest that is worth reading holds a key with a few MiB of
/// text around it.
const MAX_ENTRY_BYTES: usize = 64 << 20;

/// A log, and whom to believe.
pub struct Lookup {
    pub log: PatientRekor,
    pub log_keys: LogKeys,
    /// Public keys that sightings count by.
    pub trusted: Vec<PublicKey>,
}

/// Entries that the log lists and that could not be read, and why.
pub type Unread = Vec<(EntryId, Rc<RekorError>)>;

impl Lookup {
    pub fn new(log: LogConfig, trusted: Vec<PublicKey>) -> Result<Self, reqwest::Error> {
        Ok(Self { log: PatientRekor::new(Rekor::new(log.url)?), log_keys: log.keys, trusted })
    }

    /// What the entries say that the log lists for a tag. `each` sees every one of them, in no order.
    ///
    /// An answer that cannot be read takes nothing from what others show.
    pub async fn findings(&self, tag: &Tag, mut each: impl FnMut(&Finding)) -> Result<(Findings, Unread), RekorError> {
        let (mut findings, mut unread, mut read) = (Findings::default(), Unread::new(), 0);
        let sort = |retrieved| match retrieved {
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
        let log_failed = |error: &RekorError| matches!(error, RekorError::Missing) || has_failed(error);
        if read == 0 && unread.iter().all(|(_, error)| log_failed(error)) {
            // One is enough to say so, and then nothing else holds it.
            unread.truncate(1);
            if let Some(Ok(error)) = unread.pop().map(|(_, error)| Rc::try_unwrap(error)) {
                return Err(error);
            }
        }
        findings.consider_own(tag, &self.trusted);
        for hash in findings.unknown_payloads() {
            // Where the log lists it elsewhere, with what was signed.
            let mut statement = None;
            let look = |retrieved| {
                if let Retrieved::Entry(entry) = retrieved {
                    statement = statement_of(&entry, &hash);
                }
                if statement.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            // A search that fails leaves the entry as it is: not understood.
            let _ = self.retrieve(&hex::encode(hash), look).await;
            if let Some(statement) = statement {
                findings.consider_statement(tag, &statement, &self.trusted);
            }
        }
        Ok((findings, unread))
    }

    /// Hands each entry that the log lists to `each`, until that has enough.
    async fn retrieve(
        &self,
        sha256: &str,
        mut each: impl FnMut(Retrieved) -> ControlFlow<()>,
    ) -> Result<(), RekorError> {
        let ids = self.log.ask(async |log, deadline| log.search(sha256, deadline).await).await?;
        let ask = |ids: Vec<EntryId>| async move {
            self.log.ask(async |log, deadline| log.entries(&ids, MAX_ENTRY_BYTES, deadline).await).await
        };
        let is_of_one = |error: &RekorError| !matches!(error, RekorError::RateLimited { .. });
        let mut retrieved = std::pin::pin!(retrieve(ids, ask, is_of_one));
        while let Some(retrieved) = retrieved.next().await {
            if each(retrieved).is_break() {
                break;
            }
        }
        Ok(())
    }
}
