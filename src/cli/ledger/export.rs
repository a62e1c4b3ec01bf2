//! `ledger export`: a ledger's items, as lines.

use std::io::{BufWriter, Write as _, stdout};
use std::process::ExitCode;

use clap::Args;

use super::super::CommandResult;
use super::super::terminal::print_error;
use super::{LEDGER_TIME, WhichLedger, lines};
use crate::deadline::Deadline;
use crate::ledger::FileLedger;

/// Write all rows of a ledger to standard output, one a line
///
/// The rows are written as they are, pending ones and the row '@instance' included, in the form of AWS's table exports
/// (DYNAMODB_JSON), and none is checked: 'ledger import' does that. The last line says how many they were.
///
/// Stop the instance first: a row that is written meanwhile may be missing. A table is only read, which takes
/// dynamodb:Scan.
///
/// Exit code: 0 if all was written, 2 if not.
#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    ledger: WhichLedger,
}

impl Export {
    pub(super) async fn run(self) -> CommandResult {
        let ledger = self.ledger.open(FileLedger::open).await?;
        let output = |error| format!("standard output: {error}");
        let (mut out, mut count, mut after) = (BufWriter::new(stdout()), 0_u64, None::<String>);
        loop {
            let page = ledger.items(after.as_deref(), Deadline::after(LEDGER_TIME)).await?;
            for item in &page.items {
                writeln!(out, "{}", lines::item(item)).map_err(output)?;
                count += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        writeln!(out, "{}", lines::end(count)).and_then(|()| out.flush()).map_err(output)?;
        print_error(format_args!("{count} items exported"));
        Ok(ExitCode::SUCCESS)
    }
}
