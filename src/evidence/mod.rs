//! What lets anyone check a sighting without trusting this instance, in the forms that Sigstore's own tools take.

mod attestation;
mod bundle;
mod trusted_root;

pub use attestation::{Attestation, EMPTY_CONFIG, Subject};
pub use bundle::{BUNDLE_TYPE, Bundle, BundleError};
pub use trusted_root::trusted_root;
