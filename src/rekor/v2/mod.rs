//! Rekor v2's API: entries are written by one call and read as static tiles.
//!
//! Source: `protos/rekor/v2/rekor_service.proto` and `CLIENTS.md` of sigstore/rekor-tiles v2, C2SP `tlog-tiles`.

mod client;
mod entries;
mod proposal;
mod reading;

pub use client::RekorV2;
pub(crate) use entries::EntryBundle;
