//! Looking for a tag in the log.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::{Recall, Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::Row;
use crate::outgoing::SendError;
use crate::rekor::{EntryId, LogEntry, RETRIEVE_LIMIT, RekorError, Retrieved, SIGHTING_BYTES, retrieve};
use crate::sighting::{
    Contradiction, Finding, Findings, First, Sighting, is_file_by_certificate, statement_of, subject_hash,
};
use crate::telemetry;

/// Entries that are known to say nothing of a tag, by leaf hash and tag: some 5 MiB. They are not read again, so that each
/// try to look through many of them gets further.
pub(super) const PASSED_OVER: usize = 50_000;

impl Verdicts {
    /// What the log's index leads to. Every entry by a trusted key is checked; among those that count, the lowest
    /// index wins.
    pub(super) async fn search(&self, tag: &Tag, deadline: Deadline) -> Result<Recall, Unavailable> {
        let trusted = self.trusted_keys(deadline).await?;
        let mut findings = Findings::default();
        let listed = self.0.log.search(&subject_hash(tag), deadline).await?;
        let known = |id: &EntryId| self.0.passed_over.get(&passed_over(tag, &id.leaf_hash)).is_some();
        let unknown = listed.into_iter().filter(|id| !known(id)).collect();
        let each = |entry: Result<LogEntry, EntryId>| {
            match entry {
                Ok(entry) => self.add_finding(tag, entry, &trusted, &mut findings),
                Err(too_large) => self.pass_over(tag, too_large.leaf_hash),
            }
            ControlFlow::Continue(())
        };
        self.retrieve(unknown, each, deadline).await?;
        if let Some((_, faults)) = findings.unverifiable.first() {
            return Err(Unavailable::LogUnverifiable(faults.clone()));
        }
        if let Some(log_index) = findings.unreadable.first() {
            return Err(Unavailable::Unexplained { log_index: *log_index });
        }
        findings.consider_own(tag, &trusted);
        self.look_up_statements(tag, &mut findings, &trusted, deadline).await?;
        report_equivocation(tag, &findings);
        match findings.first() {
            First::Sighting(sighting) => {
                self.explained(tag, &findings)?;
                Ok(Recall::Found(self.keep(sighting.clone())))
            }
            // Whether it is explained shows once the current digest is known.
            First::Unattested(_) => Ok(Recall::Unattested(Arc::new(findings))),
            First::None => {
                self.explained(tag, &findings)?;
                Ok(Recall::Never)
            }
        }
    }

    /// The sighting that counts, if it is one of `current`; `None` if it is of another digest, which the log does not tell.
    pub(super) async fn rebuild(
        &self,
        tag: &Tag,
        findings: &Findings,
        current: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Arc<Sighting>>, Unavailable> {
        let trusted = self.trusted_keys(deadline).await?;
        let mut findings = findings.clone();
        findings.consider(tag, current, &trusted);
        let First::Sighting(sighting) = findings.first() else { return Ok(None) };
        self.explained(tag, &findings)?;
        let sighting = self.keep(sighting.clone());
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

    /// Fails if an entry by a trusted key is explained by no sighting.
    fn explained(&self, tag: &Tag, findings: &Findings) -> Result<(), Unavailable> {
        let Some(entry) = findings.unexplained(tag) else { return Ok(()) };
        let log_index = entry.log_index();
        telemetry::equivocation();
        tracing::error!(%tag, log_index, "EQUIVOCATION: a trusted key signed something that no sighting explains");
        Err(Unavailable::Unexplained { log_index })
    }

    fn add_finding(&self, tag: &Tag, entry: LogEntry, trusted: &[PublicKey], findings: &mut Findings) {
        let leaf = entry.leaf_hash();
        match Finding::read(tag, entry, trusted, &self.0.log_keys) {
            Finding::Foreign(_) | Finding::Unrelated(_) => self.pass_over(tag, leaf),
            Finding::Unattested { entry, .. } if is_file_by_certificate(tag, &entry) => self.pass_over(tag, leaf),
            finding => findings.add(finding),
        }
    }

    /// Looks for statements that entries lack among other entries over the same: anyone can file a statement of ours about
    /// another tag so that it is listed under this one and does not say what it is.
    async fn look_up_statements(
        &self,
        tag: &Tag,
        findings: &mut Findings,
        trusted: &[PublicKey],
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        for hash in findings.unknown_payloads() {
            let mut statement = None;
            let look = |entry: Result<LogEntry, EntryId>| {
                statement = entry.ok().and_then(|entry| statement_of(&entry, &hash));
                if statement.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let listed = self.0.log.search(&hex::encode(hash), deadline).await?;
            self.retrieve(listed, look, deadline).await?;
            if let Some(statement) = statement {
                let unrelated = findings.consider_statement(tag, &statement, trusted);
                unrelated.into_iter().for_each(|leaf| self.pass_over(tag, leaf));
            }
        }
        Ok(())
    }

    /// Hands each entry to `each`, or its id if it is too large for a sighting, whoever filed it, until that has enough.
    async fn retrieve(
        &self,
        ids: Vec<EntryId>,
        mut each: impl FnMut(Result<LogEntry, EntryId>) -> ControlFlow<()>,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        let count = ids.len();
        let ask = |ids: Vec<EntryId>| async move { self.0.log.entries(&ids, SIGHTING_BYTES, deadline).await };
        let mut retrieved = std::pin::pin!(retrieve(ids, ask, is_too_large));
        while let Some(retrieved) = retrieved.next().await {
            let enough = match retrieved {
                Retrieved::Entry(entry) => each(Ok(*entry)),
                Retrieved::Failed { ids, error } if is_too_large(&error) => {
                    ids.into_iter().try_for_each(|id| each(Err(id)))
                }
                Retrieved::Failed { error: RekorError::Send(SendError::Timeout), .. } if count > RETRIEVE_LIMIT => {
                    return Err(Unavailable::TooManyEntries(count));
                }
                Retrieved::Failed { error, .. } => return Err(error.into()),
            };
            if enough.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn pass_over(&self, tag: &Tag, leaf: [u8; 32]) {
        self.0.passed_over.insert(passed_over(tag, &leaf), ());
    }
}

fn is_too_large(error: &RekorError) -> bool {
    matches!(error, RekorError::Send(SendError::TooLarge(_)))
}

/// The key of an entry that says nothing of a tag: its leaf hash, and that of the tag's name.
fn passed_over(tag: &Tag, leaf: &[u8; 32]) -> [u8; 64] {
    let mut key = [0; 64];
    let (first, second) = key.split_at_mut(32);
    first.copy_from_slice(leaf);
    second.copy_from_slice(&Sha256::digest(tag.canonical()));
    key
}

/// Two digests recorded for one tag by our own keys: the promise is broken, whatever the reason, and someone must know.
fn report_equivocation(tag: &Tag, findings: &Findings) {
    if let Some(Contradiction::Digest { first, other, entry }) = findings.contradiction() {
        telemetry::equivocation();
        tracing::error!(
            %tag,
            digest = %first.digest(),
            log_index = first.entry().log_index(),
            other_digest = %other,
            other_log_index = entry.log_index(),
            "EQUIVOCATION: the log holds two digests for one tag, both signed by a trusted key",
        );
    }
}
