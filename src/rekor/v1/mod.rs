//! Rekor v1's API: a client, and the answers as types of [`crate::tlog`].
//!
//! Source: `openapi.yaml` of sigstore/rekor v1.

mod client;
mod entry;
mod heads;
mod intoto;
mod retrieve;
pub(crate) mod wire;

pub use client::{RETRIEVE_LIMIT, RekorV1, SIGHTING_BYTES};
pub(crate) use retrieve::{Retrieved, retrieve};

/// The public instance, which Sigstore runs.
pub const PUBLIC_INSTANCE: &str = "https://rekor.sigstore.dev";
/// The public instance's key, as Sigstore's TUF root distributes it.
pub const PUBLIC_INSTANCE_KEY: &str = include_str!("rekor.sigstore.dev.pem");
