//! The keys of a log.

use super::checkpoint::Checkpoint;
use super::fault::Fault;
use crate::key::PublicKey;

/// The public keys that a log's entries are checked with: its current one, and earlier ones.
#[derive(Debug, Clone)]
pub struct LogKeys {
    first: PublicKey,
    others: Vec<PublicKey>,
}

impl LogKeys {
    /// `None` if there are no keys.
    pub fn new(keys: Vec<PublicKey>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self { first: keys.next()?, others: keys.collect() })
    }

    /// All keys, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Checks that the checkpoint is signed by one of the keys.
    pub fn verify_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Vec<Fault>> {
        let first = checkpoint.verify(&self.first);
        if self.others.iter().any(|key| checkpoint.verify(key).is_ok()) { Ok(()) } else { first }
    }

    /// The log's current key.
    pub(super) fn first(&self) -> &PublicKey {
        &self.first
    }

    /// The key with this log id, in hexadecimal.
    pub(super) fn by_id(&self, log_id: &str) -> Option<&PublicKey> {
        self.iter().find(|key| hex::encode(key.id()) == log_id)
    }
}
