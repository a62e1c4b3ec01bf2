//! The keys that this node checks evidence with.

use super::settings::Settings;
use crate::evidence::{Bundle, BundleError};
use crate::image::Tag;
use crate::key::PublicKey;
use crate::sighting::Sighting;
use crate::tlog::LogKeys;

/// The keys that evidence is checked with.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    log_keys: &'a LogKeys,
    trusted: &'a [PublicKey],
}

impl<'a> Keys<'a> {
    pub(super) fn of(settings: &'a Settings) -> Self {
        Self { log_keys: &settings.log_keys, trusted: &settings.keys }
    }

    pub(super) fn verify(&self, bundle: &Bundle, tag: &Tag) -> Result<Sighting, BundleError> {
        bundle.verify(tag, self.log_keys, self.trusted)
    }
}
