//! Everything that the log lists for a tag.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::config::LogConfig;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::rekor::{LogKeys, PatientRekor, Rekor, RekorError, batches};
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
            .map(async |batch| self.log.ask(async |log, deadline| log.entries(&batch, Some, deadline).await).await)
            .buffer_unordered(CONCURRENT_RETRIEVALS);
        while let Some(entries) = retrieved.try_next().await? {
            for entry in entries {
                each(Finding::read(tag, entry, &self.trusted, &self.log_keys));
            }
        }
        Ok(())
    }
}
