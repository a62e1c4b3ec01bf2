//! What has been recorded, for those who ask for the evidence instead of the image. Nothing here records anything or
//! takes part in a verdict.

use std::sync::Arc;

use futures_util::future::try_join3;
use url::Url;

use super::{Current, Recall, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, Subject};
use crate::image::{Digest, Repository, Tag};
use crate::key::PublicKey;
use crate::ledger::{self, State};
use crate::rekor::LogKeys;
use crate::sighting::Sighting;
use crate::telemetry::{Dependency, timed};

/// Attestations shown of one digest. Only its owner can give a digest many tags.
const MAX_ATTESTATIONS: usize = 10;

impl Verdicts {
    /// The sighting of `tag`, if there is one. The ledger is asked first, also for what this process knows: the log
    /// proves one entry in another way each time it is asked, and evidence should be the same wherever it comes from.
    pub async fn sighting(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Arc<Sighting>>, Unavailable> {
        if let Some(row) = self.0.ledger.get(tag, deadline).await? {
            let trusted = self.trusted_keys(deadline).await?;
            let statement = row.statement(tag, &trusted)?;
            let State::Recorded { entry } = &row.state else { return Err(Unavailable::BeingRecorded) };
            return Ok(Some(Arc::new(ledger::recorded(statement, entry, &self.0.log_keys)?)));
        }
        if let Some(sighting) = self.known(tag) {
            return Ok(Some(sighting));
        }
        match timed(Dependency::Log, self.search(tag, deadline)).await? {
            Recall::Found(sighting) => {
                self.remember(&sighting, deadline).await;
                Ok(Some(sighting))
            }
            Recall::Unattested(_) => Err(Unavailable::StatementLost),
            Recall::Seen(_) | Recall::Recorded(_) | Recall::Never => Ok(None),
        }
    }

    /// The attestations that the index has for a digest of `repository`: of the manifest with this digest, or the one
    /// of which this digest is a part.
    pub async fn attestations(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Vec<(Arc<Sighting>, Attestation)>, Unavailable> {
        let Some(mentions) = self.0.ledger.mentions(repository, digest, deadline).await? else { return Ok(Vec::new()) };
        let subject = Subject { media_type: mentions.media_type, size: mentions.size };
        let mut tags: Vec<Tag> = mentions.tags.iter().filter_map(|tag| tag.parse().ok()).collect();
        tags.retain(|tag| tag.repository() == repository);
        tags.sort();
        let mut attestations = Vec::new();
        for tag in tags.iter().take(MAX_ATTESTATIONS) {
            if let Some(sighting) = self.sighting(tag, deadline).await? {
                let attestation = Attestation::new(&sighting, &subject);
                attestations.push((sighting, attestation));
            }
        }
        Ok(attestations)
    }

    /// Puts the sighting of `tag` at the `current` manifest into the index. Best effort: without it the sighting is served
    /// by its tag, and not as an attestation.
    pub(super) async fn publish(&self, tag: &Tag, current: &Current<'_>, deadline: Deadline) {
        if let Err(error) = self.put_into_index(tag, current, deadline).await {
            tracing::warn!(%tag, %error, "a sighting was not put into the index");
        }
    }

    async fn put_into_index(&self, tag: &Tag, current: &Current<'_>, deadline: Deadline) -> Result<(), Unavailable> {
        // As the ledger has it: another process may have completed the row, with another proof of the same entry.
        let Some(sighting) = self.sighting(tag, deadline).await? else { return Ok(()) };
        let subject = Subject { media_type: current.media_type.to_owned(), size: current.size };
        let attestation = Attestation::new(&sighting, &subject);
        let mention = |digest| self.0.ledger.mention(tag, digest, &subject.media_type, subject.size, deadline);
        let (manifest, bundle) = (&attestation.manifest_digest, &attestation.bundle_digest);
        try_join3(mention(current.digest), mention(manifest), mention(bundle)).await?;
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
