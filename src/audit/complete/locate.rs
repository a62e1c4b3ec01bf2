//! The place where a log's entries are not those that it signed.

use super::reader::LogReader;
use crate::audit::issue::{Issue, IssueKind};
use crate::rekor::Rekor;
use crate::tlog::{Checkpoint, Frontier, LogError, TILE_WIDTH, Tile, leaf_hash};

/// The outcome of a second reading of entries that did not lead to the signed root.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// The entry with this index is not the one whose hash stands in the log's own tile.
    Entry { index: u64, leaf_hash: String, tile_hash: String },
    /// Entries and tiles agree with each other, and not with the checkpoint.
    Tiles { from: u64 },
    /// The entries are what was signed, this time.
    Gone,
}

impl LogReader<'_> {
    /// Reads the entries after `proven` once more, and with them the tiles of their hashes.
    pub(crate) async fn locate(&self, proven: &Frontier, checkpoint: &Checkpoint) -> Result<Mismatch, LogError> {
        let (mut frontier, size) = (proven.clone(), checkpoint.size());
        while frontier.size() < size {
            let start = frontier.size();
            let first = start / TILE_WIDTH * TILE_WIDTH;
            let leaves = self.leaves(start, size).await?;
            let tile = self.tile(start / TILE_WIDTH, size).await?;
            for ((index, leaf), expected) in (first..).zip(leaves.iter()).zip(tile) {
                let hash = leaf_hash(leaf);
                if hash != expected {
                    let (leaf_hash, tile_hash) = (hex::encode(hash), hex::encode(expected));
                    return Ok(Mismatch::Entry { index, leaf_hash, tile_hash });
                }
                if index >= start {
                    frontier.append(hash);
                }
            }
        }
        let from = proven.size();
        Ok(if frontier.head() == checkpoint.head() { Mismatch::Gone } else { Mismatch::Tiles { from } })
    }

    async fn tile(&self, number: u64, size: u64) -> Result<Vec<[u8; 32]>, LogError> {
        let tile = Tile::in_tree(0, number, size).ok_or(LogError::Missing)?;
        let read = async |log: &Rekor, deadline| match log {
            Rekor::V1(_) => Err(LogError::NotReadable),
            Rekor::V2(log) => log.tile(tile, deadline).await,
        };
        self.log().ask(read).await
    }
}

impl Mismatch {
    /// The finding that the log's entries are not what it signed, if they still are not.
    pub(crate) fn finding(&self) -> Option<Issue> {
        let detail = || format!("the log's entries do not lead to the root that it signed: {self}");
        match self {
            Self::Gone => None,
            Self::Entry { .. } | Self::Tiles { .. } => Some(Issue::new(IssueKind::Rewritten, detail())),
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry { index, leaf_hash, tile_hash } => write!(
                f,
                "the entry with index {index} has the leaf hash {leaf_hash}, and the log's tile says {tile_hash}"
            ),
            Self::Tiles { from } => {
                write!(f, "the entries from index {from} on, and the log's tiles with them, lead to another root")
            }
            Self::Gone => f.write_str("the entries lead to the signed root when they are read once more"),
        }
    }
}
