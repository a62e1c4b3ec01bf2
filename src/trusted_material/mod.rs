//! Sigstore's own files: the trusted root names the logs and authorities that are believed, the signing config those
//! that are asked.

mod error;
mod signing_config;
mod source;
#[cfg(test)]
mod tests;
mod trusted_root;
mod wire;

pub use error::MaterialError;
pub use signing_config::{SelectionError, SigningConfig, SigstoreService};
pub use trusted_root::{TrustedLog, TrustedRoot};
