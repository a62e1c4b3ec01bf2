//! First seen, unchanged or moved: the question that every pull by tag asks.
//!
//! The answer takes two steps, because the registry is asked in the meantime what the tag is now:
//! [`Verdicts::recall`] finds what is known of the tag, [`Verdicts::judge`] compares it with the current digest and
//! records the tag if it was never seen. Whatever cannot be established is [`Unavailable`], and nothing is served then.

mod allowance;
mod evidence;
mod record;
mod search;

use std::sync::Arc;
use std::time::Duration;

pub use allowance::{Allowance, Limits, Source};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::{Ledger, LedgerError, RowFault};
use crate::rekor::{Fault, Faults, LogKeys, Rekor, RekorError, VerifiedEntry};
use crate::sighting::{Sighting, SignError, Signer};
use crate::telemetry::{Dependency, timed};

/// Verified sightings kept in memory: 7,000 of usual size, and a sixth of the function's memory. A stranger can upload
/// ours with much around it, so they are counted by their bytes.
const KNOWN_BYTES: u64 = 42 << 20;
const USUAL_SIGHTING_BYTES: u64 = 6 << 10;
/// What is stored beside a sighting's bytes.
const SIGHTING_OVERHEAD_BYTES: usize = 1 << 10;

/// What is to be done with a tag.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Seen before, with the same digest: serve.
    Unchanged(Arc<Sighting>),
    /// Never seen before; now it is recorded: serve.
    FirstSeen(Arc<Sighting>),
    /// Seen before with another digest: refuse.
    Moved { sighting: Arc<Sighting>, current: Digest },
    /// Seen before with another digest, which the log no longer tells: refuse.
    MovedFromUnknown { entry: Arc<VerifiedEntry>, current: Digest },
}

/// What the registry serves for a tag now.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub digest: &'a Digest,
    pub media_type: &'a str,
    /// Bytes.
    pub size: u64,
}

/// What is known of a tag before its current digest is.
#[derive(Debug, Clone)]
pub enum Recall {
    Seen(Arc<Sighting>),
    /// Seen before, and not in the index yet: found in the log just now, or its first pull ended before that.
    Found(Arc<Sighting>),
    /// Seen by this process for the first time, or finished by it for another that broke off.
    Recorded(Arc<Sighting>),
    /// The log has an entry by our key for this tag, but not the statement that belongs to it: only whether a given
    /// digest is the recorded one can be told.
    Unattested(Arc<VerifiedEntry>),
    Never,
}

impl Recall {
    /// The recorded digest, where it is known.
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Seen(sighting) | Self::Found(sighting) | Self::Recorded(sighting) => Some(sighting.digest()),
            Self::Unattested(_) | Self::Never => None,
        }
    }
}

/// Why there is no verdict. Nothing is served by tag then.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error(transparent)]
    Log(#[from] RekorError),
    #[error("an entry of the log does not verify: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
    #[error("the log answered an upload with an entry of another statement")]
    OtherEntry,
    #[error("the log lists {0} entries under this tag, more than could be checked in time")]
    TooManyEntries(usize),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger's row for this tag does not verify: {0}")]
    LedgerUnverifiable(#[from] RowFault),
    #[error(transparent)]
    Key(#[from] SignError),
    #[error("the tag is being recorded by another request")]
    BeingRecorded,
    #[error("too many tags are being seen for the first time")]
    TooManyFirstSights { retry_after: Duration },
    #[error("recording was interrupted")]
    Interrupted,
    #[error("its recording broke off; the next pull of the tag finishes it")]
    Abandoned,
    #[error("the log no longer has the statement of the entry that it holds for this tag")]
    StatementLost,
}

impl Unavailable {
    /// For a first sight that was not allowed: when one will be again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFirstSights { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

/// Finds, compares and records sightings. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Verdicts(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    /// What has been verified already. A tag's sighting never changes, so nothing here is ever out of date.
    known: Cache<String, Arc<Sighting>, SightingSize>,
    ledger: Ledger,
    log: Rekor,
    log_keys: LogKeys,
    signer: Signer,
    /// Public keys that sightings were signed with before the signer's.
    retired: Vec<PublicKey>,
    allowance: Allowance,
    /// How long recording one tag may take: it goes on when the client that it began for has gone.
    recording_time: Duration,
}

/// Weighs a sighting by its bytes.
#[derive(Debug, Clone)]
struct SightingSize;

impl Weighter<String, Arc<Sighting>> for SightingSize {
    fn weight(&self, tag: &String, sighting: &Arc<Sighting>) -> u64 {
        (tag.len() + sighting.entry().size() + SIGHTING_OVERHEAD_BYTES) as u64
    }
}

impl Verdicts {
    /// `log_keys` are what the log's answers are checked with, `retired` the public keys of earlier signers;
    /// `allowance` limits first sights, `recording_time` bounds the recording of one tag.
    pub fn new(
        ledger: Ledger,
        log: Rekor,
        log_keys: LogKeys,
        signer: Signer,
        retired: Vec<PublicKey>,
        allowance: Allowance,
        recording_time: Duration,
    ) -> Self {
        let count = usize::try_from(KNOWN_BYTES / USUAL_SIGHTING_BYTES).unwrap_or(usize::MAX);
        let known = Cache::with_weighter(count, KNOWN_BYTES, SightingSize);
        Self(Arc::new(Parts { known, ledger, log, log_keys, signer, retired, allowance, recording_time }))
    }

    /// The sighting of `tag` if this process has verified it before. Asks nobody.
    pub fn known(&self, tag: &Tag) -> Option<Arc<Sighting>> {
        self.0.known.get(tag.canonical())
    }

    /// Where anyone can read the log's entry.
    pub fn entry_url(&self, entry: &VerifiedEntry) -> String {
        self.0.log.entry_url(entry.id())
    }

    /// What is known of `tag`: from memory, the ledger, or, if that has no row, the log.
    pub async fn recall(&self, tag: &Tag, deadline: Deadline) -> Result<Recall, Unavailable> {
        if let Some(sighting) = self.known(tag) {
            return Ok(Recall::Seen(sighting));
        }
        if let Some(row) = self.0.ledger.get(tag, deadline).await? {
            return Ok(match self.settle(tag, row, deadline).await? {
                Recall::Seen(sighting) if !self.is_published(&sighting, deadline).await => Recall::Found(sighting),
                settled => settled,
            });
        }
        let found = timed(Dependency::Log, self.search(tag, deadline)).await?;
        if let Recall::Found(sighting) = &found {
            self.remember(sighting, deadline).await;
        }
        Ok(found)
    }

    /// Compares what is known of `tag` with the `current` manifest, and records its digest if nothing is known: that is
    /// counted for `source`.
    pub async fn judge(
        &self,
        tag: &Tag,
        recall: Recall,
        current: &Current<'_>,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Verdict, Unavailable> {
        let recall = match recall {
            Recall::Unattested(entry) => match self.rebuild(tag, &entry, current.digest, deadline).await? {
                Some(sighting) => Recall::Found(sighting),
                None => return Ok(Verdict::MovedFromUnknown { entry, current: current.digest.clone() }),
            },
            Recall::Never => self.record_first(tag, current.digest, source, deadline).await?,
            known => known,
        };
        match recall {
            Recall::Seen(sighting) if sighting.digest() == current.digest => Ok(Verdict::Unchanged(sighting)),
            Recall::Found(sighting) if sighting.digest() == current.digest => {
                self.publish(tag, current).await;
                Ok(Verdict::Unchanged(sighting))
            }
            Recall::Recorded(sighting) if sighting.digest() == current.digest => {
                self.publish(tag, current).await;
                Ok(Verdict::FirstSeen(sighting))
            }
            Recall::Seen(sighting) | Recall::Found(sighting) | Recall::Recorded(sighting) => {
                Ok(Verdict::Moved { sighting, current: current.digest.clone() })
            }
            Recall::Unattested(_) | Recall::Never => Err(Unavailable::Interrupted),
        }
    }

    /// Fetches the signer's public key. It is kept from then on.
    pub async fn fetch_key(&self, deadline: Deadline) -> Result<(), SignError> {
        self.0.signer.public_key(deadline).await.map(drop)
    }

    /// The keys that count: the signer's and the retired ones.
    async fn trusted_keys(&self, deadline: Deadline) -> Result<Vec<PublicKey>, Unavailable> {
        let current = self.0.signer.public_key(deadline).await?;
        Ok(std::iter::once(current).chain(&self.0.retired).cloned().collect())
    }

    fn keep(&self, sighting: Sighting) -> Arc<Sighting> {
        let sighting = Arc::new(sighting);
        self.0.known.insert(sighting.tag().to_string(), sighting.clone());
        sighting
    }
}
