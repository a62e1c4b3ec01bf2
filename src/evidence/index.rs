//! The index of attestations: it leads from a digest to the sightings of the tags that were seen at it.
//!
//! It is written after the verdict and takes no part in one. It may lack anything, and whatever it leads to is verified like
//! any row of the ledger.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;

use super::{Attestation, Subject};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository, Tag};
use crate::ledger::{Ledger, LedgerError};
use crate::sighting::Sighting;
use crate::telemetry::part_of_request;
use crate::verdict::{KnownTag, Unavailable, Verdicts};

/// Attestations shown of one digest.
const MAX_ATTESTATIONS: usize = 10;
/// The time that the index may take of a request. No answer depends on it.
const TIME: Duration = Duration::from_secs(2);

/// The ledger's index, and the verdicts that verify what it leads to. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct AttestationIndex {
    ledger: Arc<Ledger>,
    verdicts: Verdicts,
}

impl AttestationIndex {
    pub(crate) fn new(ledger: Arc<Ledger>, verdicts: Verdicts) -> Self {
        Self { ledger, verdicts }
    }

    /// Adds a tag that the index lacks, seen at the manifest that `subject` describes. Best effort: without it the sighting
    /// is served by its tag, but not as an attestation. It goes on when the client goes away.
    pub(crate) async fn add(&self, known: &KnownTag, subject: Subject) {
        if known.indexed {
            return;
        }
        let (this, sighting) = (self.clone(), known.sighting.clone());
        let task = tokio::spawn(part_of_request(async move {
            if let Err(error) = this.write(&sighting, subject, Deadline::after(TIME)).await {
                tracing::warn!(tag = %sighting.tag(), %error, "a sighting was not put into the index");
            }
        }));
        // Awaited, because Lambda freezes the process after the answer. It fails only by a panic, which the runtime logs.
        let _ = task.await;
    }

    async fn write(&self, sighting: &Sighting, subject: Subject, deadline: Deadline) -> Result<(), LedgerError> {
        let (tag, digest) = (sighting.tag(), sighting.digest());
        // A full row is not written to: that would cost as much as its size, which may be somebody else's work.
        let row = self.ledger.tags_of(tag.repository(), digest, deadline).await?;
        if row.is_none_or(|row| row.includes(tag) || !row.is_full()) {
            // Another tag at the same digest may have been first to say what kind of manifest this is.
            let row = self.ledger.index_tag(tag, digest, &subject.media_type, subject.size, deadline).await?;
            if row.includes(tag) {
                let subject = Subject { media_type: row.media_type, size: row.size };
                let attestation = Attestation::new(sighting, &subject);
                let index = |digest| self.ledger.index_tag(tag, digest, &subject.media_type, subject.size, deadline);
                try_join(index(&attestation.manifest_digest), index(&attestation.bundle_digest)).await?;
            }
        }
        // Last, so that a tag whose writes broke off is added by the next process that serves it.
        self.ledger.mark_indexed(tag, deadline).await
    }

    /// The type and size of a manifest that a tag was seen at; `None` if the index lacks it.
    pub(crate) async fn subject(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Subject>, LedgerError> {
        let row = self.ledger.tags_of(repository, digest, deadline.within(TIME)).await?;
        Ok(row.map(|row| Subject { media_type: row.media_type, size: row.size }))
    }

    /// The attestations of a manifest with this digest, or the one that has this digest as its own or as its bundle's. What
    /// does not verify is left out, and so is what only the log knows.
    pub(crate) async fn of(
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
        let subject = Subject { media_type: row.media_type, size: row.size };
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
