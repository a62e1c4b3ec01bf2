//! The search of the logs for a tag: the one that is written, if it can be searched, and those that were written before.

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
use crate::sighting::{Finding, Findings, Lookup, is_file_by_certificate, subject_hash};
use crate::tlog::{Call, Closed, EntryId, LogEntry, Pass};

/// Irrelevant entries remembered: some 5 MiB. They are not read again, so each attempt to look through many of them gets
/// further.
const IRRELEVANT: usize = 50_000;

/// A search of the logs, which skips what it has read before.
#[derive(Debug)]
pub(super) struct Search {
    /// Each can be searched.
    pub logs: Vec<Arc<GatedLog>>,
    keys: Arc<Keyring>,
    /// Entries that say nothing about a tag, by [`entry_and_tag`]. Neither an entry nor this process's keys ever change.
    irrelevant: Cache<[u8; 64], ()>,
}

impl Search {
    pub(super) fn new(logs: Vec<Arc<GatedLog>>, keys: Arc<Keyring>) -> Self {
        Self { logs, keys, irrelevant: Cache::new(IRRELEVANT) }
    }

    /// Lets a search through, or says when to come back: one pass for each log.
    pub(super) fn passes(&self) -> Result<Vec<Pass>, Closed> {
        self.logs.iter().map(|log| log.pass(Call::Search)).collect()
    }

    /// All that trusted keys signed under the tag's hash, as far as the logs' indexes lead to it.
    ///
    /// An entry by a trusted key that does not verify or cannot be read is an error: it might be the one that counts.
    pub(super) async fn findings(
        &self,
        tag: &Tag,
        passes: Vec<Pass>,
        deadline: Deadline,
    ) -> Result<Findings, Unavailable> {
        let mut findings = Findings::default();
        for (log, pass) in self.logs.iter().zip(passes) {
            self.add_from(log, tag, pass, &mut findings, deadline).await?;
        }
        Ok(findings)
    }

    async fn add_from(
        &self,
        log: &GatedLog,
        tag: &Tag,
        pass: Pass,
        findings: &mut Findings,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        let listed = log.search(&subject_hash(tag), pass, deadline).await?;
        let is_irrelevant = |id: &EntryId| self.irrelevant.get(&entry_and_tag(&id.leaf_hash, tag)).is_some();
        let unknown: Vec<EntryId> = listed.into_iter().filter(|id| !is_irrelevant(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let trusted = self.keys.trusted(deadline).await?;
        let each = |entry: Result<LogEntry, EntryId>| {
            match entry {
                Ok(entry) => self.add(tag, entry, &trusted, findings),
                Err(too_large) => self.skip(tag, too_large.leaf_hash),
            }
            ControlFlow::Continue(())
        };
        log.retrieve(unknown, each, deadline).await?;
        if let Some((_, faults)) = findings.unverifiable.first() {
            return Err(Unavailable::LogUnverifiable(faults.clone()));
        }
        if let Some(log_index) = findings.unreadable.first() {
            return Err(Unavailable::Unexplained { log_index: *log_index });
        }
        findings.consider_own(tag, &trusted);
        let listed = LogLookup { log, deadline };
        findings.look_up_statements(tag, &trusted, &listed, |leaf| self.skip(tag, leaf)).await
    }

    fn add(&self, tag: &Tag, entry: LogEntry, trusted: &[PublicKey], findings: &mut Findings) {
        let leaf = entry.leaf_hash();
        match Finding::read(tag, entry, trusted, &self.keys.log) {
            Finding::Foreign(_) | Finding::Unrelated(_) => self.skip(tag, leaf),
            Finding::Unattested { entry, .. } if is_file_by_certificate(tag, &entry) => self.skip(tag, leaf),
            finding => findings.add(finding),
        }
    }

    fn skip(&self, tag: &Tag, leaf: [u8; 32]) {
        self.irrelevant.insert(entry_and_tag(&leaf, tag), ());
    }
}

/// The log, for as long as a verdict may take.
struct LogLookup<'a> {
    log: &'a GatedLog,
    deadline: Deadline,
}

impl Lookup for LogLookup<'_> {
    type Error = Unavailable;

    async fn each(
        &self,
        sha256: &str,
        mut each: impl FnMut(LogEntry) -> ControlFlow<()> + Send,
    ) -> Result<(), Unavailable> {
        let pass = self.log.pass(Call::Search)?;
        let ids = self.log.search(sha256, pass, self.deadline).await?;
        let entry = |entry: Result<LogEntry, EntryId>| entry.map_or(ControlFlow::Continue(()), &mut each);
        self.log.retrieve(ids, entry, self.deadline).await
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
