//! The log itself: one tree and its records.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

use super::key::CheckpointKey;
use crate::devlog::error::StorageError;
use crate::devlog::folder::{self, OpenFolder, SigningKey as _};
use crate::devlog::leaves::Leaves;
use crate::devlog::records::Records;
use crate::devlog::{OpenError, Options};
use crate::local_key::KeptKey as _;
use crate::tlog::{Hash, Head, SignedNote, leaf_hash};

pub(in crate::devlog) struct TileLog {
    key: CheckpointKey,
    /// The name in its checkpoints.
    origin: String,
    id: [u8; 32],
    /// Appending holds it for writing, the write to disk included: entries get their positions in the order in which they
    /// reach the file.
    state: RwLock<LogState>,
    /// Held as long as the log is open, so that no second process appends to its files.
    _lock: Option<File>,
}

struct LogState {
    records: Records<Entry>,
    leaves: Leaves,
}

/// One entry, as a line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    /// The leaf's bytes: canonical JSON, and so text.
    body: String,
}

/// The outcome of a proposal.
pub(super) enum Appended {
    New(Included),
    /// The index of the entry that is there.
    Existing(u64),
}

/// A leaf's place, with its proof.
pub(super) struct Included {
    pub(super) index: u64,
    pub(super) head: Head,
    pub(super) path: Vec<Hash>,
    /// Of `head`.
    pub(super) checkpoint: String,
}

impl TileLog {
    pub(in crate::devlog) fn open(folder: Option<&Path>, options: &Options) -> Result<Self, OpenError> {
        let mut leaves = Leaves::default();
        let (key, records, lock) = match folder {
            None => (CheckpointKey::generate()?, Records::Memory(Vec::new()), None),
            Some(folder) => {
                let replay = |entry: Entry| {
                    leaves.add(leaf_hash(entry.body.as_bytes()));
                };
                let OpenFolder { key, journal, lock, .. } = folder::open(folder, options, replay)?;
                (key, Records::Disk(journal), Some(lock))
            }
        };
        let (origin, id) = (options.hostname.clone(), key.log_id(&options.hostname));
        Ok(Self { key, origin, id, state: RwLock::new(LogState { records, leaves }), _lock: lock })
    }

    pub(in crate::devlog) fn key(&self) -> &CheckpointKey {
        &self.key
    }

    pub(in crate::devlog) fn origin(&self) -> &str {
        &self.origin
    }

    pub(in crate::devlog) fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Appends an entry, unless its very leaf is there already.
    pub(super) fn append(&self, leaf: &str) -> Result<Appended, StorageError> {
        let hash = leaf_hash(leaf.as_bytes());
        let mut state = self.write();
        if let Some(index) = state.leaves.position_of(&hash) {
            return Ok(Appended::Existing(index));
        }
        state.records.append(&Entry { body: leaf.to_owned() })?;
        let index = state.leaves.add(hash);
        let tree = state.leaves.tree();
        let head = tree.head();
        // The leaf is the last one.
        let path = tree.inclusion(index, head.size).unwrap_or_default();
        drop(state);
        Ok(Appended::New(Included { index, head, path, checkpoint: self.checkpoint_of(head)? }))
    }

    /// The current head, signed.
    pub(super) fn checkpoint(&self) -> Result<String, StorageError> {
        let head = self.read().leaves.tree().head();
        self.checkpoint_of(head)
    }

    /// The hashes of the complete subtrees of `2^height` leaves with these numbers, if all of them are there.
    pub(super) fn hashes(&self, height: usize, numbers: Range<u64>) -> Option<Vec<Hash>> {
        self.read().leaves.tree().complete(height, numbers).map(<[Hash]>::to_vec)
    }

    /// The leaves at these positions, if all of them are there.
    pub(super) fn bodies(&self, positions: Range<u64>) -> Result<Option<Vec<String>>, StorageError> {
        let state = self.read();
        if positions.end > state.leaves.tree().size() {
            return Ok(None);
        }
        positions.map(|position| Ok(Some(state.records.get(position)?.body))).collect()
    }

    /// A signed note (C2SP tlog-checkpoint).
    fn checkpoint_of(&self, head: Head) -> Result<String, StorageError> {
        let text = format!("{}\n{}\n{}\n", self.origin, head.size, BASE64_STANDARD.encode(head.root));
        let signature = self.key.sign(text.as_bytes())?;
        let [a, b, c, d, ..] = self.id;
        Ok(SignedNote::new(&text, &self.origin, [a, b, c, d], signature).as_str().to_owned())
    }

    /// The lock is poisoned only by a panic in the middle of an append. Going on from half an append could fork the log, so
    /// every later request panics too, and is answered with 500.
    fn read(&self) -> RwLockReadGuard<'_, LogState> {
        self.state.read().expect("the log is whole")
    }

    /// See [`TileLog::read`].
    fn write(&self) -> RwLockWriteGuard<'_, LogState> {
        self.state.write().expect("the log is whole")
    }
}
