//! One tag: what the log holds of it, what the ledger says, and whether the two agree.

use std::rc::Rc;

use super::issue::{Issue, Kind, Weight};
use super::met::Met;
use super::repair::Repair;
use super::tags::{Item, LEDGER_TIME};
use crate::cli::lookup::{Lookup, Unread};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::ledger::{DynamoDbLedger, Lease, LedgerError, Row, RowFault, VerifiedRow};
use crate::rekor::{Fault, Faults, LogKeys, RekorError, has_failed};
use crate::sighting::{Contradiction, Finding, Findings, Sighting, SignedStatement};

/// Checks tags.
pub struct Check<'a> {
    pub lookup: &'a Lookup,
    /// Asked for the rows of tags that come from a list.
    pub ledger: Option<&'a DynamoDbLedger>,
    pub repair: Option<&'a Repair>,
    pub met: Met,
}

/// Why nothing more can be checked for now.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("{0}")]
    Log(Rc<RekorError>),
    #[error(transparent)]
    Ledger(LedgerError),
}

/// What the ledger has for a tag.
enum Kept {
    /// There is no ledger to ask.
    NoLedger,
    NoRow,
    /// What is wrong with it.
    Invalid(String),
    /// Signed, but perhaps not in the log yet.
    Pending(Box<SignedStatement>, Lease),
    Recorded(Box<Sighting>),
}

impl Kept {
    fn statement(&self) -> Option<&SignedStatement> {
        match self {
            Self::NoLedger | Self::NoRow | Self::Invalid(_) => None,
            Self::Pending(statement, _) => Some(statement),
            Self::Recorded(sighting) => Some(sighting.statement()),
        }
    }
}

/// What the log lists for a tag.
struct Listed {
    findings: Findings,
    unread: Unread,
    /// Whether an entry tells its digest by itself.
    attested: bool,
    /// Whether the log listed the entry that the ledger's row holds.
    holds_row: bool,
}

impl Check<'_> {
    /// What is wrong with a tag: nothing, as it should be. An error ends the audit.
    pub async fn item(&self, item: Item) -> Result<(String, Vec<Issue>), Failed> {
        let Item { name, tag, row } = item;
        let issues = match tag {
            // Nothing else writes into the ledger than what parsed the tag.
            Err(fault) if row.is_some() => vec![Issue::new(Kind::InvalidRow, invalid(&fault))],
            Err(fault) => vec![Issue::new(Kind::Unchecked, fault)],
            Ok(tag) => match self.tag(&tag, row).await {
                Err(Failed::Log(error)) if !has_failed(&error) => {
                    vec![Issue::new(Kind::Unchecked, error.to_string())]
                }
                checked => checked?,
            },
        };
        Ok((name, issues))
    }

    async fn tag(&self, tag: &Tag, row: Option<Result<Row, LedgerError>>) -> Result<Vec<Issue>, Failed> {
        let kept = self.kept(tag, row).await?;
        let mut listed = self.listed(tag, &kept).await?;
        if let Some(statement) = kept.statement() {
            listed.findings.consider(tag, statement.digest(), &self.lookup.trusted);
        }
        let mut issues = log_issues(tag, &listed);
        issues.extend(self.ledger_issues(tag, &kept, &listed).await?);
        let known = listed.findings.sightings().first().copied().or(match &kept {
            Kept::Recorded(sighting) => Some(&**sighting),
            _ => None,
        });
        if issues.iter().all(|issue| issue.kind.weight() == Weight::Note)
            && !listed.attested
            && let Some(sighting) = known
        {
            issues.push(self.unfindable(sighting, &listed).await);
        }
        Ok(issues)
    }

    async fn kept(&self, tag: &Tag, row: Option<Result<Row, LedgerError>>) -> Result<Kept, Failed> {
        let row = match (row, self.ledger) {
            (Some(row), _) => row.map(Some),
            (None, Some(ledger)) => ledger.get(tag, Deadline::after(LEDGER_TIME)).await,
            (None, None) => return Ok(Kept::NoLedger),
        };
        match row {
            Ok(None) => Ok(Kept::NoRow),
            Ok(Some(row)) => {
                let kept = kept(tag, &row, &self.lookup.trusted, &self.lookup.log_keys);
                Ok(kept.unwrap_or_else(|fault| Kept::Invalid(fault.to_string())))
            }
            Err(LedgerError::Malformed(attribute)) => {
                Ok(Kept::Invalid(format!("it has no usable attribute '{attribute}'")))
            }
            Err(error) => Err(Failed::Ledger(error)),
        }
    }

    async fn listed(&self, tag: &Tag, kept: &Kept) -> Result<Listed, Failed> {
        let row = match kept {
            Kept::Recorded(sighting) => Some(sighting.entry().leaf_hash()),
            _ => None,
        };
        let (mut attested, mut holds_row) = (false, false);
        let each = |finding: &Finding| {
            if let Some(entry) = finding.verified() {
                self.met.add(entry);
                holds_row |= row == Some(entry.leaf_hash());
            }
            attested |= matches!(finding, Finding::Sighting(_));
        };
        let (findings, unread) = self.lookup.findings(tag, each).await.map_err(log_failed)?;
        // What is proven is told; else the audit goes on here once the log answers again.
        match unread.iter().find(|(_, error)| has_failed(error)) {
            Some((_, error)) if findings.contradiction().is_none() => Err(Failed::Log(error.clone())),
            _ => Ok(Listed { findings, unread, attested, holds_row }),
        }
    }

    /// Where the ledger and the log do not agree.
    async fn ledger_issues(&self, tag: &Tag, kept: &Kept, listed: &Listed) -> Result<Vec<Issue>, Failed> {
        let first = listed.findings.sightings().first().copied();
        let mut issues = Vec::new();
        match kept {
            Kept::NoLedger => {}
            Kept::NoRow => {
                if let Some(first) = first {
                    let detail = format!("the log has {}, and the ledger no row", described(first));
                    issues.push(Issue::new(Kind::LedgerLacks, detail));
                }
            }
            Kept::Invalid(fault) => issues.push(Issue::new(Kind::InvalidRow, invalid(fault))),
            Kept::Pending(statement, lease) => {
                let then =
                    if lease.has_ended() { "its lease has ended: the next pull finishes it" } else { "in progress" };
                let detail = format!("the ledger's row says {} and is pending ({then})", statement.digest());
                issues.push(Issue::new(Kind::Pending, detail));
            }
            Kept::Recorded(sighting) => {
                // What a search found is in the log.
                if !listed.holds_row {
                    issues.extend(self.held_still(sighting).await.map_err(log_failed)?);
                }
            }
        }
        let differs = |statement: &SignedStatement| first.filter(|first| first.digest() != statement.digest());
        if let Some((statement, first)) = kept.statement().and_then(|statement| Some((statement, differs(statement)?)))
        {
            let detail = format!("the ledger's row says {}, and the log {}", statement.digest(), described(first));
            issues.push(Issue::new(Kind::LedgerDiffers, detail));
        }
        // A row that is there says enough of a tag that no search finds.
        let nothing = first.is_none() && listed.findings.is_understood(tag) && listed.unread.is_empty();
        if nothing && matches!(kept, Kept::NoLedger | Kept::NoRow) {
            let detail = match listed.findings.refiled_alone() {
                Some(_) => "the log lists no sighting by your keys, and a copy of one",
                None => "the log lists no entry by your keys",
            };
            issues.push(Issue::new(Kind::Missing, detail));
        }
        Ok(issues)
    }

    /// What is wrong with the log's own answer for the entry that the ledger's row holds.
    async fn held_still(&self, sighting: &Sighting) -> Result<Option<Issue>, RekorError> {
        let id = sighting.entry().id();
        let Some(entry) = self.lookup.log.ask(async |log, deadline| log.entry(id, deadline).await).await? else {
            let detail = format!("the ledger's row says {}, and the log has no such entry", described(sighting));
            return Ok(Some(Issue::new(Kind::LogLacks, detail)));
        };
        let another = entry.id().leaf_hash != id.leaf_hash;
        Ok(match entry.verify(&self.lookup.log_keys) {
            Ok(_) if another => {
                Some(Issue::new(Kind::Unverifiable, "the log answers another entry than it was asked for"))
            }
            Ok(entry) => {
                self.met.add(&entry);
                None
            }
            Err(faults) => Some(unverifiable(sighting.entry().log_index(), &faults)),
        })
    }

    /// The log holds a sighting whose digest no search tells: that is repaired, or reported.
    async fn unfindable(&self, sighting: &Sighting, listed: &Listed) -> Issue {
        let how = if listed.findings.sightings().is_empty() {
            "no search finds it"
        } else {
            "a search finds it without its statement"
        };
        let detail = format!("the log has {}, and {how}", described(sighting));
        match self.repair {
            None => Issue::new(Kind::Unfindable, detail),
            Some(repair) => match repair.sign_and_upload(self.lookup, sighting).await {
                Ok(index) => {
                    Issue::new(Kind::Repaired, format!("{detail}; recorded anew at log index {index}, and found"))
                }
                Err(fault) => Issue::new(Kind::Unfindable, format!("{detail}; not repaired: {fault}")),
            },
        }
    }
}

/// What the log alone shows.
fn log_issues(tag: &Tag, listed: &Listed) -> Vec<Issue> {
    let mut issues = Vec::new();
    match listed.findings.contradiction() {
        None => {}
        Some(Contradiction::Digest { first, other, entry }) => {
            let detail = format!("your keys signed {} and {other} (log index {})", described(first), entry.log_index());
            issues.push(Issue::new(Kind::Contradicted, detail));
        }
        Some(Contradiction::Refiled { first, other }) => {
            let detail = format!("your keys signed {} and {}", first.digest(), other.digest());
            issues.push(Issue::new(Kind::Contradicted, detail));
        }
        Some(Contradiction::Misuse { entry, misuse }) => {
            let detail = format!("{misuse} (log index {})", entry.log_index());
            issues.push(Issue::new(Kind::Misused, detail));
        }
    }
    for (index, faults) in &listed.findings.unverifiable {
        issues.push(unverifiable(*index, faults));
    }
    for index in &listed.findings.unreadable {
        let detail = format!("the entry with log index {index} holds your key and cannot be understood");
        issues.push(Issue::new(Kind::Unreadable, detail));
    }
    for (id, error) in &listed.unread {
        issues.push(Issue::new(Kind::Unreadable, format!("the entry {id} cannot be read: {error}")));
    }
    for entry in listed.findings.unattested(tag) {
        let detail = format!(
            "the log has not kept the statement of the entry with log index {}, which may name any digest",
            entry.log_index()
        );
        issues.push(Issue::new(Kind::Unattested, detail));
    }
    issues
}

fn log_failed(error: RekorError) -> Failed {
    Failed::Log(Rc::new(error))
}

fn kept(tag: &Tag, row: &Row, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Kept, RowFault> {
    Ok(match row.verify(tag, trusted, log_keys)? {
        VerifiedRow::Pending(statement, lease) => Kept::Pending(Box::new(statement), lease),
        VerifiedRow::Recorded(sighting) => Kept::Recorded(sighting),
    })
}

fn unverifiable(index: u64, faults: &[Fault]) -> Issue {
    let faults = Faults(faults);
    Issue::new(
        Kind::Unverifiable,
        format!("the entry with log index {index} bears your key and does not verify: {faults}"),
    )
}

fn described(sighting: &Sighting) -> String {
    format!("{} (log index {})", sighting.digest(), sighting.entry().log_index())
}

fn invalid(fault: &str) -> String {
    format!("the ledger's row does not verify: {fault}")
}
