//! The verdict on a tag: unchanged, first seen or moved. Every pull by tag asks for one.
//!
//! 1. [`Verdicts::look_up`] asks memory and the ledger, while the registry is asked for the current digest.
//! 2. [`Verdicts::judge`] searches the log for a tag that they do not know, records one that the log does not know either,
//!    and compares ([`KnownTag::compare`]).
//!
//! Without a verdict there is an [`Unavailable`], and nothing is served.

mod indexing;
mod instance;
mod key_places;
mod key_use;
mod keyring;
mod list;
mod log;
mod lookup;
mod memory;
mod readiness;
mod record;
mod search;
mod unavailable;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub(crate) use list::ListedSighting;
pub(crate) use readiness::Readiness;
pub(crate) use unavailable::Unavailable;

use crate::deadline::Deadline;
use crate::evidence::{IndexWriter, Subject};
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::ledger::{Ledger, Row};
use crate::rate_limit::{RateLimit, Source};
use crate::rekor::{LogClients, Rekor};
use crate::sighting::{Sighting, SignError, Signer};
use crate::tlog::{Gate, LogKey, LogKeys, VerifiedEntry};
use instance::Instance;
use key_places::KeyPlaces;
use keyring::Keyring;
use log::GatedLog;
use lookup::{InLedger, InLog, Prefer, TagLookup};
use memory::Memory;
use record::Recorder;
use search::Search;

/// A tag with a verified sighting.
#[derive(Debug, Clone)]
pub(crate) struct KnownTag {
    pub sighting: Arc<Sighting>,
    /// This request recorded it, or finished its recording.
    pub first_seen: bool,
    pub index: LeftForIndex,
}

/// The part of putting a sighting into the index of attestations that is still to be done by this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftForIndex {
    /// The index leads to it, or another request sees to that.
    Nothing,
    /// Its rows are there. The tag's own does not say so yet.
    Mark,
    Everything,
}

impl KnownTag {
    fn in_memory(sighting: Arc<Sighting>) -> Self {
        Self { sighting, first_seen: false, index: LeftForIndex::Nothing }
    }

    fn in_row(sighting: Arc<Sighting>, row: &Row) -> Self {
        let index = if row.is_indexed() { LeftForIndex::Nothing } else { LeftForIndex::Everything };
        Self { sighting, first_seen: false, index }
    }

    /// The verdict on a tag that is at `current` now.
    pub(crate) fn compare(self, current: &Digest) -> Verdict {
        if self.sighting.digest() != current {
            return Verdict::Moved(self);
        }
        if self.first_seen { Verdict::FirstSeen(self) } else { Verdict::Unchanged(self) }
    }
}

/// A decision on a tag.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// Seen before, with the same digest: serve.
    Unchanged(KnownTag),
    /// Never seen before, and recorded now: serve.
    FirstSeen(KnownTag),
    /// Seen before, with a different digest: refuse, or serve the recorded one if it was asked for by the pinned name.
    Moved(KnownTag),
    /// Seen before, with a different digest, which the log has lost with the entry's statement: refuse.
    MovedFromUnknown(Box<VerifiedEntry>),
}

/// The verdicts of one process. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Verdicts {
    lookup: Arc<TagLookup>,
    recorder: Recorder,
}

impl Verdicts {
    /// `log_keys` verify the answers of `logs`; `retired` are public keys whose sightings count beside the signer's; `recording_time` bounds the recording of one tag.
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        logs: LogClients,
        log_keys: LogKeys,
        signer: Signer,
        retired: Vec<PublicKey>,
        rate_limit: Arc<RateLimit>,
        recording_time: Duration,
    ) -> Self {
        let keys = Arc::new(Keyring { signer, retired, places: KeyPlaces::new(&log_keys, &logs), log: log_keys });
        let gated = |client| Arc::new(GatedLog { client, gate: Gate::new(recording_time) });
        let (log, earlier) = (gated(logs.written), logs.earlier.into_iter().map(gated));
        let searched: Vec<_> =
            std::iter::once(log.clone()).chain(earlier).filter(|log| log.client.is_searchable()).collect();
        let instance = Arc::new(Instance::new(ledger.clone(), keys.clone(), searched.clone()));
        let memory = Arc::new(Memory::default());
        let recorder = Recorder {
            ledger: ledger.clone(),
            instance: instance.clone(),
            keys: keys.clone(),
            log: log.clone(),
            memory: memory.clone(),
            authority: logs.authority,
            policy: logs.policy,
            index: IndexWriter::new(ledger.clone()),
            time: recording_time,
        };
        let search = Search::new(searched, keys.clone());
        let lookup = Arc::new(TagLookup { memory, ledger, instance, keys, log, search, rate_limit });
        Self { lookup, recorder }
    }

    /// The sighting of `tag` if this process has verified it before. Asks nobody.
    pub(crate) fn in_memory(&self, tag: &Tag) -> Option<Arc<Sighting>> {
        self.lookup.memory.get(tag)
    }

    /// Looks `tag` up in memory and in the ledger. `None` if only a search of the log can tell. A pending row is waited for, or
    /// finished if its writer has given up.
    pub(crate) async fn look_up(&self, tag: &Tag, deadline: Deadline) -> Result<Option<KnownTag>, Unavailable> {
        match self.lookup.in_ledger(tag, Prefer::Memory, deadline).await? {
            Some(found) => self.recorder.settle(&self.lookup, tag, found, deadline).await.map(Some),
            None => Ok(None),
        }
    }

    /// The verdict on `tag`, which [`Verdicts::look_up`] may know and which is now at `current`, the manifest that `subject`
    /// describes. A search is charged to `source`.
    pub(crate) async fn judge(
        &self,
        tag: &Tag,
        known: Option<KnownTag>,
        current: &Digest,
        subject: Subject,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Verdict, Unavailable> {
        if let Some(known) = known {
            return Ok(known.compare(current));
        }
        let known = match self.lookup.in_log(tag, Some(current), source, deadline).await? {
            InLog::Known(known) => known,
            InLog::Unattested(entry) => return Ok(Verdict::MovedFromUnknown(entry)),
            InLog::Nothing => self.recorder.record(&self.lookup, tag, current, subject, deadline).await?,
        };
        Ok(known.compare(current))
    }

    /// The sighting of `tag`, for those who ask for the evidence instead of the image. Nothing is recorded. A lasting ledger
    /// has every tag that was recorded, and the next pull brings back what it lost, so the log is not searched.
    pub(crate) async fn sighting(
        &self,
        tag: &Tag,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Option<Arc<Sighting>>, Unavailable> {
        if let Some(known) = self.recorded(tag, deadline).await? {
            return Ok(Some(known.sighting));
        }
        if self.lookup.ledger.is_lasting() {
            return Ok(None);
        }
        match self.lookup.in_log(tag, None, source, deadline).await? {
            InLog::Known(known) => Ok(Some(known.sighting)),
            InLog::Unattested(_) => Err(Unavailable::StatementLost),
            InLog::Nothing => Ok(None),
        }
    }

    /// The tag as the ledger has it, without a search of the log.
    pub(crate) async fn recorded(&self, tag: &Tag, deadline: Deadline) -> Result<Option<KnownTag>, Unavailable> {
        match self.lookup.in_ledger(tag, Prefer::Ledger, deadline).await? {
            Some(InLedger::Known(known)) => Ok(Some(known)),
            Some(InLedger::Pending(_, lease)) if lease.has_ended() => Err(Unavailable::Abandoned),
            Some(InLedger::Pending(..)) => Err(Unavailable::BeingRecorded),
            None => Ok(None),
        }
    }

    /// The public half of the key that new sightings are signed with.
    pub(crate) async fn public_key(&self, deadline: Deadline) -> Result<&PublicKey, SignError> {
        self.lookup.keys.signer.public_key(deadline).await
    }

    /// The keys of all logs.
    pub(crate) fn log_keys(&self) -> &LogKeys {
        &self.lookup.keys.log
    }

    /// The URL of the log of API version 1 that has this key, or else of the one that is written.
    pub(crate) fn url_of<'a>(&'a self, key: &'a LogKey) -> &'a Url {
        self.lookup.keys.places.url_of(key).unwrap_or_else(|| self.written_log().base())
    }

    /// The log that is written.
    pub(crate) fn written_log(&self) -> &Rekor {
        &self.lookup.log.client
    }

    /// The log that holds an entry.
    pub(crate) fn log_of(&self, entry: &VerifiedEntry) -> &Rekor {
        &self.lookup.log_of(entry).client
    }

    /// The address at which anyone can read the log's entry.
    pub(crate) fn entry_url(&self, entry: &VerifiedEntry) -> String {
        self.lookup.log_of(entry).client.entry_url(entry)
    }
}
