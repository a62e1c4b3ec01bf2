//! Everything that the log lists for a tag.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::config::LogConfig;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::outgoing::SendError;
use crate::rekor::{EntryId, LogEntry, LogKeys, PatientRekor, Rekor, RekorError, batches};
use crate::sighting::{Finding, subject_hash};

/// Retrievals under way at once for one tag.
const CONCURRENT_RETRIEVALS: usize = 4;

/// A log, and whom to believe.
pub struct Lookup {
    pub log: PatientRekor,
    pub log_keys: LogKeys,
    /// Public keys that sightings count by.
    pub trusted: Vec<PublicKey>,
}

impl Lookup {
    pub fn new(log: LogConfig, trusted: Vec<PublicKey>) -> Result<Self, reqwest::Error> {
        Ok(Self { log: PatientRekor::new(Rekor::new(log.url)?), log_keys: log.keys, trusted })
    }

    /// What each entry says that the log lists for a tag, handed to `each` in no order.
    pub async fn findings(&self, tag: &Tag, mut each: impl FnMut(Finding)) -> Result<(), RekorError> {
        let hash = subject_hash(tag);
        let ids = self.log.ask(async |log, deadline| log.search(&hash, deadline).await).await?;
        let mut retrieved = stream::iter(batches(ids))
            .map(async |batch| match self.retrieve(&batch).await {
                // A stranger's entry can have some MiB: such ones are looked at one by one.
                Err(RekorError::Send(SendError::TooLarge(_))) if batch.len() > 1 => Ok(Retrieved::OneByOne(batch)),
                entries => entries.map(Retrieved::Entries),
            })
            .buffer_unordered(CONCURRENT_RETRIEVALS);
        let mut read = |entry| each(Finding::read(tag, entry, &self.trusted, &self.log_keys));
        while let Some(retrieved) = retrieved.try_next().await? {
            match retrieved {
                Retrieved::Entries(entries) => entries.into_iter().for_each(&mut read),
                Retrieved::OneByOne(ids) => {
                    for id in ids {
                        self.retrieve(&[id]).await?.into_iter().for_each(&mut read);
                    }
                }
            }
        }
        Ok(())
    }

    async fn retrieve(&self, ids: &[EntryId]) -> Result<Vec<LogEntry>, RekorError> {
        self.log.ask(async |log, deadline| log.entries(ids, deadline).await).await
    }
}

/// What became of retrieving some entries together.
enum Retrieved {
    Entries(Vec<LogEntry>),
    /// They are too large together.
    OneByOne(Vec<EntryId>),
}
