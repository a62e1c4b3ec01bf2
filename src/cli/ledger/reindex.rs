//! `ledger reindex`: gives each row its place in the index by log.

use std::process::ExitCode;

use clap::Args;
use futures_util::{StreamExt as _, stream};

use super::super::CommandResult;
use super::super::terminal::{BAD, print_line, sanitized, styled};
use super::super::trust::Trust;
use super::{LEDGER_TIME, WhichLedger};
use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::ledger::{FileLedger, Ledger, LedgerError, RowFault, ScannedRow};
use crate::tlog::LogKeys;

/// Rows that are written at once. All rows of a log are one partition of the index, which takes 1000 writes a second,
/// and the instance's own among them.
const CONCURRENCY: usize = 4;

/// Put each row of a ledger into the list of sightings
///
/// Versions before the list wrote rows without a place in it. This reads all rows, and writes those that verify and
/// whose place is missing or wrong; nothing else of a row is changed. The instance may run meanwhile. A run that was
/// broken off is begun again, or goes on after the tag that it names (--after). Each row that does not verify is
/// printed.
///
/// It takes dynamodb:Scan and UpdateItem.
///
/// Exit code: 0 if each row has its place; 1 if a row does not verify; 2 if the run did not come to its end.
#[derive(Args)]
pub(super) struct Reindex {
    #[command(flatten)]
    ledger: WhichLedger,
    #[command(flatten)]
    trust: Trust,
    /// Go on after this key, as a run that was broken off names it
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
}

/// The outcome for a row.
enum Placed {
    Now,
    Before,
    /// Somebody wrote the row meanwhile, which put it into its place.
    Meanwhile,
    Unbelieved(String, String),
}

#[derive(Default)]
struct Counts {
    rows: u64,
    placed: u64,
    meanwhile: u64,
    refused: u64,
}

impl Reindex {
    pub(super) async fn run(self) -> CommandResult {
        let (trusted, log_keys) = (self.trust.keys()?, self.trust.log()?.keys);
        let ledger = self.ledger.open(FileLedger::open).await?;
        let (mut counts, mut after) = (Counts::default(), self.after);
        loop {
            match page(&ledger, after.as_deref(), &trusted, &log_keys, &mut counts).await {
                Ok(None) => break,
                Ok(next) => after = next,
                Err(error) => {
                    let error = sanitized(&error.to_string());
                    print_line(format_args!("Broken off after {}: {error}", counts.shown()));
                    if let Some(after) = after {
                        print_line(format_args!("Go on with --after '{}'", shown(&after)));
                    }
                    return Ok(ExitCode::from(2));
                }
            }
        }
        print_line(counts.shown());
        Ok(ExitCode::from(u8::from(counts.refused > 0)))
    }
}

/// Places the rows of one page. Returns the key to go on after.
async fn page(
    ledger: &Ledger,
    after: Option<&str>,
    trusted: &[PublicKey],
    log_keys: &LogKeys,
    counts: &mut Counts,
) -> Result<Option<String>, LedgerError> {
    let page = ledger.page(after, Deadline::after(LEDGER_TIME)).await?;
    let placing = stream::iter(page.rows).map(|row| placed(ledger, row, trusted, log_keys));
    let mut placing = std::pin::pin!(placing.buffered(CONCURRENCY));
    while let Some(placed) = placing.next().await {
        counts.add(placed?);
    }
    Ok(page.next)
}

async fn placed(
    ledger: &Ledger,
    scanned: ScannedRow,
    trusted: &[PublicKey],
    log_keys: &LogKeys,
) -> Result<Placed, LedgerError> {
    let unbelieved = |fault: String| Ok(Placed::Unbelieved(scanned.tag.clone(), fault));
    let row = match scanned.row {
        Ok(row) => row,
        Err(fault) => return unbelieved(fault.to_string()),
    };
    let Ok(tag) = scanned.tag.parse::<Tag>() else { return unbelieved(RowFault::Tag.to_string()) };
    let place = match row.verify(&tag, trusted, log_keys) {
        Ok(verified) => verified.place(),
        Err(fault) => return unbelieved(fault.to_string()),
    };
    if row.place.as_ref() == Some(&place) {
        return Ok(Placed::Before);
    }
    let is_same = ledger.set_place(&row, &place, Deadline::after(LEDGER_TIME)).await?;
    Ok(if is_same { Placed::Now } else { Placed::Meanwhile })
}

impl Counts {
    fn add(&mut self, placed: Placed) {
        self.rows += 1;
        match placed {
            Placed::Now => self.placed += 1,
            Placed::Before => {}
            Placed::Meanwhile => self.meanwhile += 1,
            Placed::Unbelieved(tag, fault) => {
                self.refused += 1;
                print_line(format_args!("{}: {}: {fault}", shown(&tag), styled(BAD, "left out")));
            }
        }
    }

    fn shown(&self) -> String {
        let Self { rows, placed, meanwhile, refused } = self;
        format!("{rows} tags' rows: {placed} put into their place, {meanwhile} written meanwhile, {refused} left out")
    }
}
