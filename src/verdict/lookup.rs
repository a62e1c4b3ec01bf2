//! The look-up of a tag: memory, then the ledger, then the log.
//!
//! A pull and the evidence look a tag up alike. The ledger is asked while the registry is, and the log only for a tag that
//! the registry has: strangers can make up tags, so a search is charged to them.

use std::sync::Arc;

use super::instance::Instance;
use super::key_use::KeyUse;
use super::keyring::Keyring;
use super::log::GatedLog;
use super::memory::Memory;
use super::search::Search;
use super::{KnownTag, LeftForIndex, Unavailable};
use crate::base_url::is_same_place;
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::{Lease, Ledger, Row, RowFault, VerifiedRow};
use crate::rate_limit::{RateLimit, Source};
use crate::sighting::{Contradiction, Findings, First, Sighting, SignedStatement, is_by};
use crate::telemetry::{self, Dependency, timed};
use crate::tlog::VerifiedEntry;
use crate::tlog::body::EntryBody;

/// Everything that a look-up asks.
#[derive(Debug)]
pub(super) struct TagLookup {
    pub memory: Arc<Memory>,
    pub ledger: Arc<Ledger>,
    pub instance: Arc<Instance>,
    pub keys: Arc<Keyring>,
    pub log: Arc<GatedLog>,
    pub search: Search,
    pub rate_limit: Arc<RateLimit>,
}

/// The source that a look-up asks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    /// A verified sighting in memory is enough: a verdict needs its digest alone.
    Memory,
    /// The ledger's row counts before memory. The log proves an entry differently each time, and evidence should be the same
    /// bytes from every process.
    Ledger,
}

/// A tag in the ledger.
#[derive(Debug)]
pub(super) enum InLedger {
    Known(KnownTag),
    Pending(SignedStatement, Lease),
}

/// A tag in the log.
#[derive(Debug)]
pub(super) enum InLog {
    Known(KnownTag),
    /// An entry by a trusted key without its statement. It is not the sighting of the current digest.
    Unattested(Box<VerifiedEntry>),
    Nothing,
}

impl TagLookup {
    /// Looks `tag` up in memory and in the ledger. `None` if only a search of the log can tell.
    pub(super) async fn in_ledger(
        &self,
        tag: &Tag,
        prefer: Prefer,
        deadline: Deadline,
    ) -> Result<Option<InLedger>, Unavailable> {
        if prefer == Prefer::Memory
            && let Some(known) = self.in_memory(tag)
        {
            return Ok(Some(InLedger::Known(known)));
        }
        match self.instance.row(tag, deadline).await? {
            Some(row) => self.verify(tag, &row, deadline).await.map(Some),
            None if prefer == Prefer::Ledger => Ok(self.memory.get(tag).map(KnownTag::in_memory).map(InLedger::Known)),
            // Memory was asked before. What it holds is no verdict beside a ledger that does not know this instance.
            None => Ok(None),
        }
    }

    /// Verifies a row of `tag`.
    pub(super) async fn verify(&self, tag: &Tag, row: &Row, deadline: Deadline) -> Result<InLedger, Unavailable> {
        // A row that is, to the byte, the one of a sighting in memory needs no second check.
        if let Some(sighting) = self.memory.get(tag).filter(|known| row.is_of(known)) {
            return Ok(InLedger::Known(KnownTag::in_row(sighting, row)));
        }
        let trusted = self.keys.trusted(deadline).await?;
        Ok(match row.verify(tag, &trusted, &self.keys.log)? {
            VerifiedRow::Pending(statement, lease) => InLedger::Pending(statement, lease),
            VerifiedRow::Recorded(sighting) => InLedger::Known(KnownTag::in_row(self.memory.keep(*sighting), row)),
        })
    }

    /// Looks `tag` up in the log, if the ledger does not have it. The search is charged to `source`, and the first sight that
    /// may follow with it. Without the `current` digest, an entry that lost its statement stays unattested.
    pub(super) async fn in_log(
        &self,
        tag: &Tag,
        current: Option<&Digest>,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<InLog, Unavailable> {
        // Another request may have found or recorded it meanwhile.
        if let Some(known) = self.in_memory(tag) {
            return Ok(InLog::Known(known));
        }
        // A search that the gate holds back is not charged.
        let passes = self.search.passes()?;
        self.rate_limit.charge(source, deadline).await?;
        let mut findings = timed(Dependency::Log, self.search.findings(tag, passes, deadline)).await?;
        report_equivocation(tag, &findings);
        if matches!(findings.first(), First::None) {
            explained(tag, &findings)?;
            return Ok(InLog::Nothing);
        }
        let trusted = self.keys.trusted(deadline).await?;
        if let Some(key) = signer_of(findings.first(), &trusted) {
            self.instance.refuse_used_key(key, KeyUse::Entry, deadline).await?;
        }
        if let First::Unattested(entry) = findings.first() {
            let entry = Box::new(entry.clone());
            current.into_iter().for_each(|current| findings.consider(tag, current, &trusted));
            if !matches!(findings.first(), First::Sighting(_)) {
                return Ok(InLog::Unattested(entry));
            }
        }
        explained(tag, &findings)?;
        let First::Sighting(sighting) = findings.first() else { return Ok(InLog::Nothing) };
        if !self.log.client.is_searchable() {
            return self.move_over(sighting, deadline).await.map(InLog::Known);
        }
        let sighting = self.memory.keep(sighting.clone());
        // A row that somebody else inserted is put into the index as that one has it.
        let is_own = self.remember(&sighting, deadline).await;
        let index = if is_own { LeftForIndex::Everything } else { LeftForIndex::Nothing };
        Ok(InLog::Known(KnownTag { sighting, first_seen: false, index }))
    }

    /// Keeps a sighting that an earlier log holds. The log that is written now cannot be searched, so only a row shows the tag
    /// to whoever comes next, and it is served only once the row is there.
    async fn move_over(&self, found: &Sighting, deadline: Deadline) -> Result<KnownTag, Unavailable> {
        self.instance.note_keys_of(found, deadline).await?;
        if self.ledger.insert(&Row::recorded(found), deadline).await? {
            let (sighting, index) = (self.memory.keep(found.clone()), LeftForIndex::Everything);
            return Ok(KnownTag { sighting, first_seen: false, index });
        }
        // Another process has brought it over, or this one and only the answer was lost.
        let row = self.ledger.get(found.tag(), deadline).await?.ok_or(RowFault::Gone)?;
        match self.verify(found.tag(), &row, deadline).await? {
            InLedger::Known(known) if known.sighting.digest() == found.digest() => Ok(known),
            InLedger::Known(_) => Err(RowFault::OtherDigest.into()),
            InLedger::Pending(..) => Err(Unavailable::BeingRecorded),
        }
    }

    /// The log that holds an entry, as far as it is known here.
    pub(super) fn log_of(&self, entry: &VerifiedEntry) -> &GatedLog {
        if matches!(entry.body(), EntryBody::SignedDigest(_)) {
            return &self.log;
        }
        let url = entry.log_key(&self.keys.log).and_then(|key| self.keys.places.url_of(key));
        let is_its_own = |log: &&Arc<GatedLog>| url.is_some_and(|url| is_same_place(log.client.base(), url));
        let searched = &self.search.logs;
        searched.iter().find(is_its_own).or(searched.first()).unwrap_or(&self.log)
    }

    /// The verified sighting in memory, for a process that may serve tags.
    fn in_memory(&self, tag: &Tag) -> Option<KnownTag> {
        self.memory.get(tag).filter(|_| self.instance.is_admitted()).map(KnownTag::in_memory)
    }

    /// Inserts a row for a sighting that the log has. Returns whether this was done: the row only spares the next search, so
    /// a failure is logged and no more.
    async fn remember(&self, sighting: &Sighting, deadline: Deadline) -> bool {
        let inserted = async {
            self.instance.note_keys_of(sighting, deadline).await?;
            Ok::<_, Unavailable>(self.ledger.insert(&Row::recorded(sighting), deadline).await?)
        };
        inserted.await.unwrap_or_else(|error| {
            tracing::warn!(tag = %sighting.tag(), %error, "a sighting found in the log was not kept in the ledger");
            false
        })
    }
}

/// Fails if an entry by a trusted key is explained by no sighting.
fn explained(tag: &Tag, findings: &Findings) -> Result<(), Unavailable> {
    let Some(entry) = findings.unexplained(tag) else { return Ok(()) };
    let log_index = entry.log_index();
    telemetry::equivocation();
    tracing::error!(%tag, log_index, "EQUIVOCATION: a trusted key signed something that no sighting explains");
    Err(Unavailable::Unexplained { log_index })
}

/// Reports two digests of one tag, both recorded by our own keys: the promise is broken, whatever the reason.
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

/// The trusted key of the entry that counts.
fn signer_of<'a>(first: First<'a>, trusted: &'a [PublicKey]) -> Option<&'a PublicKey> {
    match first {
        First::Sighting(sighting) => Some(sighting.statement().key()),
        First::Unattested(entry) => trusted.iter().find(|key| is_by(entry, std::slice::from_ref(*key))),
        First::None => None,
    }
}
