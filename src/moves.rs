//! The record of moves, so that the operator is told once for each digest and not for each refusal.
//!
//! The refusal does not wait for this: it is the work of a task that ends within a few seconds ([`AfterAnswer`]).
//!
//! A move costs a read of its tag's row for each process that meets it, and one write in all. The write is charged to the
//! limit on first sights: whoever has a registry can move tags as fast as he can push new ones.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::after_answer::AfterAnswer;
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::ledger::{Ledger, LedgerError, Move, NewMove, RefusedMove};
use crate::rate_limit::{Exhausted, RateLimit, Source};
use crate::refused::RefusedDigests;
use crate::sighting::SightingTime;
use crate::telemetry::{NewlyMoved, Telemetry};

/// The time that a move may take after its refusal. By default a request ends after 26 s at the latest, and the function's own
/// time-out is 29 s.
const TIME: Duration = Duration::from_secs(2);
/// The pause after a failure: a pull in a loop must not become a write in a loop.
const PAUSE: Duration = Duration::from_secs(60);
/// Moves that a process knows, of some 100 bytes each.
const KNOWN: usize = 10_000;
/// Writers at the same row are few: it takes a tag that moves to several digests within one round trip.
const TRIES: usize = 3;

/// A manifest that a tag is at now, and was not recorded with.
#[derive(Debug)]
pub(crate) struct Current {
    /// Computed from the manifest's bytes.
    pub digest: Digest,
    pub media_type: &'static str,
    pub size: u64,
}

/// The record that a tag moved away from.
#[derive(Debug)]
pub(crate) struct RecordedAs {
    pub digest: Digest,
    pub log_index: u64,
    pub time: Option<SightingTime>,
    pub entry_url: String,
}

/// The moves that one process refused.
#[derive(Debug)]
pub(crate) struct MoveRecorder {
    work: Arc<Work>,
    tasks: AfterAnswer,
}

#[derive(Debug)]
struct Work {
    ledger: Arc<Ledger>,
    rate_limit: Arc<RateLimit>,
    telemetry: Telemetry,
    /// By the hash of tag and digest.
    met: Cache<[u8; 32], Met>,
}

/// A move that this process has met.
#[derive(Debug, Clone, Copy)]
enum Met {
    /// The row has it.
    Remembered,
    /// The last try failed, or is under way. The next is made from then on.
    Next(Instant),
}

/// Reasons for which a move is not remembered now.
#[derive(Debug, thiserror::Error)]
enum NotRemembered {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The sighting was found in the log, and could not be kept.
    #[error("the ledger has no row for the tag")]
    NoRow,
    #[error("the row was changed at the same time, again and again, or it is not of the recorded digest")]
    Changed,
}

impl MoveRecorder {
    pub(crate) fn new(ledger: Arc<Ledger>, rate_limit: Arc<RateLimit>, telemetry: Telemetry) -> Self {
        let work = Work { ledger, rate_limit, telemetry, met: Cache::new(KNOWN) };
        Self { work: Arc::new(work), tasks: AfterAnswer::default() }
    }

    /// Remembers that `tag` moved, in a task. A failure is logged and tried again at a later refusal. A move that the row
    /// lacks is charged to `source`.
    pub(crate) fn remember(&self, tag: &Tag, record: RecordedAs, current: Current, source: Option<Source>) {
        let met = Sha256::digest(format!("{tag}@{}", current.digest)).into();
        self.tasks.begin(|| {
            if !self.work.is_due(&met) {
                return None;
            }
            self.work.met.insert(met, Met::Next(Instant::now() + PAUSE));
            let (work, now) = (self.work.clone(), DateTime::<Utc>::from(SystemTime::now()));
            let refused = RefusedMove {
                tag: tag.clone(),
                recorded: record.digest,
                to: Move {
                    digest: current.digest.to_string(),
                    time: now.to_rfc3339_opts(SecondsFormat::Millis, true),
                    media_type: current.media_type.to_owned(),
                    size: current.size.to_string(),
                },
                log_index: record.log_index,
                time: record.time,
                entry_url: record.entry_url,
            };
            Some(async move {
                let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
                match work.remember(&refused, source, seconds, Deadline::after(TIME)).await {
                    Ok(()) => work.met.insert(met, Met::Remembered),
                    Err(error) => tracing::warn!(tag = %refused.tag, %error, "a move was not remembered"),
                }
            })
        });
    }

    /// The digests that a tag was refused at, as its row has them; `None` if it has no row.
    pub(crate) async fn of(&self, tag: &Tag, deadline: Deadline) -> Result<Option<RefusedDigests>, LedgerError> {
        let moves = self.work.ledger.moves(tag, deadline).await?;
        Ok(moves.as_ref().map(RefusedDigests::from))
    }

    /// Waits for all tasks. They end within [`TIME`].
    pub(crate) async fn finish(&self) {
        self.tasks.finish().await;
    }
}

impl Work {
    fn is_due(&self, met: &[u8; 32]) -> bool {
        match self.met.get(met) {
            None => true,
            Some(Met::Remembered) => false,
            Some(Met::Next(next)) => Instant::now() >= next,
        }
    }

    async fn remember(
        &self,
        refused: &RefusedMove,
        source: Option<Source>,
        now: u64,
        deadline: Deadline,
    ) -> Result<(), NotRemembered> {
        // The last write that the row did not take, or whose answer was lost.
        let mut tried: Option<NewMove> = None;
        for _ in 0..TRIES {
            let moves = self.ledger.moves(&refused.tag, deadline).await?.ok_or(NotRemembered::NoRow)?;
            // Only the answer to this very write was lost.
            if let Some(written) = tried.as_ref().filter(|_| moves.includes(&refused.to)) {
                self.tell(refused, written);
                return Ok(());
            }
            let Some(new) = moves.place(&refused.to, now) else { return Ok(()) };
            if tried.is_none() {
                self.rate_limit.charge(source, deadline).await?;
            }
            if self.ledger.remember_move(refused, &new, deadline).await? {
                self.tell(refused, &new);
                return Ok(());
            }
            tried = Some(new);
        }
        Err(NotRemembered::Changed)
    }

    fn tell(&self, refused: &RefusedMove, written: &NewMove) {
        if !written.is_told {
            return;
        }
        let (tag, recorded) = (refused.tag.canonical(), refused.recorded.as_str());
        self.telemetry.write_newly_moved(&NewlyMoved { tag, recorded, current: &refused.to.digest });
    }
}
