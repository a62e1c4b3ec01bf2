//! First seen, unchanged or moved: the question that every pull by tag asks.
//!
//! The answer takes up to three steps. [`Verdicts::recall`] finds what this process and the ledger know of the tag, while
//! the registry is asked what the tag is now. Where they know nothing and the registry has the tag, [`Verdicts::search`]
//! asks the log: strangers can cause that, so it is charged to them. [`Verdicts::judge`] compares what was found with the
//! current digest, and records the tag if it was never seen. Whatever cannot be established is [`Unavailable`], and
//! nothing is served then.

mod claim;
mod evidence;
mod instance;
mod record;
mod search;

use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

pub use crate::allowance::{Allowance, Limits, Source};
pub use instance::{ForgottenKey, KeyKind, KeyUse, KeyUsed};

use crate::allowance::Exhausted;
use instance::Instance;

use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::{Ledger, LedgerError, RowFault};
use crate::rekor::Rekor;
use crate::sighting::{Findings, First, Sighting, SignError, Signer};
use crate::telemetry::{Dependency, timed};
use crate::tlog::{Call, Closed, Fault, Faults, Gate, LogError, LogKeys, VerifiedEntry};

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
    MovedFromUnknown { entry: Box<VerifiedEntry>, current: Digest },
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
    Unattested(Arc<Findings>),
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
    Log(#[from] LogError),
    /// Nothing was signed or written that would have needed the log.
    #[error(transparent)]
    LogSpared(#[from] Closed),
    #[error("the log did not confirm the recording in time")]
    Unconfirmed,
    #[error("an entry of the log does not verify: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
    #[error("the log answered an upload with an entry of another statement")]
    OtherEntry,
    #[error("the log lists {0} entries under this tag, more than could be checked in time")]
    TooManyEntries(usize),
    #[error("the log holds an entry by a signing key, with index {log_index}, that no sighting of this tag explains")]
    Unexplained { log_index: u64 },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger's row for this tag does not verify: {0}")]
    LedgerUnverifiable(#[from] RowFault),
    #[error("{0}")]
    ForgottenKey(ForgottenKey),
    #[error("{0}")]
    KeyUsed(KeyUsed),
    #[error(transparent)]
    Key(#[from] SignError),
    #[error("the tag is being recorded by another request")]
    BeingRecorded,
    #[error(transparent)]
    TooManyFirstSights(#[from] Exhausted),
    #[error("recording was interrupted")]
    Interrupted,
    #[error("its recording broke off; the next pull of the tag finishes it")]
    Abandoned,
    #[error("the log no longer has the statement of the entry that it holds for this tag")]
    StatementLost,
}

impl From<ForgottenKey> for Unavailable {
    fn from(forgotten: ForgottenKey) -> Self {
        Self::ForgottenKey(forgotten)
    }
}

impl From<KeyUsed> for Unavailable {
    fn from(used: KeyUsed) -> Self {
        Self::KeyUsed(used)
    }
}

impl Unavailable {
    /// For what was not tried: when it may be.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFirstSights(Exhausted { retry_after }) | Self::LogSpared(Closed { retry_after }) => {
                Some(*retry_after)
            }
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
    /// Entries of the log that say nothing of a tag. What an entry holds never changes, and neither do our keys.
    passed_over: Cache<[u8; 64], ()>,
    ledger: Ledger,
    instance: Instance,
    log: Rekor,
    /// Every call to the log passes it.
    gate: Gate,
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
    /// `allowance` limits searches of the log and the first sights that follow, `recording_time` bounds the recording of
    /// one tag.
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
        let passed_over = Cache::new(search::PASSED_OVER);
        let gate = Gate::new(recording_time);
        Self(Arc::new(Parts {
            known,
            passed_over,
            ledger,
            instance: Instance::default(),
            log,
            gate,
            log_keys,
            signer,
            retired,
            allowance,
            recording_time,
        }))
    }

    /// The sighting of `tag` if this process has verified it before. Asks nobody.
    pub fn known(&self, tag: &Tag) -> Option<Arc<Sighting>> {
        self.0.known.get(tag.canonical())
    }

    /// Where anyone can read the log's entry.
    pub fn entry_url(&self, entry: &VerifiedEntry) -> String {
        self.0.log.entry_url(entry.id())
    }

    /// What memory and the ledger know of `tag`. `None` if only a search can tell.
    pub async fn recall(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Recall>, Unavailable> {
        if let Some(sighting) = self.known(tag).filter(|_| self.0.instance.is_admitted()) {
            return Ok(Some(Recall::Seen(sighting)));
        }
        let Some(row) = self.row(tag, deadline).await? else { return Ok(None) };
        Ok(Some(match self.settle(tag, row, deadline).await? {
            Recall::Seen(sighting) if !self.is_published(&sighting, deadline).await => Recall::Found(sighting),
            settled => settled,
        }))
    }

    /// What the log knows of `tag`, of which [`Verdicts::recall`] knows nothing. The search is charged to `source`, and
    /// the first sight that may follow with it.
    pub async fn search(&self, tag: &Tag, source: Option<Source>, deadline: Deadline) -> Result<Recall, Unavailable> {
        // Another request may have found or recorded it meanwhile.
        if let Some(sighting) = self.known(tag).filter(|_| self.0.instance.is_admitted()) {
            return Ok(Recall::Seen(sighting));
        }
        // Nobody is charged for what is not asked.
        let pass = self.0.gate.pass(Call::Search)?;
        self.0.allowance.draw(source, deadline).await?;
        let found = timed(Dependency::Log, self.ask_log(tag, pass, deadline)).await?;
        if let Recall::Found(sighting) = &found {
            self.remember(sighting, deadline).await;
        }
        Ok(found)
    }

    /// Compares what is known of `tag` with the `current` manifest, and records its digest if the log has none.
    pub async fn judge(
        &self,
        tag: &Tag,
        recall: Recall,
        current: &Current<'_>,
        deadline: Deadline,
    ) -> Result<Verdict, Unavailable> {
        let recall = match recall {
            Recall::Unattested(findings) => {
                match (self.rebuild(tag, &findings, current.digest, deadline).await?, findings.first()) {
                    (Some(sighting), _) => Recall::Found(sighting),
                    (None, First::Unattested(entry)) => {
                        let (entry, current) = (Box::new(entry.clone()), current.digest.clone());
                        return Ok(Verdict::MovedFromUnknown { entry, current });
                    }
                    (None, _) => return Err(Unavailable::Interrupted),
                }
            }
            Recall::Never => self.record_first(tag, current.digest, deadline).await?,
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
