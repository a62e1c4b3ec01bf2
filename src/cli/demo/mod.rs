//! `demo`: the main job from end to end, on this machine alone, step by step.

mod registry;
mod story;

use std::process::ExitCode;

use clap::Args;

use super::CommandResult;

/// Watch it work: a registry, a log and this service on this machine; a tag is pulled, moved, and refused
#[derive(Args)]
pub(super) struct Demo {}

impl Demo {
    /// The exit code is 1 if any step fails.
    pub(super) async fn run(self) -> CommandResult {
        match story::tell().await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => {
                eprintln!("\nthe demo went otherwise than told: {error}");
                Ok(ExitCode::from(1))
            }
        }
    }
}
