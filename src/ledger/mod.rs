//! The ledger: one row per tag, which decides who records a tag and spares the log a search.
//!
//! A row is believed only as far as it verifies (see [`Row`]). No row is ever deleted, and only the fields named by each
//! method's condition ever change. Beside the tags' rows stand an index from digests to tags (`DigestTags`) and one row
//! for the instance itself (see [`UsedKeys`]); both only grow. Their keys hold an '@', which no tag has.

mod by_log;
mod carried;
mod dynamodb;
mod entry;
mod file;
mod index;
mod instance;
mod item;
mod memory;
mod moves;
mod place;
mod row;
mod scan;

pub(crate) use by_log::{ListedRow, LogPage};
pub(crate) use carried::{CarriedFault, CarriedItem, CarriedRow, Taken};
pub use dynamodb::DynamoDbLedger;
pub(crate) use dynamodb::{new_row, read_row};
pub use file::{FileLedger, LedgerFileError};
pub(crate) use index::DigestTags;
pub use instance::UsedKeys;
pub(crate) use item::{StoredItem, from_json, text, to_json};
pub use memory::MemoryLedger;
pub use moves::{Move, Moves, NewMove, RefusedMove};
pub use place::Place;
pub use row::{Lease, Row, RowFault, RowState, VerifiedRow, recorded};
pub(crate) use scan::{ItemPage, ScannedRow};

use crate::deadline::{Deadline, Elapsed};
use crate::image::{Digest, Repository, Tag};
use crate::sighting::Sighting;
use crate::telemetry::{Dependency, timed};

/// Failures of the ledger. None says anything about a tag.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The table, the network or the permissions failed. Carries the SDK's words, which are for the operator alone.
    #[error("the ledger could not be reached: {0}")]
    Unavailable(String),
    /// A write may have gone through all the same: only a read shows it.
    #[error("the ledger did not answer in time")]
    Timeout,
    /// Somebody other than tlogistry wrote the row. Carries the name of the attribute.
    #[error("the ledger's row for this tag has no usable attribute '{0}'")]
    Malformed(&'static str),
    /// Somebody other than tlogistry wrote the row, or more keys are in it than are ever read.
    #[error("the ledger's row '@instance' has no usable attribute '{0}'")]
    Instance(&'static str),
    /// The row was deleted, or only a part of the table was restored. Tags with a row are refused until it is back.
    #[error("the ledger's row '@instance' is missing, and others are there: bring it back")]
    NoInstance,
    /// An import into a ledger that was empty broke off or was refused something. The ledger has a part of its rows.
    #[error(
        "the ledger has a part of its rows: an import into it did not come to its end. Import the whole export again"
    )]
    Importing,
    /// Holds 256 keys of a kind, more than any rotation needs.
    #[error("the ledger's row '@instance' has no room for another key")]
    InstanceFull,
    /// The operator has not added it yet, or DynamoDB is still filling it.
    #[error("the ledger's table has no index 'by-log' yet: docs/runbook.md, 'The list of sightings'")]
    NoIndexByLog,
}

impl From<Elapsed> for LedgerError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

/// The outcome of completing a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The row was pending: this call recorded it.
    Now,
    /// The row was complete, with the same digest: by somebody else, or by this process and only the answer was lost.
    Before,
    /// The row has a different digest, or does not exist.
    OtherDigest,
}

/// The store of rows.
#[derive(Debug)]
pub enum Ledger {
    /// Kept in this process, and gone with it.
    Memory(MemoryLedger),
    /// Kept in a file, by one process at a time.
    File(FileLedger),
    /// Kept in AWS, and shared by all processes.
    DynamoDb(DynamoDbLedger),
}

impl Ledger {
    /// Returns whether it outlasts the process, and so has every tag that its instance recorded.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// The row for `tag`, as of the last write that anyone made.
    pub async fn get(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.get(tag)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.get(tag, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.get(tag, deadline)).await,
        }
    }

    /// Adds a row if the tag has none. Returns whether it was added.
    pub async fn insert(&self, row: &Row, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.insert(row)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.insert(row, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.insert(row, deadline)).await,
        }
    }

    /// Takes over a pending row whose lease was seen to end. Returns whether it was still pending with that lease.
    pub async fn take_over(&self, tag: &Tag, seen: Lease, new: Lease, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.take_over(tag, seen, new)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.take_over(tag, seen, new, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.take_over(tag, seen, new, deadline)).await,
        }
    }

    /// Completes a pending row with the sighting that the log holds.
    pub async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<Completion, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.complete(sighting)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.complete(sighting, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.complete(sighting, deadline)).await,
        }
    }

    /// The keys that were ever used with the ledger; `None` if nobody has claimed it yet. A ledger in memory belongs to its
    /// process from the start.
    pub async fn used_keys(&self, deadline: Deadline) -> Result<Option<UsedKeys>, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(Some(ledger.used_keys())),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.used_keys(deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.used_keys(deadline)).await,
        }
    }

    /// Claims a ledger that nobody has claimed, with a signing key at least. Returns whether nobody was faster.
    pub async fn claim(&self, own: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(_) => Ok(false),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.claim(own, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.claim(own, deadline)).await,
        }
    }

    /// Adds keys to those that were used with a claimed ledger. Returns all of them.
    pub async fn add_used_keys(&self, more: &UsedKeys, deadline: Deadline) -> Result<UsedKeys, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.add_used_keys(more)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.add_used_keys(more, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.add_used_keys(more, deadline)).await,
        }
    }

    /// Notes in a recorded row that the index leads to its tag.
    pub async fn mark_indexed(&self, tag: &Tag, deadline: Deadline) -> Result<(), LedgerError> {
        match self {
            Self::Memory(ledger) => {
                ledger.mark_indexed(tag);
                Ok(())
            }
            Self::File(ledger) => timed(Dependency::Ledger, ledger.mark_indexed(tag, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.mark_indexed(tag, deadline)).await,
        }
    }

    /// The moves that a tag's row remembers, as of the last write that anyone made; `None` if the tag has no row.
    pub async fn moves(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Moves>, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.moves(tag)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.moves(tag, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.moves(tag, deadline)).await,
        }
    }

    /// Adds a move to a recorded row that has the digest it was refused for. Returns whether the row had that digest, and
    /// the moves that `new` was placed among.
    pub async fn remember_move(
        &self,
        refused: &RefusedMove,
        new: &NewMove,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.remember_move(refused, new)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.remember_move(refused, new, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.remember_move(refused, new, deadline)).await,
        }
    }

    /// Adds `tag` to the index's row of `digest`, unless that is full. Returns the row then: type and size stay as they were
    /// first written.
    pub async fn index_tag(
        &self,
        tag: &Tag,
        digest: &Digest,
        media_type: &str,
        size: u64,
        deadline: Deadline,
    ) -> Result<DigestTags, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.index_tag(tag, digest, media_type, size)),
            Self::File(ledger) => {
                timed(Dependency::Ledger, ledger.index_tag(tag, digest, media_type, size, deadline)).await
            }
            Self::DynamoDb(ledger) => {
                timed(Dependency::Ledger, ledger.index_tag(tag, digest, media_type, size, deadline)).await
            }
        }
    }

    /// The index's row of a digest. It may lack the latest writes.
    pub async fn tags_of(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<DigestTags>, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.tags_of(repository, digest)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.tags_of(repository, digest, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.tags_of(repository, digest, deadline)).await,
        }
    }

    /// Items after the key `after`, in the ledger's own order. A page may be empty before the last. Items written meanwhile
    /// may be missed.
    pub(crate) async fn items(&self, after: Option<&str>, deadline: Deadline) -> Result<ItemPage, LedgerError> {
        match self {
            Self::Memory(_) => Err(not_lasting()),
            Self::File(ledger) => ledger.items(after, deadline).await,
            Self::DynamoDb(ledger) => ledger.items(after, deadline).await,
        }
    }

    /// Adds an item if there is none under its key. Returns whether it was added.
    async fn put_new(&self, item: StoredItem, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(_) => Err(not_lasting()),
            Self::File(ledger) => ledger.put_new(item, deadline).await,
            Self::DynamoDb(ledger) => ledger.put_new(item, deadline).await,
        }
    }
}

fn not_lasting() -> LedgerError {
    LedgerError::Unavailable("nothing is carried from or to a ledger in memory".to_owned())
}
