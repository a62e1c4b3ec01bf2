//! What has been recorded, for those who ask for the evidence instead of the image. Nothing here adds to the log or takes
//! part in a verdict.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use url::Url;

use super::{Current, Recall, Source, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, Subject};
use crate::image::{Digest, Repository, Tag};
use crate::key::PublicKey;
use crate::ledger::{Checked, LedgerError, Row};
use crate::sighting::Sighting;
use crate::telemetry::part_of_request;
use crate::tlog::LogKeys;

/// Attestations shown of one digest, of the tags that it leads to.
const MAX_ATTESTATIONS: usize = 10;
/// What asking the index, or writing to it, may take of a request that does not depend on it.
const INDEX_TIME: Duration = Duration::from_secs(2);

impl Verdicts {
    /// The sighting of `tag`, if there is one. Where the ledger is this process's own, the log is asked what the ledger
    /// does not know: that is charged to `source`. A ledger that all instances share has every tag that was recorded,
    /// and what it has lost comes back with the next pull.
    pub async fn sighting(
        &self,
        tag: &Tag,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Option<Arc<Sighting>>, Unavailable> {
        if let Some(sighting) = self.recorded(tag, deadline).await? {
            return Ok(Some(sighting));
        }
        if self.0.ledger.is_shared() {
            return Ok(None);
        }
        match self.search(tag, source, deadline).await? {
            Recall::Found(sighting) | Recall::Seen(sighting) | Recall::Recorded(sighting) => Ok(Some(sighting)),
            Recall::Unattested(_) => Err(Unavailable::StatementLost),
            Recall::Never => Ok(None),
        }
    }

    /// The sighting of `tag` that the ledger or this process has. The ledger is asked first, also for what this process
    /// knows: the log proves one entry in another way each time it is asked, and evidence should be the same wherever it
    /// comes from.
    async fn recorded(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Arc<Sighting>>, Unavailable> {
        let Some(row) = self.row(tag, deadline).await? else { return Ok(self.known(tag)) };
        // A row that says, to the byte, what this process has verified before needs no second check.
        if let Some(known) = self.known(tag).filter(|known| Row::recorded(known) == row) {
            return Ok(Some(known));
        }
        let trusted = self.trusted_keys(deadline).await?;
        match row.check(tag, &trusted, &self.0.log_keys)? {
            Checked::Recorded(sighting) => Ok(Some(Arc::from(sighting))),
            Checked::Pending(_, lease) if lease.has_ended() => Err(Unavailable::Abandoned),
            Checked::Pending(..) => Err(Unavailable::BeingRecorded),
        }
    }

    /// The attestations that the index has for a digest of `repository`: of the manifest with this digest, or the one
    /// of which this digest is a part. What does not verify is left out, and so is what only the log knows: nothing is
    /// searched for.
    pub async fn attestations(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Vec<Attestation>, LedgerError> {
        let deadline = deadline.within(INDEX_TIME);
        let Some(mentions) = self.0.ledger.mentions(repository, digest, deadline).await? else { return Ok(Vec::new()) };
        let mut tags: Vec<Tag> = mentions.tags.iter().filter_map(|tag| tag.parse().ok()).collect();
        tags.retain(|tag| tag.repository() == repository);
        tags.sort();
        let subject = Subject { media_type: mentions.media_type, size: mentions.size };
        let mut attestations = Vec::new();
        for tag in tags.iter().take(MAX_ATTESTATIONS) {
            match self.recorded(tag, deadline).await {
                Ok(Some(sighting)) => attestations.push(Attestation::new(&sighting, &subject)),
                Ok(None) => {}
                Err(Unavailable::Ledger(error @ (LedgerError::Unavailable(_) | LedgerError::Timeout))) => {
                    return Err(error);
                }
                Err(error) => tracing::warn!(%tag, %error, "a sighting is not shown as an attestation"),
            }
        }
        Ok(attestations)
    }

    /// Whether the index leads from the recorded digest to the tag. Where it cannot be asked, nothing is to be done.
    pub(super) async fn is_published(&self, sighting: &Sighting, deadline: Deadline) -> bool {
        let (tag, deadline) = (sighting.tag(), deadline.within(INDEX_TIME));
        match self.0.ledger.mentions(tag.repository(), sighting.digest(), deadline).await {
            // A full row leads to no further tag, however often it is written.
            Ok(mentions) => mentions.is_some_and(|found| found.lead_to(tag) || found.are_full()),
            Err(_) => true,
        }
    }

    /// Puts the sighting of `tag` at the `current` manifest into the index. Best effort: without it the sighting is served
    /// by its tag, and not as an attestation. It goes on when the client goes away.
    pub(super) async fn publish(&self, tag: &Tag, current: &Current<'_>) {
        let (this, tag, digest) = (self.clone(), tag.clone(), current.digest.clone());
        let subject = Subject { media_type: current.media_type.to_owned(), size: current.size };
        let task = tokio::spawn(part_of_request(async move {
            if let Err(error) = this.put_into_index(&tag, &digest, subject, Deadline::after(INDEX_TIME)).await {
                tracing::warn!(%tag, %error, "a sighting was not put into the index");
            }
        }));
        // It can only fail by a panic, which the runtime has told of.
        let _ = task.await;
    }

    async fn put_into_index(
        &self,
        tag: &Tag,
        digest: &Digest,
        subject: Subject,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        // A full row is not written to: that would cost as much as its size, which may be another's work.
        let known = self.0.ledger.mentions(tag.repository(), digest, deadline).await?;
        if known.is_some_and(|known| known.are_full() && !known.lead_to(tag)) {
            return Ok(());
        }
        // As the ledger has it: another process may have completed the row, with another proof of the same entry.
        let Some(sighting) = self.recorded(tag, deadline).await? else { return Ok(()) };
        // Another tag at the same digest may have been first to say what kind of manifest this is.
        let noted = self.0.ledger.mention(tag, digest, &subject.media_type, subject.size, deadline).await?;
        if !noted.lead_to(tag) {
            return Ok(());
        }
        let subject = Subject { media_type: noted.media_type, size: noted.size };
        let attestation = Attestation::new(&sighting, &subject);
        let mention = |digest| self.0.ledger.mention(tag, digest, &subject.media_type, subject.size, deadline);
        try_join(mention(&attestation.manifest_digest), mention(&attestation.bundle_digest)).await?;
        Ok(())
    }

    /// The public half of the key that new sightings are signed with.
    pub async fn public_key(&self, deadline: Deadline) -> Result<&PublicKey, Unavailable> {
        Ok(self.0.signer.public_key(deadline).await?)
    }

    /// The log's URL and keys.
    pub fn log(&self) -> (&Url, &LogKeys) {
        (self.0.log.base(), &self.0.log_keys)
    }
}
