//! Looking for a tag in the log.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Recall, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::Row;
use crate::outgoing::SendError;
use crate::rekor::{Call, EntryId, LogEntry, RETRIEVE_LIMIT, RekorError, VerifiedEntry, batches};
use crate::sighting::{Finding, Findings, First, Sighting, subject_hash};
use crate::telemetry;

/// Retrievals under way at once. Anyone can file entries under a tag's hash, so there may be many to look through.
const CONCURRENT_RETRIEVALS: usize = 4;

impl Verdicts {
    /// What the log's index leads to. Every entry by a trusted key is checked; among those that count, the lowest
    /// index wins.
    pub(super) async fn search(&self, tag: &Tag, deadline: Deadline) -> Result<Recall, Unavailable> {
        let pass = self.0.gate.pass(Call::Search)?;
        let ids = pass.ask(self.0.log.search(&subject_hash(tag), deadline)).await?;
        if ids.is_empty() {
            return Ok(Recall::Never);
        }
        let trusted = self.trusted_keys(deadline).await?;
        let findings = self.findings(tag, ids, &trusted, deadline).await?;
        report_equivocation(&findings);
        Ok(match findings.first() {
            First::Sighting(sighting) => Recall::Found(self.keep(sighting.clone())),
            First::Unattested(entry) => Recall::Unattested(Arc::new(entry.clone())),
            First::None => Recall::Never,
        })
    }

    /// Whether an entry without its statement is about `current`: if it is, the statement is rebuilt from that.
    pub(super) async fn rebuild(
        &self,
        tag: &Tag,
        entry: &VerifiedEntry,
        current: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Arc<Sighting>>, Unavailable> {
        let trusted = self.trusted_keys(deadline).await?;
        let Some(sighting) = Sighting::check(entry.clone(), tag.clone(), current.clone(), &trusted) else {
            return Ok(None);
        };
        let sighting = self.keep(sighting);
        self.remember(&sighting, deadline).await;
        Ok(Some(sighting))
    }

    /// Puts a sighting that the log told into the ledger. The ledger only spares the next search, so a failure is
    /// logged and no more.
    pub(super) async fn remember(&self, sighting: &Sighting, deadline: Deadline) {
        if let Err(error) = self.0.ledger.insert(&Row::recorded(sighting), deadline).await {
            tracing::warn!(tag = %sighting.tag(), %error, "a sighting found in the log was not kept in the ledger");
        }
    }

    async fn findings(
        &self,
        tag: &Tag,
        ids: Vec<EntryId>,
        trusted: &[PublicKey],
        deadline: Deadline,
    ) -> Result<Findings, Unavailable> {
        let count = ids.len();
        let found: Result<Vec<Vec<Finding>>, Unavailable> = stream::iter(batches(ids))
            .map(|batch| async move {
                // Strangers' entries are not kept until the end: there may be thousands.
                let read = |entry: LogEntry| match Finding::read(tag, entry, trusted, &self.0.log_keys) {
                    Finding::Unverifiable { faults, .. } => Some(Err(Unavailable::LogUnverifiable(faults))),
                    Finding::Unrelated(_) | Finding::Foreign(_) => None,
                    finding => Some(Ok(finding)),
                };
                let pass = self.0.gate.pass(Call::Retrieve)?;
                pass.ask(self.0.log.entries(&batch, read, deadline)).await?.into_iter().collect()
            })
            .buffer_unordered(CONCURRENT_RETRIEVALS)
            .try_collect()
            .await;
        let found = match found {
            Err(Unavailable::Log(RekorError::Send(SendError::Timeout))) if count > RETRIEVE_LIMIT => {
                return Err(Unavailable::TooManyEntries(count));
            }
            found => found?,
        };
        Ok(Findings::new(found.into_iter().flatten(), trusted))
    }
}

/// Two digests recorded for one tag by our own keys: the promise is broken, whatever the reason, and someone must know.
fn report_equivocation(findings: &Findings) {
    if let Some((first, other)) = findings.contradiction() {
        telemetry::equivocation();
        tracing::error!(
            tag = %first.tag(),
            digest = %first.digest(),
            log_index = first.entry().log_index(),
            other_digest = %other.digest(),
            other_log_index = other.entry().log_index(),
            "EQUIVOCATION: the log holds two digests for one tag, both signed by a trusted key",
        );
    }
}
