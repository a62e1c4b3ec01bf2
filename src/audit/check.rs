//! The check of one tag: the log's entries, the ledger's row, and whether the two agree.

use std::rc::Rc;

use super::checkpoints::EntryCheckpoints;
use super::issue::{Issue, IssueKind, Weight};
use super::repair::Repair;
use super::tags::{Item, LEDGER_TIME};
use super::witnesses::WitnessDemand;
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::ledger::{Ledger, LedgerError, Row, VerifiedRow};
use crate::log_search::{LogSearch, Unread};
use crate::sighting::{Contradiction, Finding, Findings, Sighting, SignedStatement};
use crate::tlog::body::EntryBody;
use crate::tlog::{Fault, Faults, LogEntry, LogError, PolicyFault};

/// Checks tags.
pub(crate) struct Check<'a> {
    pub search: &'a LogSearch,
    /// The ledger with the rows of tags that come from a list.
    pub ledger: Option<&'a Ledger>,
    pub repair: Option<&'a Repair>,
    pub checkpoints: EntryCheckpoints,
    /// The demand for witnesses' cosignatures.
    pub witnesses: Option<WitnessDemand<'a>>,
}

/// A failure that ends the audit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("{0}")]
    Log(Rc<LogError>),
    #[error(transparent)]
    Ledger(LedgerError),
}

/// The ledger's answer for a tag.
enum LedgerAnswer {
    /// The audit is without a ledger.
    NotAsked,
    NoRow,
    /// The row does not verify, for this reason.
    Invalid(String),
    Row(Box<VerifiedRow>),
}

impl LedgerAnswer {
    fn statement(&self) -> Option<&SignedStatement> {
        match self {
            Self::NotAsked | Self::NoRow | Self::Invalid(_) => None,
            Self::Row(row) => match &**row {
                VerifiedRow::Pending(statement, _) => Some(statement),
                VerifiedRow::Recorded(sighting) => Some(sighting.statement()),
            },
        }
    }

    fn recorded(&self) -> Option<&Sighting> {
        match self {
            Self::Row(row) => match &**row {
                VerifiedRow::Pending(..) => None,
                VerifiedRow::Recorded(sighting) => Some(sighting),
            },
            Self::NotAsked | Self::NoRow | Self::Invalid(_) => None,
        }
    }
}

/// The log's answer for a tag.
struct LogAnswer {
    findings: Findings,
    unread: Unread,
    /// True if an entry came with its statement.
    attested: bool,
    /// True if the log lists the entry that the ledger's row holds.
    holds_row: bool,
}

impl Check<'_> {
    /// Checks one item and returns its name and findings.
    pub(super) async fn item(&self, item: Item) -> Result<(String, Vec<Issue>), Failed> {
        let Item { name, tag, row } = item;
        let issues = match tag {
            // Only parsed tags are ever written into the ledger.
            Err(fault) if row.is_some() => vec![Issue::new(IssueKind::InvalidRow, invalid(&fault))],
            Err(fault) => vec![Issue::new(IssueKind::Unchecked, fault)],
            Ok(tag) => match self.tag(&tag, row).await {
                Err(Failed::Log(error)) if !error.is_transient() => {
                    vec![Issue::new(IssueKind::Unchecked, error.to_string())]
                }
                checked => checked?,
            },
        };
        Ok((name, issues))
    }

    async fn tag(&self, tag: &Tag, row: Option<Result<Row, LedgerError>>) -> Result<Vec<Issue>, Failed> {
        let ledger = self.ask_ledger(tag, row).await?;
        let mut log = self.ask_log(tag, &ledger).await?;
        if let Some(statement) = ledger.statement() {
            log.findings.consider(tag, statement.digest(), &self.search.trusted);
        }
        let mut issues = log_issues(tag, &log);
        issues.extend(self.ledger_issues(tag, &ledger, &log).await?);
        let known = log.findings.sightings().first().copied().or(ledger.recorded());
        if issues.iter().all(|issue| issue.kind.weight() == Weight::Note)
            && !log.attested
            && let Some(sighting) = known
            && !matches!(sighting.entry().body(), EntryBody::SignedDigest(_))
        {
            issues.push(self.unfindable(sighting, &log).await);
        }
        // Entries of version 2 are held against the policy where the log is asked for them.
        if let (Some(demand), Some(sighting)) = (&self.witnesses, known)
            && demand.of_old_rows
            && !matches!(sighting.entry().body(), EntryBody::SignedDigest(_))
        {
            issues.extend(demand.shortfall(&[sighting.entry()]).map(uncosigned));
        }
        Ok(issues)
    }

    async fn ask_ledger(&self, tag: &Tag, row: Option<Result<Row, LedgerError>>) -> Result<LedgerAnswer, Failed> {
        let row = match (row, self.ledger) {
            (Some(row), _) => row.map(Some),
            (None, Some(ledger)) => ledger.get(tag, Deadline::after(LEDGER_TIME)).await,
            (None, None) => return Ok(LedgerAnswer::NotAsked),
        };
        match row {
            Ok(None) => Ok(LedgerAnswer::NoRow),
            Ok(Some(row)) => Ok(match row.verify(tag, &self.search.trusted, &self.search.log_keys) {
                Ok(checked) => LedgerAnswer::Row(Box::new(checked)),
                Err(fault) => LedgerAnswer::Invalid(fault.to_string()),
            }),
            Err(LedgerError::Malformed(attribute)) => {
                Ok(LedgerAnswer::Invalid(format!("it has no usable attribute '{attribute}'")))
            }
            Err(error) => Err(Failed::Ledger(error)),
        }
    }

    async fn ask_log(&self, tag: &Tag, ledger: &LedgerAnswer) -> Result<LogAnswer, Failed> {
        let row = ledger.recorded().map(|sighting| sighting.entry().leaf_hash());
        let (mut attested, mut holds_row) = (false, false);
        let each = |finding: &Finding| {
            if let Some(entry) = finding.verified() {
                self.checkpoints.add(entry);
                holds_row |= row == Some(entry.leaf_hash());
            }
            attested |= matches!(finding, Finding::Sighting(_));
        };
        let (findings, unread) = self.search.findings(tag, each).await.map_err(log_failed)?;
        // A proven contradiction is reported. Otherwise the audit ends here, and goes on once the log answers again.
        match unread.iter().find(|(_, error)| error.is_transient()) {
            Some((_, error)) if findings.contradiction().is_none() => Err(Failed::Log(error.clone())),
            _ => Ok(LogAnswer { findings, unread, attested, holds_row }),
        }
    }

    /// The findings about the ledger's row, compared with the log.
    async fn ledger_issues(&self, tag: &Tag, ledger: &LedgerAnswer, log: &LogAnswer) -> Result<Vec<Issue>, Failed> {
        let first = log.findings.sightings().first().copied();
        let mut issues = Vec::new();
        match ledger {
            LedgerAnswer::NotAsked => {}
            LedgerAnswer::NoRow => {
                if let Some(first) = first {
                    let detail = format!("the log has {}, and the ledger no row", described(first));
                    issues.push(Issue::new(IssueKind::LedgerLacks, detail));
                }
            }
            LedgerAnswer::Invalid(fault) => issues.push(Issue::new(IssueKind::InvalidRow, invalid(fault))),
            LedgerAnswer::Row(row) => match &**row {
                VerifiedRow::Pending(statement, lease) => {
                    let then = if lease.has_ended() {
                        "its lease has ended: the next pull finishes it"
                    } else {
                        "in progress"
                    };
                    let detail = format!("the ledger's row says {} and is pending ({then})", statement.digest());
                    issues.push(Issue::new(IssueKind::Pending, detail));
                }
                // An entry that the search found is in the log.
                VerifiedRow::Recorded(_) if log.holds_row => {}
                VerifiedRow::Recorded(sighting) => {
                    issues.extend(self.check_entry_in_log(sighting).await.map_err(log_failed)?);
                }
            },
        }
        let differs = |statement: &SignedStatement| first.filter(|first| first.digest() != statement.digest());
        if let Some((statement, first)) =
            ledger.statement().and_then(|statement| Some((statement, differs(statement)?)))
        {
            let detail = format!("the ledger's row says {}, and the log {}", statement.digest(), described(first));
            issues.push(Issue::new(IssueKind::LedgerDiffers, detail));
        }
        // A tag with a row is not missing, even if no search finds it.
        let nothing = first.is_none() && log.findings.is_understood(tag) && log.unread.is_empty();
        if nothing && matches!(ledger, LedgerAnswer::NotAsked | LedgerAnswer::NoRow) {
            let detail = match log.findings.refiled_alone() {
                Some(_) => "the log lists no sighting by your keys, and a copy of one",
                // Nothing was asked for the tag but the ledger.
                None if !self.search.log.written().rekor().is_searchable() => {
                    "no row holds it, and a log of version 2 cannot be searched"
                }
                None => "the log lists no entry by your keys",
            };
            issues.push(Issue::new(IssueKind::Missing, detail));
        }
        Ok(issues)
    }

    /// Asks the logs for the entry that the ledger's row holds, and checks it.
    async fn check_entry_in_log(&self, sighting: &Sighting) -> Result<Option<Issue>, LogError> {
        let kept = sighting.entry();
        let (mut found, mut is_lacking) = (None, false);
        for log in self.search.log.all() {
            match log.ask(async |log, deadline| log.again(kept, deadline).await).await {
                // A shard that has ended is not asked. The row has the entry's proof, which was checked with the row.
                Err(LogError::OtherLog) => {}
                Ok(None) => is_lacking = true,
                Ok(Some(entry)) => {
                    found = Some(entry);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let Some(entry) = found else {
            if is_lacking {
                let detail = format!("the ledger's row says {}, and the log has no such entry", described(sighting));
                return Ok(Some(Issue::new(IssueKind::LogLacks, detail)));
            }
            let demand = self.witnesses.as_ref().filter(|demand| demand.of_old_rows);
            return Ok(demand.and_then(|demand| demand.shortfall(&[kept])).map(uncosigned));
        };
        let is_other = entry.id().leaf_hash != kept.id().leaf_hash;
        Ok(match entry.verify(&self.search.log_keys) {
            Ok(_) if is_other => {
                Some(Issue::new(IssueKind::Unverifiable, "the log answers another entry than it was asked for"))
            }
            Ok(entry) => {
                self.checkpoints.add(&entry);
                self.uncosigned(kept, &entry).await?
            }
            Err(faults) => Some(unverifiable(sighting.entry().log_index(), &faults)),
        })
    }

    /// The finding that no checkpoint with an entry of version 2 counts by the policy: neither that of its row, nor the
    /// log's current one, under which it was read `again`, nor the head that the audit began with.
    async fn uncosigned(&self, kept: &LogEntry, again: &LogEntry) -> Result<Option<Issue>, LogError> {
        let Some(demand) = &self.witnesses else { return Ok(None) };
        let fault = match demand.shortfall(&[again, kept]) {
            Some(fault) if matches!(again.body(), EntryBody::SignedDigest(_)) => fault,
            _ => return Ok(None),
        };
        let (index, head) = (kept.log_index(), &demand.head);
        if index < head.size() {
            let (log, leaf) = (self.search.log.written(), again.signed_fields().leaf());
            let proven = log.ask(async |log, deadline| log.entry_at(index, leaf, head, deadline).await).await?;
            if proven.verify(&self.search.log_keys).is_ok_and(|proven| demand.shortfall(&[&proven]).is_none()) {
                return Ok(None);
            }
        }
        Ok(Some(uncosigned(fault)))
    }

    /// Repairs or reports a sighting that is in the log and whose digest no search finds.
    async fn unfindable(&self, sighting: &Sighting, log: &LogAnswer) -> Issue {
        let how = if log.findings.sightings().is_empty() {
            "no search finds it"
        } else {
            "a search finds it without its statement"
        };
        let detail = format!("the log has {}, and {how}", described(sighting));
        match self.repair {
            None => Issue::new(IssueKind::Unfindable, detail),
            Some(repair) => match repair.record_again(self.search, sighting).await {
                Ok(index) => {
                    Issue::new(IssueKind::Repaired, format!("{detail}; recorded again at log index {index}, and found"))
                }
                Err(fault) => Issue::new(IssueKind::Unfindable, format!("{detail}; not repaired: {fault}")),
            },
        }
    }
}

/// The findings from the log alone.
fn log_issues(tag: &Tag, log: &LogAnswer) -> Vec<Issue> {
    let mut issues = Vec::new();
    match log.findings.contradiction() {
        None => {}
        Some(Contradiction::Digest { first, other, entry }) => {
            let detail = format!("your keys signed {} and {other} (log index {})", described(first), entry.log_index());
            issues.push(Issue::new(IssueKind::Contradicted, detail));
        }
        Some(Contradiction::Refiled { first, other }) => {
            let detail = format!("your keys signed {} and {}", first.digest(), other.digest());
            issues.push(Issue::new(IssueKind::Contradicted, detail));
        }
        Some(Contradiction::Misuse { entry, misuse }) => {
            let detail = format!("{misuse} (log index {})", entry.log_index());
            issues.push(Issue::new(IssueKind::Misused, detail));
        }
    }
    for (index, faults) in &log.findings.unverifiable {
        issues.push(unverifiable(*index, faults));
    }
    for index in &log.findings.unreadable {
        let detail = format!("the entry with log index {index} holds your key and cannot be understood");
        issues.push(Issue::new(IssueKind::Unreadable, detail));
    }
    for (id, error) in &log.unread {
        issues.push(Issue::new(IssueKind::Unreadable, format!("the entry {id} cannot be read: {error}")));
    }
    for entry in log.findings.unattested(tag) {
        let detail = format!(
            "the log has not kept the statement of the entry with log index {}, which may name any digest",
            entry.log_index()
        );
        issues.push(Issue::new(IssueKind::Unattested, detail));
    }
    issues
}

fn log_failed(error: LogError) -> Failed {
    Failed::Log(Rc::new(error))
}

fn unverifiable(index: u64, faults: &[Fault]) -> Issue {
    let faults = Faults(faults);
    Issue::new(
        IssueKind::Unverifiable,
        format!("the entry with log index {index} bears your key and does not verify: {faults}"),
    )
}

fn uncosigned(fault: PolicyFault) -> Issue {
    Issue::new(IssueKind::Uncosigned, format!("the sighting does not count: {fault}"))
}

fn described(sighting: &Sighting) -> String {
    format!("{} (log index {})", sighting.digest(), sighting.entry().log_index())
}

fn invalid(fault: &str) -> String {
    format!("the ledger's row does not verify: {fault}")
}
