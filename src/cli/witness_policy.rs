//! The policy that the user demands of checkpoints.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::LogConfig;
use crate::foreign::shown;
use crate::tlog::{MAX_POLICY_BYTES, Policy, RekorApi};

#[derive(Args)]
pub(super) struct WitnessPolicy {
    /// Demand that witnesses have cosigned the log's checkpoint, as this policy says (C2SP tlog-policy). Concerns Rekor
    /// v2: the checkpoints of v1 carry no cosignatures
    #[arg(long = "policy", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl WitnessPolicy {
    /// The policy for checkpoints of the log that is written.
    pub(super) fn of_log(&self, log: &LogConfig) -> Result<Option<Policy>, Failure> {
        let policy = self.read()?;
        if policy.is_some() && log.api == RekorApi::V1 {
            return Err("--policy: the checkpoints of Rekor v1 carry no witnesses' cosignatures, so none counts".into());
        }
        Ok(policy)
    }

    pub(super) fn read(&self) -> Result<Option<Policy>, Failure> {
        let Some(path) = &self.file else { return Ok(None) };
        let fault = |fault: &dyn ToString| format!("--policy: {}: {}", path.display(), shown(&fault.to_string()));
        let mut text = Vec::new();
        let file = File::open(path).map_err(|error| fault(&error))?;
        // One byte too many is enough to be refused.
        file.take(MAX_POLICY_BYTES as u64 + 1).read_to_end(&mut text).map_err(|error| fault(&error))?;
        Ok(Some(Policy::parse(&text).map_err(|error| fault(&error))?))
    }
}
