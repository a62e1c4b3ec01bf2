//! Transparency logs, apart from the API of any one: hashes, proofs, signed notes, keys, and entries once they are verified.
//!
//! [`crate::rekor`] talks to a log and makes these types from its answers. The rooms above know the log by this one.

pub mod body;
mod bundle;
mod checkpoint;
mod consistency;
mod entry;
mod entry_id;
mod error;
mod fault;
mod gate;
mod growth;
mod keys;
mod merkle;
mod note;
mod verified;

pub use bundle::TransparencyLogEntry;
pub use checkpoint::Checkpoint;
pub use consistency::is_consistent;
pub use entry::LogEntry;
pub(crate) use entry::{InclusionProof, SignedFields};
pub use entry_id::EntryId;
pub use error::{EntryError, LogError};
pub use fault::{Fault, Faults};
pub use gate::{Call, Closed, Gate, Pass};
pub use growth::{Growth, GrowthError, HistoryConflict};
pub use keys::LogKeys;
#[cfg(test)]
pub(crate) use merkle::is_included;
pub(crate) use merkle::{EMPTY_ROOT, leaf_hash, node_hash};
pub use merkle::{Hash, Head};
pub use verified::VerifiedEntry;
