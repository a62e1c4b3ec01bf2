//! Items that come from another ledger, as an export of it or a copy of a table.
//!
//! A tag's row is taken only if it verifies. A pending one is taken as it is: its statement may be in the log already,
//! so a ledger without it could decide for another digest. What nobody signs, a row's moves and the rows of the index,
//! is the instance's word, and taken if it can be read; no verdict rests on it.

use std::collections::BTreeSet;

use super::dynamodb::{PENDING, read_digest_tags, read_row};
use super::item::{StoredItem, text};
use super::moves::read_moves;
use super::place::{LOG, LOG_INDEX, TIME};
use super::row::VerifiedRow;
use super::{Completion, DigestTags, Ledger, LedgerError, Row, RowFault, UsedKeys, index, instance, recorded};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository, Tag};
use crate::key::PublicKey;
use crate::tlog::{LogKey, LogKeys};

/// Attributes that each kind of item may have. Another is one of a later version, which may mean anything.
const ROW: &[&str] = &[
    "tag",
    "digest",
    "key",
    "signature",
    "state",
    "lease",
    "entry",
    "indexed",
    "moves",
    "furtherMoves",
    "last_move",
    LOG,
    LOG_INDEX,
    TIME,
];
const INDEX: &[&str] = &["tag", "tags", "mediaType", "size"];
const INSTANCE: &[&str] = &["tag", "signingKeys", "logKeys", instance::IMPORTING];

/// An item that may be taken into another ledger.
#[derive(Debug)]
pub(crate) enum CarriedItem {
    /// The instance's own row.
    Instance(UsedKeys),
    /// A tag's row, which verifies.
    Row(Box<CarriedRow>),
    /// A row of the index.
    Index(CarriedIndex),
}

/// A tag's row that verifies.
#[derive(Debug)]
pub(crate) struct CarriedRow {
    tag: Tag,
    row: Row,
    /// As it was, but for what only the ledger that it comes from needs.
    item: StoredItem,
    /// The keys that it verifies with.
    pub keys: UsedKeys,
}

/// A row of the index whose names can be read.
#[derive(Debug)]
pub(crate) struct CarriedIndex {
    digest: Digest,
    tags: Vec<Tag>,
    media_type: String,
    size: u64,
}

/// Reasons not to take an item.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CarriedFault {
    #[error("its key is not the canonical name of a tag, and of nothing else that a ledger holds")]
    Key,
    #[error("it has the attribute '{}', which this version does not know", crate::foreign::shown(.0))]
    Unknown(String),
    #[error("it has no usable attribute '{0}'")]
    Malformed(&'static str),
    #[error("it is of a ledger with a part of its rows, whose own import did not come to its end")]
    Importing,
    #[error(transparent)]
    Row(#[from] RowFault),
    /// The row of the same tag in the other ledger.
    #[error("the ledger has {held} for it: a tag has one digest")]
    OtherDigest { held: Digest },
    #[error("the ledger has a row of it that does not verify: {0}")]
    Held(String),
}

/// The outcome for a tag's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The ledger had no row of the tag.
    New,
    /// The ledger had a pending row of the same digest, which is complete now.
    Completed,
    /// The ledger had a row of the same digest, which stays as it is.
    Known,
}

impl CarriedItem {
    /// Checks an item of another ledger.
    pub(crate) fn check(item: StoredItem, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Self, CarriedFault> {
        let key = text(&item, "tag").ok_or(CarriedFault::Malformed("tag"))?.to_owned();
        if key == instance::KEY {
            only(&item, INSTANCE)?;
            return Ok(Self::Instance(UsedKeys::read(&item).map_err(malformed)?));
        }
        match key.rsplit_once('@') {
            Some((repository, digest)) => {
                only(&item, INDEX)?;
                CarriedIndex::check(repository, digest, item).map(Self::Index)
            }
            None => {
                only(&item, ROW)?;
                CarriedRow::check(&key, item, trusted, log_keys).map(|row| Self::Row(Box::new(row)))
            }
        }
    }
}

impl CarriedRow {
    fn check(key: &str, mut item: StoredItem, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Self, CarriedFault> {
        let tag: Tag = key.parse().map_err(|_| CarriedFault::Key)?;
        if tag.canonical() != key {
            return Err(CarriedFault::Key);
        }
        let row = read_row(item.clone()).map_err(malformed)?;
        read_moves(&item).map_err(malformed)?;
        let mut keys = UsedKeys::default();
        let verified = row.verify(&tag, trusted, log_keys)?;
        match &verified {
            VerifiedRow::Pending(statement, _) => {
                keys.signing.insert(statement.key().fingerprint());
            }
            VerifiedRow::Recorded(sighting) => {
                keys.signing.insert(sighting.statement().key().fingerprint());
                keys.log = sighting.entry().log_key(log_keys).map(LogKey::fingerprint).into_iter().collect();
            }
        }
        let stale = if text(&item, "state") == Some(PENDING) { "entry" } else { "lease" };
        // The operator was told of the last move where the row comes from. The index need not have come along: without
        // the mark, the next pull brings the tag into it.
        ["last_move", "indexed", stale].iter().for_each(|name| drop(item.remove(*name)));
        verified.place().put_into(&mut item);
        Ok(Self { tag, row, item, keys })
    }
}

impl CarriedIndex {
    fn check(repository: &str, digest: &str, item: StoredItem) -> Result<Self, CarriedFault> {
        let named: Repository = repository.parse().map_err(|_| CarriedFault::Key)?;
        let digest: Digest = digest.parse().map_err(|_| CarriedFault::Key)?;
        if text(&item, "tag") != Some(&index::key(&named, &digest)) {
            return Err(CarriedFault::Key);
        }
        let count = item.get("tags").and_then(|tags| tags.as_ss().ok()).map_or(0, Vec::len);
        let DigestTags { tags, media_type, size } = read_digest_tags(item).map_err(malformed)?;
        let of_repository = |name: &String| {
            let tag: Tag = name.parse().ok()?;
            (tag.canonical() == name && *tag.repository() == named).then_some(tag)
        };
        let parsed: Option<Vec<Tag>> = tags.iter().map(of_repository).collect();
        let tags = parsed.filter(|tags| tags.len() == count).ok_or(CarriedFault::Malformed("tags"))?;
        Ok(Self { digest, tags, media_type, size })
    }
}

impl Ledger {
    /// Makes sure that the ledger has a row for a tag of another, with the same digest.
    pub(crate) async fn take_row(
        &self,
        carried: &CarriedRow,
        trusted: &[PublicKey],
        log_keys: &LogKeys,
        deadline: Deadline,
    ) -> Result<Result<Taken, CarriedFault>, LedgerError> {
        if self.put_new(carried.item.clone(), deadline).await? {
            return Ok(Ok(Taken::New));
        }
        let held = match self.get(&carried.tag, deadline).await {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(Err(CarriedFault::Held(RowFault::Gone.to_string()))),
            Err(error @ LedgerError::Malformed(_)) => return Ok(Err(CarriedFault::Held(error.to_string()))),
            Err(error) => return Err(error),
        };
        let held_statement = match held.verify(&carried.tag, trusted, log_keys) {
            Ok(VerifiedRow::Pending(statement, _)) => Some(statement),
            Ok(VerifiedRow::Recorded(_)) => None,
            Err(fault) => return Ok(Err(CarriedFault::Held(fault.to_string()))),
        };
        if held.digest != carried.row.digest {
            let held = held.digest.parse().map_err(|_| LedgerError::Malformed("digest"))?;
            return Ok(Err(CarriedFault::OtherDigest { held }));
        }
        // An entry that does not fit the held row leaves it as it is: the next pull finishes that.
        let entry = text(&carried.item, "entry");
        let completed = held_statement.zip(entry).and_then(|(held, entry)| recorded(held, entry, log_keys).ok());
        let Some(sighting) = completed else { return Ok(Ok(Taken::Known)) };
        Ok(Ok(match self.complete(&sighting, deadline).await? {
            Completion::Now => Taken::Completed,
            // Nobody can have changed the digest: the ledger itself allows it no more than we do.
            Completion::Before | Completion::OtherDigest => Taken::Known,
        }))
    }

    /// Makes sure that the ledger's index has what another one's had.
    pub(crate) async fn take_index(
        &self,
        carried: &CarriedIndex,
        deadline: Deadline,
    ) -> Result<Result<(), CarriedFault>, LedgerError> {
        for tag in &carried.tags {
            match self.index_tag(tag, &carried.digest, &carried.media_type, carried.size, deadline).await {
                Ok(_) => {}
                Err(error @ LedgerError::Malformed(_)) => return Ok(Err(CarriedFault::Held(error.to_string()))),
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(()))
    }
}

fn only(item: &StoredItem, known: &[&str]) -> Result<(), CarriedFault> {
    let unknown: BTreeSet<&String> = item.keys().filter(|name| !known.contains(&name.as_str())).collect();
    unknown.first().map_or(Ok(()), |name| Err(CarriedFault::Unknown((*name).clone())))
}

fn malformed(error: LedgerError) -> CarriedFault {
    match error {
        LedgerError::Malformed(name) | LedgerError::Instance(name) => CarriedFault::Malformed(name),
        LedgerError::Importing => CarriedFault::Importing,
        // Reading an item fails for its attributes alone.
        _ => CarriedFault::Malformed("tag"),
    }
}
