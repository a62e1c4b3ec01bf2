//! The attestations that the ledger's index leads to, and the part of the index that is written when a tag is served.

use std::sync::Arc;
use std::time::Duration;

use crate::after_answer::AfterAnswer;
use crate::deadline::Deadline;
use crate::evidence::{Attestation, IndexWriter, Subject, not_put, subject_of};
use crate::image::{Digest, Repository, Tag};
use crate::ledger::{Ledger, LedgerError};
use crate::sighting::Sighting;
use crate::telemetry::part_of_request;
use crate::verdict::{KnownTag, LeftForIndex, Unavailable, Verdicts};

/// Attestations shown of one digest.
const MAX_ATTESTATIONS: usize = 10;
/// The time that the index may take of a request. No answer depends on it.
const TIME: Duration = Duration::from_secs(2);

/// The ledger's index, and the verdicts that verify what it leads to.
#[derive(Debug)]
pub(crate) struct AttestationIndex {
    ledger: Arc<Ledger>,
    writer: IndexWriter,
    verdicts: Verdicts,
    after: AfterAnswer,
}

impl AttestationIndex {
    pub(crate) fn new(ledger: Arc<Ledger>, verdicts: Verdicts) -> Self {
        Self { writer: IndexWriter::new(ledger.clone()), ledger, verdicts, after: AfterAnswer::default() }
    }

    /// Adds a tag that the index lacks, seen at the manifest that `subject` describes. Best effort: without it the sighting
    /// is served by its tag, but not as an attestation. It goes on when the client goes away.
    pub(super) async fn add(&self, known: &KnownTag, subject: Subject) {
        let is_put = match known.index {
            LeftForIndex::Nothing => false,
            LeftForIndex::Mark => true,
            LeftForIndex::Everything => {
                let (writer, sighting) = (self.writer.clone(), known.sighting.clone());
                let deadline = Deadline::after(TIME);
                let task = tokio::spawn(part_of_request(async move {
                    let put = put(&writer, &sighting, subject, deadline).await;
                    put.inspect_err(|error| not_put(sighting.tag(), error)).is_ok()
                }));
                // Awaited, so that whoever has pulled finds the attestation. It fails only by a panic, which the runtime logs.
                task.await.unwrap_or(false)
            }
        };
        if is_put {
            let (writer, tag) = (self.writer.clone(), known.sighting.tag().clone());
            self.after.begin(|| {
                Some(async move {
                    let marked = writer.mark(&tag, Deadline::after(TIME)).await;
                    marked.unwrap_or_else(|error| not_put(&tag, &error));
                })
            });
        }
    }

    /// Waits for what goes on after an answer, for [`TIME`] at most.
    pub(super) async fn finish(&self) {
        self.after.finish().await;
    }

    /// The type and size of a manifest that a tag was seen at; `None` if the index lacks it.
    pub(super) async fn subject(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Subject>, LedgerError> {
        Ok(self.ledger.tags_of(repository, digest, deadline.within(TIME)).await?.map(subject_of))
    }

    /// The attestations of a manifest with this digest, or the one that has this digest as its own or as its bundle's. What
    /// does not verify is left out, and so is what only the log knows.
    pub(super) async fn of(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Vec<Attestation>, LedgerError> {
        let deadline = deadline.within(TIME);
        let Some(row) = self.ledger.tags_of(repository, digest, deadline).await? else { return Ok(Vec::new()) };
        let mut tags: Vec<Tag> = row.tags.iter().filter_map(|tag| tag.parse().ok()).collect();
        tags.retain(|tag| tag.repository() == repository);
        tags.sort();
        let subject = subject_of(row);
        let mut attestations = Vec::new();
        for tag in tags.iter().take(MAX_ATTESTATIONS) {
            match self.verdicts.recorded(tag, deadline).await {
                Ok(Some(known)) => attestations.push(Attestation::new(&known.sighting, &subject)),
                Ok(None) => {}
                Err(Unavailable::Ledger(error @ (LedgerError::Unavailable(_) | LedgerError::Timeout))) => {
                    return Err(error);
                }
                Err(error) => tracing::warn!(%tag, %error, "a sighting is not shown as an attestation"),
            }
        }
        Ok(attestations)
    }
}

async fn put(
    writer: &IndexWriter,
    sighting: &Sighting,
    subject: Subject,
    deadline: Deadline,
) -> Result<(), LedgerError> {
    let row = writer.read(sighting.tag(), sighting.digest(), deadline).await?;
    writer.put(sighting, subject, row, deadline).await
}
