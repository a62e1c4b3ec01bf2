//! Transparency logs, whatever their API: hashes, proofs, signed notes, keys, entries and their checks.
//!
//! [`crate::rekor`] is one API; it makes these types from a log's answers. The rooms above name the log by these types, so
//! another API is a folder beside it.

pub mod body;
mod bundle;
mod checkpoint;
mod consistency;
mod entry;
mod entry_id;
mod error;
#[cfg(test)]
pub(crate) mod example;
mod fault;
mod frontier;
mod gate;
mod growth;
mod keys;
mod log_key;
mod merkle;
mod note;
mod proof;
#[cfg(test)]
mod rfc6962;
mod tiles;
mod verified;
mod vkey;
mod witness;

pub use bundle::TransparencyLogEntry;
pub use checkpoint::Checkpoint;
pub use consistency::is_consistent;
pub use entry::LogEntry;
pub(crate) use entry::{InclusionProof, SignedFields};
pub use entry_id::EntryId;
pub use error::{EntryError, LogError};
pub use fault::{Fault, Faults};
pub(crate) use frontier::Frontier;
pub(crate) use gate::{Call, Closed, Gate, Pass};
pub(crate) use growth::{Growth, GrowthError, HistoryConflict};
pub use keys::LogKeys;
pub use log_key::{LogKey, RekorApi};
pub(crate) use merkle::{EMPTY_ROOT, leaf_hash, node_hash};
pub use merkle::{Hash, Head, is_included};
pub(crate) use note::SignedNote;
pub(crate) use proof::MAX_PROOF_BYTES;
pub use proof::{TlogProof, TlogProofError};
pub(crate) use tiles::{TILE_WIDTH, bundle_width, entries_path};
pub use tiles::{Tile, TileProof};
pub use verified::VerifiedEntry;
pub use witness::{Cosigned, MAX_POLICY_BYTES, Policy, PolicyError, PolicyFault};
