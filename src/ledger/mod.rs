//! The ledger: one row per tag, which decides who records a tag and spares the log a search.
//!
//! A row is believed only as far as it verifies, so rows are text as they are stored; `verdict` checks them. No row is
//! ever deleted, and only the fields named by each method's condition ever change.

mod dynamodb;
mod memory;

pub use dynamodb::DynamoDbLedger;
pub use memory::MemoryLedger;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::deadline::{Deadline, Elapsed};
use crate::image::Tag;
use crate::sighting::{Sighting, SignedStatement};

/// What is stored about one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Canonical.
    pub tag: String,
    /// The digest that was seen first: from the moment the row exists, no other is ever recorded for the tag.
    pub digest: String,
    /// The signing key's public half, PEM.
    pub key: String,
    /// The signature over the statement: base64 of ASN.1 DER.
    pub signature: String,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The statement is signed and may or may not be in the log yet. Until the lease ends, whoever holds it uploads;
    /// after that, anyone may, with what the row holds.
    Pending { lease: Lease },
    /// The log's entry, as its API answers it.
    Recorded { entry: String },
}

/// When a writer's time ends: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u64);

impl Lease {
    pub fn starting_now(length: Duration) -> Self {
        Self(millis_since_epoch() + u64::try_from(length.as_millis()).unwrap_or(u64::MAX / 2))
    }

    pub fn has_ended(self) -> bool {
        millis_since_epoch() >= self.0
    }
}

fn millis_since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 2)
}

impl Row {
    /// A row for a statement that is about to be uploaded.
    pub fn pending(statement: &SignedStatement, lease: Lease) -> Self {
        Self::new(statement, State::Pending { lease })
    }

    /// A row for a sighting that the log holds.
    pub fn recorded(sighting: &Sighting) -> Self {
        Self::new(sighting.statement(), State::Recorded { entry: sighting.entry().to_json() })
    }

    fn new(statement: &SignedStatement, state: State) -> Self {
        Self {
            tag: statement.tag().to_string(),
            digest: statement.digest().to_string(),
            key: statement.key().pem().to_owned(),
            signature: BASE64_STANDARD.encode(statement.signature()),
            state,
        }
    }
}

/// Why the ledger is of no use. None of these says anything about a tag.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger could not be reached: {0}")]
    Unavailable(String),
    #[error("the ledger did not answer in time")]
    Timeout,
    #[error("the ledger's row for this tag has no usable attribute '{0}'")]
    Malformed(&'static str),
}

impl From<Elapsed> for LedgerError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

/// Where rows are kept.
#[derive(Debug)]
pub enum Ledger {
    /// In this process, and gone with it.
    Memory(MemoryLedger),
    /// In AWS, shared by all instances.
    DynamoDb(DynamoDbLedger),
}

impl Ledger {
    /// The row for `tag`, as of the last write that anyone made.
    pub async fn get(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.get(tag)),
            Self::DynamoDb(ledger) => ledger.get(tag, deadline).await,
        }
    }

    /// Adds a row if the tag has none. Returns whether it was added.
    pub async fn insert(&self, row: &Row, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.insert(row)),
            Self::DynamoDb(ledger) => ledger.insert(row, deadline).await,
        }
    }

    /// Takes over a pending row whose lease was seen to end. Returns whether it was still pending with that lease.
    pub async fn take_over(&self, tag: &Tag, seen: Lease, new: Lease, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.take_over(tag, seen, new)),
            Self::DynamoDb(ledger) => ledger.take_over(tag, seen, new, deadline).await,
        }
    }

    /// Completes a pending row with the sighting that the log holds. Returns whether the row has the sighting's digest:
    /// it may have been complete already.
    pub async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.complete(sighting)),
            Self::DynamoDb(ledger) => ledger.complete(sighting, deadline).await,
        }
    }
}
