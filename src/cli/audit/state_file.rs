//! The state file of `audit`.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::audit::AuditState;
use crate::cli::Failure;
use crate::private;
use crate::tlog::LogKeys;

/// Room for what a complete audit keeps of a million entries. Checkpoints are a few.
const MAX_BYTES: u64 = 64 << 20;

/// The file that an audit's state is kept in, if it is kept.
pub(in crate::cli) struct StateFile(Option<PathBuf>);

impl StateFile {
    pub(in crate::cli) fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    pub(super) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Reads the file, or starts empty if it does not exist.
    pub(in crate::cli) fn load(&self, keys: &LogKeys) -> Result<AuditState, Failure> {
        let Some(path) = &self.0 else { return Ok(AuditState::default()) };
        let fault = |fault: &dyn Display| format!("{}: {fault}", path.display());
        // Anyone who can write the file decides which tags are skipped, so it must be private.
        let Some(json) = private::read(path, MAX_BYTES)? else { return Ok(AuditState::default()) };
        let stored = serde_json::from_slice(&json).map_err(|error| fault(&error))?;
        Ok(AuditState::verified(stored, keys).map_err(|error| fault(&error))?)
    }

    /// Replaces the file, whole or not at all.
    pub(super) fn save(&self, state: &AuditState) -> io::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut file = tempfile::NamedTempFile::new_in(private::parent(path))?;
        serde_json::to_writer_pretty(&mut file, &state.stored())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}
