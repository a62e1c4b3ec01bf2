//! Rekor v1, the transparency log: a client of its API, and the checks of what it answers.
//!
//! Source: `openapi.yaml` of sigstore/rekor v1.

pub mod body;
mod bundle;
mod checkpoint;
mod client;
mod consistency;
mod entry;
mod gate;
mod growth;
mod head;
mod inclusion;
pub mod intoto;
mod patience;
mod retrieve;
mod retry_after;
mod verify;

pub use bundle::TransparencyLogEntry;
pub use checkpoint::Checkpoint;
pub use client::{RETRIEVE_LIMIT, Rekor, RekorError, SIGHTING_BYTES, Uploaded};
pub use consistency::{Head, is_consistent};
pub use entry::{EntryError, EntryId, LogEntry};
pub use gate::{Call, Closed, Gate, Pass};
pub use growth::{Contradiction, Growth, GrowthError};
pub use patience::{PatientRekor, has_failed};
pub use retrieve::{Retrieved, retrieve};
pub use verify::{Fault, Faults, LogKeys, VerifiedEntry};

/// The public instance, which Sigstore runs.
pub const PUBLIC_INSTANCE: &str = "https://rekor.sigstore.dev";
/// The public instance's key, as Sigstore's TUF root distributes it.
pub const PUBLIC_INSTANCE_KEY: &str = include_str!("rekor.sigstore.dev.pem");
