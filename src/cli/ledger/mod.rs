//! `ledger`: moves a ledger's items between files, tables and machines, and puts them into the list of sightings.

mod export;
mod import;
pub(super) mod lines;
mod reindex;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{CommandResult, Failure};
use crate::ledger::{FileLedger, Ledger, LedgerFileError};
use crate::setup;

/// The time-out for one call to the ledger.
const LEDGER_TIME: Duration = Duration::from_secs(30);

/// Move a ledger's rows between files, tables and machines, or put them into the list of sightings
#[derive(Args)]
pub(super) struct LedgerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Export(export::Export),
    Import(import::Import),
    Reindex(reindex::Reindex),
}

impl LedgerCommand {
    pub(super) async fn run(self) -> CommandResult {
        match self.action {
            Action::Export(command) => command.run().await,
            Action::Import(command) => command.run().await,
            Action::Reindex(command) => command.run().await,
        }
    }
}

/// The ledger that the user names.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct WhichLedger {
    /// The ledger's DynamoDB table
    #[arg(long, value_name = "NAME")]
    ledger_table: Option<String>,
    /// The ledger's file: 'ledger.redb' in the state folder of 'serve', which must not run
    #[arg(long, value_name = "FILE")]
    ledger_file: Option<PathBuf>,
}

impl WhichLedger {
    /// Opens it. A file is made by `make` if that is what an absent one needs.
    async fn open(
        &self,
        open_file: impl FnOnce(&std::path::Path) -> Result<FileLedger, LedgerFileError>,
    ) -> Result<Ledger, Failure> {
        match (&self.ledger_table, &self.ledger_file) {
            (Some(table), _) => Ok(Ledger::DynamoDb(setup::dynamodb_ledger(table.clone()).await)),
            (None, Some(file)) => Ok(Ledger::File(open_file(file)?)),
            (None, None) => Err("name the ledger: --ledger-table or --ledger-file".into()),
        }
    }
}
