//! `demo`: the main job from end to end, on this machine alone, told step by step.

mod registry;
mod story;

use std::process::ExitCode;

use clap::Args;

use super::Outcome;

/// Watch it work: a registry, a log and this service on this machine; a tag is pulled, moved, and refused
#[derive(Args)]
pub struct Demo {}

impl Demo {
    /// The exit code is 1 if any step goes otherwise than told.
    pub async fn run(self) -> Outcome {
        match story::tell().await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => {
                eprintln!("\nthe demo went otherwise than told: {error}");
                Ok(ExitCode::from(1))
            }
        }
    }
}
