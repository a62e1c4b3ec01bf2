//! Rows of the ledger.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::dynamodb::{PENDING, RECORDED};
use super::entry::{entry_text, parse_entry};
use super::place::Place;
use crate::clock::since_epoch;
use crate::image::{Algorithm, Digest, Tag};
use crate::key::PublicKey;
use crate::sighting::{Sighting, SignedStatement};
use crate::tlog::LogKeys;

/// A tag's row: text as it stands in the table, not verified yet ([`Row::verify`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Canonical.
    pub tag: String,
    /// The digest that was seen first. Once the row exists, no other is ever recorded for the tag.
    pub digest: String,
    /// The signing key's public half, PEM.
    pub key: String,
    /// The signature over the statement: base64 of ASN.1 DER.
    pub signature: String,
    /// The only part that ever changes, with the place.
    pub state: RowState,
    /// The place at which lists find the row. `None` in rows of older versions.
    pub place: Option<Place>,
}

/// The signed part of a row.
pub(super) struct SignedText<'a> {
    pub tag: &'a str,
    pub digest: &'a str,
    pub key: &'a str,
    pub signature: &'a str,
}

/// The progress of a recording, as the table says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowState {
    /// The statement is signed, and may be in the log already. Its holder uploads it until the lease ends. After that
    /// anyone may.
    Pending {
        /// The end of the time that the writer has.
        lease: Lease,
    },
    /// The statement is in the log.
    Recorded {
        /// The log's entry, as Rekor v1's API answers it, or as a bundle holds one of Rekor v2.
        entry: String,
        /// The index of attestations leads to the tag.
        indexed: bool,
    },
}

/// A row that verifies.
#[derive(Debug, Clone)]
pub enum VerifiedRow {
    /// The statement is signed. Nobody knows yet whether the log has it.
    Pending(SignedStatement, Lease),
    /// The statement is in the log, and the entry that the row holds shows it.
    Recorded(Box<Sighting>),
}

impl VerifiedRow {
    /// The place that the row should have.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Pending(statement, _) => Place::pending(statement),
            Self::Recorded(sighting) => Place::recorded(sighting),
        }
    }
}

/// The end of a writer's time: milliseconds since the Unix epoch. No signature covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(pub u64);

impl Lease {
    /// The longest that a writer takes: 28 s, the longest `REQUEST_TIMEOUT_MS`, and a fifth.
    pub const LONGEST: Duration = Duration::from_secs(34);
    /// The most by which a writer's clock may be ahead of a reader's. Beyond that, two writers upload the same bytes.
    const CLOCKS: Duration = Duration::from_secs(60);
    /// Stands for every number from here on.
    pub const MAX: Self = Self(u64::MAX);

    /// Ends after `length`, by this process's clock.
    pub fn starting_now(length: Duration) -> Self {
        Self(millis_since_epoch() + u64::try_from(length.as_millis()).unwrap_or(u64::MAX / 2))
    }

    /// Returns whether anyone may finish the row. A time later than any writer could have set has ended too: otherwise
    /// such a row would block its tag for good.
    pub fn has_ended(self) -> bool {
        let Some(left) = self.0.checked_sub(millis_since_epoch()) else { return true };
        left == 0 || Duration::from_millis(left) > Self::LONGEST + Self::CLOCKS
    }
}

fn millis_since_epoch() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX / 2)
}

impl Row {
    /// A row for a statement that is about to be uploaded.
    pub fn pending(statement: &SignedStatement, lease: Lease) -> Self {
        Self::new(statement, RowState::Pending { lease }, Place::pending(statement))
    }

    /// A row for a sighting that the log holds.
    pub fn recorded(sighting: &Sighting) -> Self {
        let state = RowState::Recorded { entry: entry_text(sighting), indexed: false };
        Self::new(sighting.statement(), state, Place::recorded(sighting))
    }

    /// The row as one of `tag`: its statement verifies, and the log's entry of a recorded one.
    pub fn verify(&self, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<VerifiedRow, RowFault> {
        let statement = self.statement(tag, trusted)?;
        Ok(match &self.state {
            RowState::Pending { lease } => VerifiedRow::Pending(statement, *lease),
            RowState::Recorded { entry, .. } => VerifiedRow::Recorded(Box::new(recorded(statement, entry, log_keys)?)),
        })
    }

    /// Returns whether this is the row of `sighting`: to the byte, but for its place.
    pub fn is_of(&self, sighting: &Sighting) -> bool {
        let RowState::Recorded { indexed, .. } = self.state else { return false };
        let mut row = Self::recorded(sighting);
        if let RowState::Recorded { indexed: own, .. } = &mut row.state {
            *own = indexed;
        }
        row.place.clone_from(&self.place);
        row == *self
    }

    /// The state's name in the ledger.
    pub(super) fn state_name(&self) -> &'static str {
        match self.state {
            RowState::Pending { .. } => PENDING,
            RowState::Recorded { .. } => RECORDED,
        }
    }

    /// Returns whether the index of attestations leads to the tag.
    pub fn is_indexed(&self) -> bool {
        matches!(self.state, RowState::Recorded { indexed: true, .. })
    }

    /// The signed statement that the row holds, if it is one about `tag` by a trusted key.
    pub fn statement(&self, tag: &Tag, trusted: &[PublicKey]) -> Result<SignedStatement, RowFault> {
        let Self { tag: of, digest, key, signature, .. } = self;
        checked_statement(&SignedText { tag: of, digest, key, signature }, tag, trusted)
    }

    fn new(statement: &SignedStatement, state: RowState, place: Place) -> Self {
        Self {
            tag: statement.tag().to_string(),
            digest: statement.digest().to_string(),
            key: statement.key().pem().to_owned(),
            signature: BASE64_STANDARD.encode(statement.signature()),
            state,
            place: Some(place),
        }
    }
}

/// The signed statement that a row's texts are, if it is one about `tag` by a trusted key.
pub(super) fn checked_statement(
    row: &SignedText<'_>,
    tag: &Tag,
    trusted: &[PublicKey],
) -> Result<SignedStatement, RowFault> {
    if row.tag != tag.canonical() {
        return Err(RowFault::Tag);
    }
    let digest: Digest = row.digest.parse().map_err(|_| RowFault::Digest)?;
    if digest.algorithm() != Algorithm::Sha256 {
        return Err(RowFault::Digest);
    }
    let key = trusted_key(row.key, trusted)?;
    let signature = BASE64_STANDARD.decode(row.signature).map_err(|_| RowFault::Signature)?;
    SignedStatement::check(tag.clone(), digest, key, signature).ok_or(RowFault::Signature)
}

/// The trusted key that a row names.
fn trusted_key<'a>(pem: &str, trusted: &'a [PublicKey]) -> Result<&'a PublicKey, RowFault> {
    if let Some(key) = trusted.iter().find(|key| key.pem() == pem) {
        return Ok(key);
    }
    // The same key, written otherwise.
    let key = PublicKey::from_pem(pem).map_err(|_| RowFault::Key)?;
    trusted.iter().find(|trusted| **trusted == key).ok_or(RowFault::Key)
}

/// Reasons not to believe a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// The row was copied from another tag, or its key is not canonical.
    #[error("it is of another tag")]
    Tag,
    /// The text is malformed, or names another algorithm than sightings use.
    #[error("its digest is not a sha256")]
    Digest,
    /// A stranger wrote the row, or `TRUSTED_KEYS` lacks an earlier key of the instance.
    #[error("its key is not a trusted one")]
    Key,
    /// The digest or the signature was changed after signing.
    #[error("its signature does not verify")]
    Signature,
    /// The entry was changed, or the configured keys are not those of the log that made it.
    #[error("its log entry does not verify")]
    Entry,
    /// The entry is genuine and records another tag, another digest or another signer.
    #[error("its log entry is of another statement")]
    OtherEntry,
    /// Somebody deleted the row between two looks at it: tlogistry deletes none.
    #[error("it has gone")]
    Gone,
    /// Somebody replaced or deleted the row while its statement was uploaded.
    #[error("it holds another digest than was recorded")]
    OtherDigest,
}

/// Checks the log entry that a recorded row holds for its statement.
pub fn recorded(statement: SignedStatement, entry: &str, log_keys: &LogKeys) -> Result<Sighting, RowFault> {
    let (entry, stamps) = parse_entry(entry).map_err(|_| RowFault::Entry)?;
    let entry = entry.verify(log_keys).map_err(|_| RowFault::Entry)?;
    let stamped = stamps.and_then(|stamps| stamps.verified(statement.signature(), log_keys.authorities()));
    let sighting = statement.recorded_by(entry).ok_or(RowFault::OtherEntry)?;
    Ok(sighting.with_stamp(stamped))
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    /// Other processes read it, of other versions too.
    #[test]
    fn a_lease_is_written_in_milliseconds_since_the_unix_epoch() {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (before, Lease(millis), after) = (now(), Lease::starting_now(Duration::from_secs(34)), now());
        let start = Duration::from_millis(millis) - Duration::from_secs(34);
        assert!(start <= after && before <= start + Duration::from_millis(1), "{start:?}");
    }

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
