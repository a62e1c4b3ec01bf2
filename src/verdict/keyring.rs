//! The keys of this process.

use super::key_places::KeyPlaces;
use crate::deadline::Deadline;
use crate::key::PublicKey;
use crate::sighting::{SignError, Signer};
use crate::tlog::LogKeys;

/// The key that signs, and the keys that signatures are checked with.
#[derive(Debug)]
pub(super) struct Keyring {
    pub signer: Signer,
    /// Public keys whose sightings count beside the signer's: earlier ones, or the next.
    pub retired: Vec<PublicKey>,
    pub log: LogKeys,
    pub places: KeyPlaces,
}

impl Keyring {
    /// The keys that sightings count by: the signer's and the retired ones.
    pub(super) async fn trusted(&self, deadline: Deadline) -> Result<Vec<PublicKey>, SignError> {
        let current = self.signer.public_key(deadline).await?;
        Ok(std::iter::once(current).chain(&self.retired).cloned().collect())
    }
}
