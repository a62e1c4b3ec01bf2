//! Rows of the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::image::{Algorithm, Digest, Tag};
use crate::key::PublicKey;
use crate::sighting::{Sighting, SignedStatement};
use crate::tlog::{LogEntry, LogKeys};

/// What is stored about one tag: text as it stands in the table, and nothing believed. [`Row::statement`] and
/// [`recorded`] check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Canonical.
    pub tag: String,
    /// The digest that was seen first: from the moment the row exists, no other is ever recorded for the tag.
    pub digest: String,
    /// The signing key's public half, PEM.
    pub key: String,
    /// The signature over the statement: base64 of ASN.1 DER.
    pub signature: String,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The statement is signed and may or may not be in the log yet. Until the lease ends, whoever holds it uploads;
    /// after that, anyone may, with what the row holds.
    Pending { lease: Lease },
    /// The log's entry, as its API answers it.
    Recorded { entry: String },
}

/// A row that verifies.
#[derive(Debug, Clone)]
pub enum Checked {
    Pending(SignedStatement, Lease),
    Recorded(Box<Sighting>),
}

/// When a writer's time ends: milliseconds since the Unix epoch. No signature covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u64);

impl Lease {
    /// The longest that a writer takes: 28 s, the longest `REQUEST_TIMEOUT_MS`, and a fifth.
    pub const LONGEST: Duration = Duration::from_secs(34);
    /// The most by which a writer's clock may be ahead of a reader's. Where it is more, two writers upload the same bytes.
    const CLOCKS: Duration = Duration::from_secs(60);
    /// Stands for every number from here on.
    pub const MAX: Self = Self(u64::MAX);

    pub fn starting_now(length: Duration) -> Self {
        Self(millis_since_epoch() + u64::try_from(length.as_millis()).unwrap_or(u64::MAX / 2))
    }

    /// Whether anyone may finish the row: the time has passed, or it is later than any writer could have set it. Otherwise
    /// a row with such a number would hold its tag up for good.
    pub fn has_ended(self) -> bool {
        let Some(left) = self.0.checked_sub(millis_since_epoch()) else { return true };
        left == 0 || Duration::from_millis(left) > Self::LONGEST + Self::CLOCKS
    }
}

fn millis_since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 2)
}

impl Row {
    /// A row for a statement that is about to be uploaded.
    pub fn pending(statement: &SignedStatement, lease: Lease) -> Self {
        Self::new(statement, State::Pending { lease })
    }

    /// A row for a sighting that the log holds.
    pub fn recorded(sighting: &Sighting) -> Self {
        Self::new(sighting.statement(), State::Recorded { entry: sighting.entry().to_json() })
    }

    /// What the row shows of `tag`: its statement, and of a recorded one the log's entry too.
    pub fn check(&self, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Checked, RowFault> {
        let statement = self.statement(tag, trusted)?;
        Ok(match &self.state {
            State::Pending { lease } => Checked::Pending(statement, *lease),
            State::Recorded { entry } => Checked::Recorded(Box::new(recorded(statement, entry, log_keys)?)),
        })
    }

    /// The signed statement that the row holds, if it is one about `tag` by a trusted key.
    pub fn statement(&self, tag: &Tag, trusted: &[PublicKey]) -> Result<SignedStatement, RowFault> {
        if self.tag != tag.canonical() {
            return Err(RowFault::Tag);
        }
        let digest: Digest = self.digest.parse().map_err(|_| RowFault::Digest)?;
        if digest.algorithm() != Algorithm::Sha256 {
            return Err(RowFault::Digest);
        }
        let key = self.trusted_key(trusted)?;
        let signature = BASE64_STANDARD.decode(&self.signature).map_err(|_| RowFault::Signature)?;
        SignedStatement::check(tag.clone(), digest, key, signature).ok_or(RowFault::Signature)
    }

    /// The trusted key that the row names.
    fn trusted_key<'a>(&self, trusted: &'a [PublicKey]) -> Result<&'a PublicKey, RowFault> {
        if let Some(key) = trusted.iter().find(|key| key.pem() == self.key) {
            return Ok(key);
        }
        // The same key, written otherwise.
        let key = PublicKey::from_pem(&self.key).map_err(|_| RowFault::Key)?;
        trusted.iter().find(|trusted| **trusted == key).ok_or(RowFault::Key)
    }

    fn new(statement: &SignedStatement, state: State) -> Self {
        Self {
            tag: statement.tag().to_string(),
            digest: statement.digest().to_string(),
            key: statement.key().pem().to_owned(),
            signature: BASE64_STANDARD.encode(statement.signature()),
            state,
        }
    }
}

/// Why a row is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    #[error("it is of another tag")]
    Tag,
    #[error("its digest is not a sha256")]
    Digest,
    #[error("its key is not a trusted one")]
    Key,
    #[error("its signature does not verify")]
    Signature,
    #[error("its log entry does not verify")]
    Entry,
    #[error("its log entry is of another statement")]
    OtherEntry,
    #[error("it has gone")]
    Gone,
    #[error("it holds another digest than was recorded")]
    OtherDigest,
}

/// Checks the log entry that a recorded row holds for its statement.
pub fn recorded(statement: SignedStatement, entry: &str, log_keys: &LogKeys) -> Result<Sighting, RowFault> {
    let entry = LogEntry::parse(entry.as_bytes()).map_err(|_| RowFault::Entry)?;
    let entry = entry.verify(log_keys).map_err(|_| RowFault::Entry)?;
    statement.recorded_by(entry).ok_or(RowFault::OtherEntry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_no_writer_could_have_set_has_ended() {
        let from_now = |seconds| Lease::starting_now(Duration::from_secs(seconds));
        assert!(!from_now(34).has_ended(), "the longest that there is");
        assert!(!from_now(90).has_ended(), "by a clock that is ahead");
        assert!(from_now(96).has_ended());
        for lease in [Lease(0), from_now(0), Lease(99_999_999_999_999), Lease(u64::MAX - 1), Lease::MAX] {
            assert!(lease.has_ended(), "{lease:?}");
        }
    }
}
