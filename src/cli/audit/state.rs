//! The state file of audits: the log's verified checkpoints, and the position of an audit that was stopped.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::issue::IssueKind;
use crate::private;
use crate::tlog::{Checkpoint, Growth, LogKeys};

/// The version of the file's form.
const VERSION: u32 = 1;
/// Room for some thousand checkpoints. The public log has one tree a year.
const MAX_BYTES: u64 = 1 << 20;

/// The state, and the file that it is kept in.
pub(super) struct AuditState {
    file: Option<PathBuf>,
    /// By tree id, verified.
    pub checkpoints: BTreeMap<u64, Checkpoint>,
    /// The position of an audit that was stopped. `None` after one that came to the end.
    pub position: Option<Position>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// The list or table: a position in one means nothing in another.
    pub source: String,
    /// The number of tags done.
    pub done: u64,
    /// The last tag done, as it stands in the list.
    pub last: Option<String>,
    /// The findings so far, counted by kind.
    pub issues: BTreeMap<IssueKind, u64>,
    /// Signed notes that entries came with, for the comparison with the log's heads at the end.
    #[serde(default, rename = "met")]
    pub entry_checkpoints: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StateFile {
    version: u32,
    /// Signed notes.
    checkpoints: Vec<String>,
    position: Option<Position>,
}

impl AuditState {
    /// Reads `file`, or starts empty if it does not exist. Its checkpoints must be signed by the log.
    pub(super) fn load(file: Option<PathBuf>, keys: &LogKeys) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut state = Self { file, checkpoints: BTreeMap::new(), position: None };
        let Some(path) = &state.file else { return Ok(state) };
        let fault = |fault: &dyn std::fmt::Display| format!("{}: {fault}", path.display());
        // Anyone who can write the file decides which tags are skipped, so it must be private.
        let Some(json) = private::read(path, MAX_BYTES)? else { return Ok(state) };
        let stored: StateFile = serde_json::from_slice(&json).map_err(|error| fault(&error))?;
        if stored.version != VERSION {
            return Err(fault(&format!("it is of version {}, not {VERSION}", stored.version)).into());
        }
        let signed = |note: &String| {
            let checkpoint = Checkpoint::parse(note).filter(|checkpoint| keys.verify_checkpoint(checkpoint).is_ok());
            checkpoint.ok_or_else(|| fault(&"it holds a checkpoint that the log's key did not sign"))
        };
        for note in &stored.checkpoints {
            let checkpoint = signed(note)?;
            state.checkpoints.insert(checkpoint.tree_id(), checkpoint);
        }
        for note in stored.position.iter().flat_map(|position| &position.entry_checkpoints) {
            signed(note)?;
        }
        state.position = stored.position;
        Ok(state)
    }

    /// Replaces heads by ones that were proven to have grown from them.
    pub(super) fn advance(&mut self, grown: &[Growth]) {
        self.checkpoints.extend(grown.iter().map(|growth| (growth.now.tree_id(), growth.now.clone())));
    }

    /// Replaces the file, whole or not at all.
    pub(super) fn save(&self) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let stored = StateFile {
            version: VERSION,
            checkpoints: self.checkpoints.values().map(|checkpoint| checkpoint.note().to_owned()).collect(),
            position: self.position.clone(),
        };
        let mut file = tempfile::NamedTempFile::new_in(private::parent(path))?;
        serde_json::to_writer_pretty(&mut file, &stored)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}
