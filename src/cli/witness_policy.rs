//! The policy that the user demands of checkpoints.

use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use crate::foreign::shown;
use crate::tlog::{MAX_POLICY_BYTES, Policy};

#[derive(Args)]
pub(super) struct WitnessPolicy {
    /// Demand that witnesses have cosigned the log's checkpoint, as this policy says (C2SP tlog-policy). Concerns Rekor
    /// v2: the checkpoints of v1 carry no cosignatures
    #[arg(long = "policy", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl WitnessPolicy {
    pub(super) fn read(&self) -> Result<Option<Policy>, Box<dyn Error + Send + Sync>> {
        let Some(path) = &self.file else { return Ok(None) };
        let fault = |fault: &dyn ToString| format!("--policy: {}: {}", path.display(), shown(&fault.to_string()));
        let mut text = Vec::new();
        let file = File::open(path).map_err(|error| fault(&error))?;
        // One byte too many is enough to be refused.
        file.take(MAX_POLICY_BYTES as u64 + 1).read_to_end(&mut text).map_err(|error| fault(&error))?;
        Ok(Some(Policy::parse(&text).map_err(|error| fault(&error))?))
    }
}
