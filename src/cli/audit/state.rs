//! What an audit remembers: the log's checkpoints that it verified, and how far it has come.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::issue::Kind;
use crate::private;
use crate::tlog::{Checkpoint, Growth, LogKeys};

/// Of the file's form.
const VERSION: u32 = 1;
/// Some thousand checkpoints: the public log has one tree a year.
const MAX_BYTES: u64 = 1 << 20;

/// The file, if there is one, and what is in it.
pub struct State {
    file: Option<PathBuf>,
    /// By tree id. Verified.
    pub checkpoints: BTreeMap<u64, Checkpoint>,
    /// Where an audit stopped; `None` once it has come to the end.
    pub position: Option<Position>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// What is audited: a position in one list means nothing in another.
    pub source: String,
    /// Tags that are done with.
    pub done: u64,
    /// The last of them, as it stands in the list.
    pub last: Option<String>,
    /// How many findings there were so far.
    pub issues: BTreeMap<Kind, u64>,
    /// Signed notes that entries came with, to be compared with the log's heads at the end.
    #[serde(default)]
    pub met: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    /// Signed notes.
    checkpoints: Vec<String>,
    position: Option<Position>,
}

impl State {
    /// What `file` holds: nothing if there is no such file. Its checkpoints must be signed by the log.
    pub fn load(file: Option<PathBuf>, keys: &LogKeys) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut state = Self { file, checkpoints: BTreeMap::new(), position: None };
        let Some(path) = &state.file else { return Ok(state) };
        let fault = |fault: &dyn std::fmt::Display| format!("{}: {fault}", path.display());
        // Who can write it decides which tags are passed over as checked before.
        let Some(json) = private::read(path, MAX_BYTES)? else { return Ok(state) };
        let stored: Stored = serde_json::from_slice(&json).map_err(|error| fault(&error))?;
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
        for note in stored.position.iter().flat_map(|position| &position.met) {
            signed(note)?;
        }
        state.position = stored.position;
        Ok(state)
    }

    /// Takes note of heads that were proven to have grown from the ones before.
    pub fn advance(&mut self, grown: &[Growth]) {
        self.checkpoints.extend(grown.iter().map(|growth| (growth.now.tree_id(), growth.now.clone())));
    }

    /// Writes the file anew, whole or not at all.
    pub fn save(&self) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let stored = Stored {
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
