//! `ledger import`: takes the items of an export into a ledger.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use futures_util::{StreamExt as _, stream};

use super::super::CommandResult;
use super::super::terminal::{BAD, DOUBTFUL, print_line, sanitized, styled};
use super::super::trust::Trust;
use super::lines::{self, ExportLine};
use super::{LEDGER_TIME, WhichLedger};
use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::key::{Fingerprint, PublicKey};
use crate::ledger::{CarriedFault, CarriedItem, CarriedRow, FileLedger, Ledger, LedgerError, Taken, UsedKeys, text};
use crate::tlog::{LogKey, LogKeys};

/// Items that are written at once.
const CONCURRENCY: usize = 16;

/// Take the rows of an export into a ledger
///
/// A tag's row is taken only if it verifies: its statement by a key of --key, and the entry of a recorded one by the
/// log's key. A tag that the ledger has with another digest is refused, and the others go on; a row that the ledger
/// has already stays as it is. So an import that was broken off is simply begun again. Pending rows are taken as they
/// are. Each refused row is printed.
///
/// The log is not asked. All keys of the row '@instance' must be given. In a ledger that has no such row, the row is
/// first a mark that an import is under way, and names the keys at the end, only if the export is whole and every row
/// was taken: until then no instance, with whatever key, serves or records a tag with it.
///
/// Stop the instance that the rows come from for good: two ledgers with one key are two histories.
///
/// Exit code: 0 if all rows are in the ledger; 1 if a row was refused because it does not verify or has another digest;
/// 2 if one could not be read, the export is not whole or has nothing, or the import did not come to its end.
#[derive(Args)]
pub(super) struct Import {
    #[command(flatten)]
    ledger: WhichLedger,
    #[command(flatten)]
    trust: Trust,
    /// Items that the export has, where it does not say so itself: an export by AWS, whose manifest-summary.json has
    /// it as itemCount
    #[arg(long, value_name = "NUMBER")]
    items: Option<u64>,
    /// The export (default: standard input)
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    export: PathBuf,
}

/// The progress of an import.
#[derive(Default)]
struct ImportCount {
    items: u64,
    rows: u64,
    new: u64,
    completed: u64,
    index: u64,
    refused: u64,
    unreadable: u64,
    /// Items when a line said that they were all.
    end: Option<u64>,
    /// A line that says how many items there are has another number than were read.
    miscounted: bool,
    /// Of the row '@instance'.
    instance: Option<UsedKeys>,
}

/// The outcome for an item.
enum LineOutcome {
    Row(Taken),
    Index,
    Instance(UsedKeys),
    Refused { key: String, fault: CarriedFault },
    Unreadable(u64),
    End(u64),
}

struct Importer {
    ledger: Ledger,
    trusted: Vec<PublicKey>,
    log_keys: LogKeys,
    /// The ledger's row '@instance' named keys when the import began.
    is_claimed: bool,
    /// Keys that the row '@instance' is known to name, or will.
    named: RefCell<UsedKeys>,
}

impl Import {
    pub(super) async fn run(self) -> CommandResult {
        let (trusted, log_keys) = (self.trust.keys()?, self.trust.log()?.keys);
        let mut lines = lines::read(&self.export);
        // An export that cannot be read leaves the ledger as it is, and makes no file.
        let first = lines.recv().await.transpose()?;
        let ledger = self.ledger.open(FileLedger::open_or_create).await?;
        // Before any row, so that no instance takes a part of the rows for a new ledger.
        let is_claimed = !ledger.begin_import(soon()).await?;
        let used = if is_claimed { ledger.used_keys(soon()).await? } else { None };
        let named = RefCell::new(used.unwrap_or_default());
        let importer = Importer { ledger, trusted, log_keys, is_claimed, named };
        let others = stream::unfold(lines, async |mut lines| Some((lines.recv().await?, lines)));
        let all = stream::iter(first.map(Ok)).chain(others);
        let mut outcomes = std::pin::pin!(all.map(|line| importer.take(line)).buffered(CONCURRENCY));
        let mut count = ImportCount::default();
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(outcome) => count.add(outcome),
                Err(why) => {
                    print_line(format_args!("Broken off after {}: {}", count.counts(), sanitized(&why)));
                    return Ok(ExitCode::from(2));
                }
            }
        }
        importer.finish(&count, self.items).await
    }
}

impl Importer {
    async fn take(&self, line: Result<ExportLine, String>) -> Result<LineOutcome, String> {
        let item = match line? {
            ExportLine::Item(item) => item,
            ExportLine::End(items) => return Ok(LineOutcome::End(items)),
            ExportLine::Unreadable(number) => return Ok(LineOutcome::Unreadable(number)),
        };
        let key = text(&item, "tag").unwrap_or_default().to_owned();
        let taken = match CarriedItem::check(item, &self.trusted, &self.log_keys) {
            Err(fault) => Ok(Err(fault)),
            Ok(CarriedItem::Instance(used)) => {
                self.refuse_unknown(&used)?;
                self.name(&used).await.map(|()| Ok(LineOutcome::Instance(used)))
            }
            Ok(CarriedItem::Row(row)) => self.take_row(&row).await,
            Ok(CarriedItem::Index(index)) => {
                self.ledger.take_index(&index, soon()).await.map(|taken| taken.map(|()| LineOutcome::Index))
            }
        };
        let taken = taken.map_err(|error| error.to_string())?;
        Ok(taken.unwrap_or_else(|fault| LineOutcome::Refused { key, fault }))
    }

    async fn take_row(&self, row: &CarriedRow) -> Result<Result<LineOutcome, CarriedFault>, LedgerError> {
        self.name(&row.keys).await?;
        let taken = self.ledger.take_row(row, &self.trusted, &self.log_keys, soon()).await?;
        Ok(taken.map(LineOutcome::Row))
    }

    /// Makes sure that a claimed ledger names these keys before it has a row by them. One that is not claimed learns
    /// them at the end.
    async fn name(&self, keys: &UsedKeys) -> Result<(), LedgerError> {
        if self.named.borrow().contains(keys) {
            return Ok(());
        }
        if self.is_claimed {
            self.ledger.add_used_keys(keys, soon()).await?;
        }
        self.named.borrow_mut().extend(keys);
        Ok(())
    }

    /// Fails if the instance used a key that was not given: nobody could say what it signed.
    fn refuse_unknown(&self, used: &UsedKeys) -> Result<(), String> {
        let signing: Vec<Fingerprint> = self.trusted.iter().map(PublicKey::fingerprint).collect();
        let log: Vec<Fingerprint> = self.log_keys.iter().map(LogKey::fingerprint).collect();
        let unknown = |used: &Fingerprint, given: &[Fingerprint]| !given.contains(used);
        if let Some(key) = used.signing.iter().find(|key| unknown(key, &signing)) {
            return Err(format!("the instance used the signing key {key}, which --key does not give"));
        }
        match used.log.iter().find(|key| unknown(key, &log)) {
            Some(key) => Err(format!("the instance used the log key {key}, which --rekor-key does not give")),
            None => Ok(()),
        }
    }

    /// Claims a ledger that was not claimed, if all that belongs to it is there, and says how the import went.
    async fn finish(&self, count: &ImportCount, announced: Option<u64>) -> CommandResult {
        let doubt = count.doubt(announced, self.is_claimed);
        let is_whole = count.refused == 0 && doubt.is_none();
        if is_whole && !self.is_claimed {
            let used = self.named.borrow().clone();
            if !self.ledger.end_import(&used, soon()).await? {
                self.ledger.add_used_keys(&used, soon()).await?;
            }
        }
        print_line(count.counts());
        if let Some(doubt) = &doubt {
            print_line(styled(DOUBTFUL, doubt));
        }
        if !is_whole && !self.is_claimed {
            print_line(styled(
                DOUBTFUL,
                "The row '@instance' says that the import is under way: no instance serves a tag with this ledger \
                 until the whole export was imported",
            ));
        }
        Ok(ExitCode::from(match (count.refused, doubt) {
            (0, None) => 0,
            (0, Some(_)) => 2,
            _ => 1,
        }))
    }
}

impl ImportCount {
    fn add(&mut self, outcome: LineOutcome) {
        if !matches!(outcome, LineOutcome::End(_)) {
            self.items += 1;
        }
        match outcome {
            LineOutcome::Row(taken) => {
                self.rows += 1;
                self.new += u64::from(taken == Taken::New);
                self.completed += u64::from(taken == Taken::Completed);
            }
            LineOutcome::Index => self.index += 1,
            LineOutcome::Instance(used) => self.instance = Some(used),
            LineOutcome::Refused { key, fault } => {
                self.refused += 1;
                print_line(format_args!("{}: {}: {fault}", shown(&key), styled(BAD, "refused")));
            }
            LineOutcome::Unreadable(line) => {
                self.unreadable += 1;
                print_line(format_args!("line {line}: {}: it is no item", styled(DOUBTFUL, "unreadable")));
            }
            LineOutcome::End(items) => {
                // Several exports, one after the other, each with its own number.
                self.miscounted |= self.items.checked_sub(self.end.unwrap_or(0)) != Some(items);
                self.end = Some(self.items);
            }
        }
    }

    fn counts(&self) -> String {
        let Self { items, rows, new, completed, index, refused, unreadable, .. } = self;
        let known = rows - new - completed;
        format!(
            "{items} items: {rows} tags' rows ({new} new, {completed} completed, {known} there before), {index} of the \
             index, {refused} refused, {unreadable} unreadable"
        )
    }

    /// The reason why the ledger may lack something, other than rows that were refused.
    fn doubt(&self, announced: Option<u64>, is_claimed: bool) -> Option<String> {
        let is_whole = announced == Some(self.items) || (self.end == Some(self.items) && !self.miscounted);
        if self.unreadable > 0 {
            return Some("The export has lines that could not be read".to_owned());
        }
        if self.items == 0 {
            return Some("The export has no items".to_owned());
        }
        if let Some(announced) = announced.filter(|announced| *announced != self.items) {
            return Some(format!("The export has {} items, and not the {announced} of --items", self.items));
        }
        if !is_whole {
            return Some(
                "The export does not say that it is whole: its end may be missing (--items for one by AWS)".to_owned(),
            );
        }
        if self.instance.is_none() && !is_claimed {
            return Some("The export has no row '@instance', and the ledger has none either".to_owned());
        }
        None
    }
}

fn soon() -> Deadline {
    Deadline::after(LEDGER_TIME)
}
