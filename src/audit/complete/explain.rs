//! The explanation of a log's entries by the list of an instance, or by the rows of its ledger.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::instance_list::{InstanceList, ListError};
use super::listed::ListedStatement;
use super::reader::{LogContent, LogReader};
use super::reconciliation::{Found, Reconciliation};
use super::spotted::{Spotted, SpottedContent};
use crate::audit::issue::{Issue, IssueKind};
use crate::audit::tags::LEDGER_TIME;
use crate::deadline::Deadline;
use crate::ledger::{Ledger, LedgerError, ScannedRow};
use crate::log_search::LogSearch;
use crate::tlog::{Checkpoint, LogError, RekorApi, TransparencyLogEntry, is_included};

/// Statements asked for at once.
const CONCURRENCY: usize = 8;
/// The first pause before what is not explained is asked for again; each next one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
/// Pages in a row without a sighting, before an instance counts as one that leads nowhere.
const MAX_EMPTY_PAGES: u32 = 1000;
/// Lines of one log. More than any instance has: each is a tag.
const MAX_LINES: u64 = 10_000_000;

/// The place that lists the sightings.
pub(crate) enum Lists<'a> {
    Instance(&'a InstanceList),
    Ledger(&'a Ledger),
}

/// A failure that ends the audit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "the instance does not list sightings of the log {0}: it does not know the log, or is of an earlier version"
    )]
    NotListed(String),
}

/// The outcome of the comparison, beside the findings.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Sightings listed in the log that was read, and below its size.
    pub listed: u64,
    pub pending: u64,
    /// Listed sightings whose entry is behind what was read.
    pub newer: u64,
    pub not_read: Vec<UnreadLog>,
}

impl Summary {
    /// True if nothing was listed at all.
    pub(crate) fn is_empty(&self) -> bool {
        let elsewhere = self.not_read.iter().filter_map(|log| log.listed).sum::<u64>();
        self.listed + self.pending + self.newer + elsewhere == 0
    }
}

/// A log, or a shard of one, that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnreadLog {
    /// In hexadecimal.
    pub log_id: String,
    pub api: RekorApi,
    /// Sightings listed in it; `None` if the instance does not know it.
    pub listed: Option<u64>,
}

/// Compares what was read of a log with what is listed.
pub(crate) struct Explaining<'a> {
    pub search: &'a LogSearch,
    pub lists: Lists<'a>,
    /// The time in which an entry must be explained: longer than a writer needs to complete its row.
    pub patience: Duration,
    /// Sees each sighting that an instance lists, or tells of.
    pub on_listed: &'a dyn Fn(&ListedStatement),
}

impl Explaining<'_> {
    /// Explains all of `reading`, whose head is that of `checkpoint`. `log_id` is the log's, in hexadecimal; `None` if no
    /// log was read. `each` is given what does not hold.
    pub(crate) async fn explain(
        &self,
        log_id: Option<&str>,
        reading: &LogContent,
        checkpoint: Option<&Checkpoint>,
        each: &mut impl FnMut(Found),
    ) -> Result<Summary, ExplainError> {
        let id = log_id.unwrap_or_default().to_owned();
        let mut all = Reconciliation::new(id, reading.frontier.size(), reading.spotted.clone());
        let mut unknown = Vec::new();
        match &self.lists {
            Lists::Ledger(ledger) => self.scan(ledger, &mut |listed| all.add(listed), each).await?,
            Lists::Instance(list) => {
                for key in self.search.log_keys.iter() {
                    let id = hex::encode(key.id());
                    let is_listed = self.list(list, &id, &mut all, each).await?;
                    if !is_listed && log_id == Some(&*id) {
                        return Err(ExplainError::NotListed(id));
                    }
                    unknown.extend((!is_listed).then_some(id));
                }
            }
        }
        self.explain_rest(&mut all, each).await?;
        if let Some(checkpoint) = checkpoint {
            self.report_rest(&all, checkpoint, each).await;
        }
        let not_read = self.search.log_keys.iter().map(|key| (hex::encode(key.id()), key.api()));
        let not_read = not_read.filter(|(id, _)| Some(&**id) != log_id).map(|(log_id, api)| {
            let count = all.listed.get(&log_id).copied().unwrap_or(0);
            let listed = (!unknown.contains(&log_id)).then_some(count);
            UnreadLog { log_id, api, listed }
        });
        let not_read = not_read.collect();
        let listed = log_id.and_then(|id| all.listed.get(id)).copied().unwrap_or(0) - all.newer;
        Ok(Summary { listed, pending: all.pending, newer: all.newer, not_read })
    }

    /// Takes all rows of a ledger in.
    async fn scan(
        &self,
        ledger: &Ledger,
        add: &mut impl FnMut(&ListedStatement) -> Vec<Found>,
        each: &mut impl FnMut(Found),
    ) -> Result<(), ExplainError> {
        let mut after = None::<String>;
        loop {
            let page = ledger.page(after.as_deref(), Deadline::after(LEDGER_TIME)).await?;
            for ScannedRow { tag, row } in page.rows {
                match self.listed_row(&tag, row) {
                    Ok(listed) => add(&listed).into_iter().for_each(&mut *each),
                    Err(fault) => each(invalid(&tag, &fault)),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn listed_row(&self, tag: &str, row: Result<crate::ledger::Row, LedgerError>) -> Result<ListedStatement, String> {
        let row = row.map_err(|error| error.to_string())?;
        let tag = tag.parse().map_err(|_| "its key is not the canonical name of a tag".to_owned())?;
        let keys = (&self.search.trusted, &self.search.log_keys);
        let verified = row.verify(&tag, keys.0, keys.1).map_err(|fault| fault.to_string())?;
        Ok(ListedStatement::of_row(&verified, keys.1))
    }

    /// Takes all sightings of one log in that an instance lists. Returns whether it knows the log.
    async fn list(
        &self,
        list: &InstanceList,
        log_id: &str,
        all: &mut Reconciliation,
        each: &mut impl FnMut(Found),
    ) -> Result<bool, ExplainError> {
        let (mut from, mut empty, mut count) = (0, 0, 0);
        loop {
            let Some(page) = list.page(log_id, from).await? else { return Ok(false) };
            count += page.lines.len() as u64;
            if count > MAX_LINES {
                return Err(ListError::Malformed("it has no end").into());
            }
            let (mut least, mut is_empty) = (from, true);
            for line in &page.lines {
                match ListedStatement::parse(line, &self.search.trusted) {
                    Ok(listed) => {
                        let place = listed.place.as_ref().filter(|place| place.log_id == log_id);
                        let index = place.map(|place| place.index).filter(|index| *index >= least);
                        let index =
                            index.ok_or(ListError::Malformed("a line is of another log, or out of its order"))?;
                        (least, is_empty) = (index.saturating_add(1), false);
                        (self.on_listed)(&listed);
                        all.add(&listed).into_iter().for_each(&mut *each);
                    }
                    Err(fault) => each(invalid(&format!("a line of {}", list.base()), &fault)),
                }
            }
            empty = if is_empty { empty + 1 } else { 0 };
            match page.next {
                Some(_) if empty == MAX_EMPTY_PAGES => return Err(ListError::Malformed("it has no end").into()),
                Some(next) if next >= least => from = next,
                Some(_) => return Err(ListError::Malformed("a page does not lead on").into()),
                None => return Ok(true),
            }
        }
    }

    /// Asks for what no list explains, until one lease has passed.
    async fn explain_rest(&self, all: &mut Reconciliation, each: &mut impl FnMut(Found)) -> Result<(), ExplainError> {
        let until = Instant::now() + self.patience;
        let mut pause = PAUSE;
        loop {
            let is_last = Instant::now() >= until;
            let rest = all.unexplained();
            if rest.is_empty() {
                return Ok(());
            }
            match &self.lists {
                Lists::Instance(list) => self.ask(list, &rest, all, each).await?,
                // Nobody writes a file that is open here.
                Lists::Ledger(Ledger::File(_)) => return Ok(()),
                Lists::Ledger(ledger) if is_last => {
                    // Its findings were given before.
                    self.scan(ledger, &mut |listed| all.explain(listed), &mut |_| {}).await?;
                }
                Lists::Ledger(_) => {}
            }
            if is_last || all.unexplained().is_empty() {
                return Ok(());
            }
            tokio::time::sleep_until(until.min(Instant::now() + pause)).await;
            pause *= 2;
        }
    }

    /// Asks an instance for each statement, by its hash.
    async fn ask(
        &self,
        list: &InstanceList,
        rest: &[Spotted],
        all: &mut Reconciliation,
        each: &mut impl FnMut(Found),
    ) -> Result<(), ExplainError> {
        let hashes = rest.iter().filter_map(|spotted| match spotted.signed {
            SpottedContent::Message(sha256) => Some((sha256, spotted.index)),
            SpottedContent::Payload(_) | SpottedContent::Unknown => None,
        });
        let (hashes, log_id): (Vec<_>, _) = (hashes.collect(), all.log_id().to_owned());
        let log_id = &*log_id;
        let ask =
            |(sha256, index)| async move { Ok::<_, ListError>((sha256, list.signed(&sha256, log_id, index).await?)) };
        let mut answers = stream::iter(hashes).map(ask).buffer_unordered(CONCURRENCY);
        while let Some((sha256, answer)) = answers.try_next().await? {
            // Another answer than the statement that was asked for explains nothing.
            let listed = answer.and_then(|line| ListedStatement::parse(&line, &self.search.trusted).ok());
            if let Some(listed) = listed.filter(|listed| listed.message() == sha256) {
                (self.on_listed)(&listed);
                all.explain(&listed).into_iter().for_each(&mut *each);
            }
        }
        Ok(())
    }

    /// Reports the entries that nothing explains, each with the log's proof.
    async fn report_rest(&self, all: &Reconciliation, checkpoint: &Checkpoint, each: &mut impl FnMut(Found)) {
        let unexplained = all.unexplained().into_iter().map(|spotted| (spotted.index, IssueKind::Unexplained));
        let unreadable = all.unreadable().map(|index| (index, IssueKind::Unreadable));
        for (index, kind) in unexplained.chain(unreadable) {
            let detail = match kind {
                IssueKind::Unexplained => "it bears your key, and no sighting that is listed explains it",
                _ => "it holds your key and cannot be understood",
            };
            let about = format!("{} index {index}", checkpoint.tree());
            // The reading has proven the entry. The proof is for others.
            let (detail, evidence) = match self.proof(index, checkpoint).await {
                Ok(proof) => (detail.to_owned(), Some(proof)),
                Err(error) => (format!("{detail}; its proof could not be read: {error}"), None),
            };
            each(Found { about, issue: Issue::new(kind, detail), evidence });
        }
    }

    /// The log's entry with its proof, as a bundle holds it.
    async fn proof(&self, index: u64, checkpoint: &Checkpoint) -> Result<String, LogError> {
        let log = self.search.log.written();
        let leaf = LogReader::new(log, &self.search.trusted).leaf(index, checkpoint.size()).await?;
        let leaf = &leaf[..];
        let entry = log.ask(async |log, deadline| log.entry_at(index, leaf, checkpoint, deadline).await).await?;
        let proves = entry
            .inclusion_proof()
            .is_some_and(|proof| is_included(&entry.leaf_hash(), proof.log_index, checkpoint.head(), &proof.path));
        if !proves {
            return Err(LogError::malformed("a request for a tile", "the proof does not lead to the signed root"));
        }
        Ok(serde_json::json!(TransparencyLogEntry::of_sighting(&entry)).to_string())
    }
}

fn invalid(about: &str, fault: &str) -> Found {
    let issue = Issue::new(IssueKind::InvalidRow, format!("the sighting that is listed does not verify: {fault}"));
    Found { about: about.to_owned(), issue, evidence: None }
}
