//! The evidence of a sighting, for anyone to check without trusting this instance, in forms that Sigstore's own tools read.

mod attestation;
mod bundle;
mod index;
mod proof;
mod trusted_root;
mod wire;

pub(crate) use attestation::{Attestation, EMPTY_CONFIG, Subject};
pub use bundle::{BUNDLE_TYPE, Bundle, BundleError};
pub(crate) use index::{IndexWriter, not_put, subject_of};
pub use proof::{SightingProofError, sighting_in_proof, tlog_proof};
pub use trusted_root::trusted_root;
