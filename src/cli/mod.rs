//! The commands of `tlogistry-cli`, a file or folder each.

mod age;
mod audit;
mod demo;
mod embedded_log;
mod history;
mod image_verifier;
mod instance;
mod kept;
mod ledger;
pub mod listen;
mod log;
mod log_files;
mod log_server;
mod resolve;
mod serve;
mod shown_entry;
mod terminal;
mod trust;
mod verify;
mod verify_entry;
mod witness_policy;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A registry that refuses tags that moved: serve it locally, try it, check what the log holds.
#[derive(Parser)]
#[command(name = "tlogistry-cli", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Log(log::LogCommand),
    Verify(verify::Verify),
    Resolve(resolve::Resolve),
    History(history::History),
    Audit(audit::Audit),
    Ledger(ledger::LedgerCommand),
    VerifyEntry(verify_entry::VerifyEntry),
    ImageVerifier(image_verifier::ImageVerifier),
}

/// Runs the command that the process's arguments name.
///
/// Exit codes: 0 the check holds or the command succeeded, 1 the check does not hold, 2 the check or the command could not be
/// completed.
pub fn run() -> ExitCode {
    if let Some(verifier) = image_verifier::called_by_containerd(std::env::args_os()) {
        return verifier.run();
    }
    let command = match Cli::parse().command {
        // It has a time limit of its own, which nothing that hangs can hold up.
        Command::ImageVerifier(command) => return command.run(),
        command => command,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Serve(command) => command.run().await,
            Command::Demo(command) => command.run().await,
            Command::Log(command) => command.run().await,
            Command::Verify(command) => command.run().await,
            Command::Resolve(command) => command.run().await,
            Command::History(command) => command.run().await,
            Command::Audit(command) => command.run().await,
            Command::Ledger(command) => command.run().await,
            Command::VerifyEntry(command) => command.run(),
            Command::ImageVerifier(command) => Ok(command.run()),
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => failure(&*error),
    }
}

/// The error that keeps a command from its end. Its message is for the user.
type Failure = Box<dyn Error + Send + Sync>;

/// The exit code of a command.
type CommandResult = Result<ExitCode, Failure>;

fn failure(error: &dyn Error) -> ExitCode {
    // One line for each fault.
    let lines: Vec<String> = error.to_string().lines().map(terminal::sanitized).collect();
    terminal::print_error(lines.join("\n"));
    ExitCode::from(2)
}
