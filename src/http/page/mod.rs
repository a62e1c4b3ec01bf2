//! Pages for people: the start, a tag's sighting, an error.
//!
//! Each is rendered from plain data, without scripts and without anything from elsewhere. `maud` escapes all data.

mod check;
mod error;
mod home;
mod host;
mod layout;
mod sighting;

pub use error::{ErrorPage, Problem};
pub use home::{HomePage, InvalidTag, ShownKey};
pub use host::Host;
pub use layout::{MAX_WRITTEN_LENGTH, content_security_policy};
pub use sighting::SightingPage;

/// The log that sightings are recorded in.
#[derive(Debug, Clone, Copy)]
pub struct ShownLog<'a> {
    /// Without a slash at the end.
    pub url: &'a str,
    /// Sigstore's public instance. Tools know it by default.
    pub is_public: bool,
}
