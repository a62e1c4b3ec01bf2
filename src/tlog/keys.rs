//! The keys of all logs that count.

use super::checkpoint::Checkpoint;
use super::fault::Fault;
use super::log_key::LogKey;
use crate::key::PublicKey;
use crate::timestamp::Authorities;

/// The public keys that entries of logs are checked with: the one that is written now first, and earlier ones. With them the
/// authorities whose time stamps count, where a log signs no time.
#[derive(Debug, Clone)]
pub struct LogKeys {
    first: LogKey,
    others: Vec<LogKey>,
    authorities: Authorities,
}

impl LogKeys {
    /// `None` if there are no keys.
    pub fn new(keys: Vec<LogKey>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self { first: keys.next()?, others: keys.collect(), authorities: Authorities::default() })
    }

    /// Keys of Rekor v1; `None` if there are no keys.
    pub fn v1(keys: Vec<PublicKey>) -> Option<Self> {
        Self::new(keys.into_iter().map(LogKey::v1).collect())
    }

    /// The same keys, with these time-stamping authorities.
    pub fn with_authorities(self, authorities: Authorities) -> Self {
        Self { authorities, ..self }
    }

    /// The authorities whose time stamps count.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// All keys, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &LogKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Checks that the checkpoint is signed by one of the keys.
    pub fn verify_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Vec<Fault>> {
        let first = checkpoint.verify(&self.first);
        if self.others.iter().any(|key| checkpoint.verify(key).is_ok()) { Ok(()) } else { first }
    }

    /// The log's current key.
    pub(super) fn first(&self) -> &LogKey {
        &self.first
    }

    /// The key with this log id, in hexadecimal.
    pub(super) fn by_id(&self, log_id: &str) -> Option<&LogKey> {
        self.iter().find(|key| hex::encode(key.id()) == log_id)
    }
}
