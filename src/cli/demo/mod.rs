//! `demo`: the main job from end to end, on this machine alone, step by step.

mod evidence;
mod narration;
mod registry;
mod story;

use std::process::ExitCode;

use clap::Args;

use super::CommandResult;
use crate::tlog::RekorApi;

/// Watch it work: a registry, a log and this service on this machine; a tag is pulled, moved, and refused
#[derive(Args)]
pub(super) struct Demo {
    /// Version of Rekor's API that the log speaks
    #[arg(long, value_name = "VERSION", value_enum, default_value_t)]
    log_api: RekorApi,
}

impl Demo {
    /// The exit code is 1 if any step fails.
    pub(super) async fn run(self) -> CommandResult {
        match story::tell(self.log_api).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => {
                eprintln!("\nthe demo went otherwise than told: {error}");
                Ok(ExitCode::from(1))
            }
        }
    }
}
