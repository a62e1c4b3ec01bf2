//! The index of attestations, read while a new tag's row is inserted and written while that row is completed.
//!
//! No verdict depends on it. The rows lead to the tag before that is recorded, or while it never is, and whoever follows them
//! finds no sighting then. The tag's own row is marked later, once both are there: so a row that is marked is led to
//! (`tests/model/indexing.rs`).

use std::time::Duration;

use tokio::task::JoinSet;

use crate::deadline::Deadline;
use crate::evidence::{IndexWriter, Subject, not_put};
use crate::image::{Digest, Tag};
use crate::ledger::{DigestTags, LedgerError};
use crate::sighting::Sighting;
use crate::telemetry::part_of_request;

/// The time that the index may take beyond the row's completion.
const TIME: Duration = Duration::from_secs(2);

/// A tag on its way into the index. Dropped, it goes no further.
#[derive(Debug)]
pub(super) struct IndexUpdate {
    writer: IndexWriter,
    subject: Subject,
    /// One task.
    reading: JoinSet<Result<Option<DigestTags>, LedgerError>>,
}

impl IndexUpdate {
    /// Begins to read the index's row of the digest at which `tag` is about to be recorded.
    pub(super) fn begin(writer: &IndexWriter, tag: &Tag, digest: &Digest, subject: Subject) -> Self {
        let (of, tag, digest) = (writer.clone(), tag.clone(), digest.clone());
        let mut reading = JoinSet::new();
        reading.spawn(part_of_request(async move { of.read(&tag, &digest, Deadline::after(TIME)).await }));
        Self { writer: writer.clone(), subject, reading }
    }

    /// Writes the rows. Returns whether they are there: a failure is logged, and the next process that serves the tag tries
    /// again.
    pub(super) async fn put(self, sighting: &Sighting) -> bool {
        let deadline = Deadline::after(TIME);
        let put = deadline.bound(self.read_and_put(sighting, deadline)).await;
        let put = put.unwrap_or(Err(LedgerError::Timeout));
        if let Err(error) = &put {
            not_put(sighting.tag(), error);
        }
        put.is_ok()
    }

    async fn read_and_put(mut self, sighting: &Sighting, deadline: Deadline) -> Result<(), LedgerError> {
        // A task fails only by a panic, which the runtime logs: then as if the row were not there.
        let row = self.reading.join_next().await.and_then(Result::ok).unwrap_or(Ok(None))?;
        self.writer.put(sighting, self.subject, row, deadline).await
    }
}
