//! Rows of the ledger.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::image::{Algorithm, Digest, Tag};
use crate::key::PublicKey;
use crate::rekor::{LogEntry, LogKeys};
use crate::sighting::{Sighting, SignedStatement};

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

/// When a writer's time ends: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u64);

impl Lease {
    pub fn starting_now(length: Duration) -> Self {
        Self(millis_since_epoch() + u64::try_from(length.as_millis()).unwrap_or(u64::MAX / 2))
    }

    pub fn has_ended(self) -> bool {
        millis_since_epoch() >= self.0
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
