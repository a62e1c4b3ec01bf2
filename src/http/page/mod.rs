//! Pages for people: the start, a tag's sighting, an error.
//!
//! Each is rendered from plain data, without scripts and without anything from elsewhere. `maud` escapes all data.

mod check;
mod error;
mod home;
mod host;
mod layout;
mod sighting;

pub(super) use error::{ErrorPage, Problem};
pub(super) use home::{HomePage, InvalidTag, ShownKey};
pub(super) use host::Host;
pub(super) use layout::{MAX_WRITTEN_LENGTH, content_security_policy};
pub(super) use sighting::SightingPage;

/// The log that sightings are recorded in.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownLog<'a> {
    /// Without a slash at the end.
    pub url: &'a str,
    /// Sigstore's public instance of Rekor v1. Tools know it by default.
    pub is_public: bool,
    /// It lists entries by hashes, as Rekor v1 does.
    pub is_searchable: bool,
}
