//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    tlogistry::cli::run()
}
