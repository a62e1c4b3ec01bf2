//! The search of the log for a tag.

use std::ops::ControlFlow;
use std::sync::Arc;

use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::Unavailable;
use super::keyring::Keyring;
use super::log::GatedLog;
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::sighting::{Finding, Findings, is_file_by_certificate, statement_of, subject_hash};
use crate::tlog::{Call, EntryId, LogEntry, Pass};

/// Irrelevant entries remembered: some 5 MiB. They are not read again, so each attempt to look through many of them gets
/// further.
const IRRELEVANT: usize = 50_000;

/// A search of the log, which skips what it has read before.
#[derive(Debug)]
pub(super) struct Search {
    log: Arc<GatedLog>,
    keys: Arc<Keyring>,
    /// Entries that say nothing about a tag, by [`entry_and_tag`]. Neither an entry nor this process's keys ever change.
    irrelevant: Cache<[u8; 64], ()>,
}

impl Search {
    pub fn new(log: Arc<GatedLog>, keys: Arc<Keyring>) -> Self {
        Self { log, keys, irrelevant: Cache::new(IRRELEVANT) }
    }

    /// All that trusted keys signed under the tag's hash, as far as the log's index leads to it.
    ///
    /// An entry by a trusted key that does not verify or cannot be read is an error: it might be the one that counts.
    pub async fn findings(&self, tag: &Tag, pass: Pass, deadline: Deadline) -> Result<Findings, Unavailable> {
        let listed = self.log.search(&subject_hash(tag), pass, deadline).await?;
        let is_irrelevant = |id: &EntryId| self.irrelevant.get(&entry_and_tag(&id.leaf_hash, tag)).is_some();
        let unknown: Vec<EntryId> = listed.into_iter().filter(|id| !is_irrelevant(id)).collect();
        let mut findings = Findings::default();
        if unknown.is_empty() {
            return Ok(findings);
        }
        let trusted = self.keys.trusted(deadline).await?;
        let each = |entry: Result<LogEntry, EntryId>| {
            match entry {
                Ok(entry) => self.add(tag, entry, &trusted, &mut findings),
                Err(too_large) => self.skip(tag, too_large.leaf_hash),
            }
            ControlFlow::Continue(())
        };
        self.log.retrieve(unknown, each, deadline).await?;
        if let Some((_, faults)) = findings.unverifiable.first() {
            return Err(Unavailable::LogUnverifiable(faults.clone()));
        }
        if let Some(log_index) = findings.unreadable.first() {
            return Err(Unavailable::Unexplained { log_index: *log_index });
        }
        findings.consider_own(tag, &trusted);
        self.look_up_statements(tag, &mut findings, &trusted, deadline).await?;
        Ok(findings)
    }

    fn add(&self, tag: &Tag, entry: LogEntry, trusted: &[PublicKey], findings: &mut Findings) {
        let leaf = entry.leaf_hash();
        match Finding::read(tag, entry, trusted, &self.keys.log) {
            Finding::Foreign(_) | Finding::Unrelated(_) => self.skip(tag, leaf),
            Finding::Unattested { entry, .. } if is_file_by_certificate(tag, &entry) => self.skip(tag, leaf),
            finding => findings.add(finding),
        }
    }

    /// Looks for statements that entries lack among other entries over the same. Anyone can file our statement about another
    /// tag so that it is listed under this one without what was signed.
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
            let pass = self.log.pass(Call::Search)?;
            let listed = self.log.search(&hex::encode(hash), pass, deadline).await?;
            self.log.retrieve(listed, look, deadline).await?;
            if let Some(statement) = statement {
                let unrelated = findings.consider_statement(tag, &statement, trusted);
                unrelated.into_iter().for_each(|leaf| self.skip(tag, leaf));
            }
        }
        Ok(())
    }

    fn skip(&self, tag: &Tag, leaf: [u8; 32]) {
        self.irrelevant.insert(entry_and_tag(&leaf, tag), ());
    }
}

/// An entry's leaf hash, and the hash of the tag that it was listed under.
fn entry_and_tag(leaf: &[u8; 32], tag: &Tag) -> [u8; 64] {
    let mut key = [0; 64];
    let (first, second) = key.split_at_mut(32);
    first.copy_from_slice(leaf);
    second.copy_from_slice(&Sha256::digest(tag.canonical()));
    key
}
