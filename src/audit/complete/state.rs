//! The memory of complete audits: how far a log was read, and what it had by the keys.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::reader::LogContent;
use super::spotted::Spotted;
use crate::key::{Fingerprint, PublicKey};
use crate::tlog::{Checkpoint, Frontier, Hash, LogKeys};

/// The progress in a log, for certain keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogReading {
    /// The keys that were looked for, in their order.
    keys: Vec<Fingerprint>,
    /// The checkpoint that all up to here leads to.
    checkpoint: Option<Checkpoint>,
    /// Up to that checkpoint.
    proven: LogContent,
    /// The entries read since. No checkpoint proves them yet.
    ahead: Option<LogContent>,
    /// The last complete audit that came to its end.
    pub ended: Option<EndedAudit>,
}

/// The result of a complete audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedAudit {
    /// The size of the log up to which it was read.
    pub size: u64,
    /// True if no fault and no doubt was found.
    pub holds: bool,
    /// The instance or ledger whose sightings explained the entries.
    pub source: String,
    /// Logs that were not read, in hexadecimal.
    pub not_read: Vec<String>,
}

/// The stored form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredReading {
    keys: Vec<String>,
    /// The signed note.
    checkpoint: Option<String>,
    proven: StoredPart,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<StoredPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedAudit>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredPart {
    size: u64,
    /// In hexadecimal, the largest subtree's root first.
    frontier: Vec<String>,
    /// Entries by the keys, behind those of the part before: base64 of 41 bytes each.
    entries: String,
}

impl LogReading {
    /// The reading to go on from for `keys`. It is empty if others were looked for: an entry by one of these may have been
    /// passed over.
    pub(crate) fn of_keys(stored: Option<&Self>, keys: &[PublicKey]) -> Self {
        let fingerprints: Vec<Fingerprint> = keys.iter().map(PublicKey::fingerprint).collect();
        match stored {
            Some(stored) if stored.keys == fingerprints => stored.clone(),
            _ => Self { keys: fingerprints, ..Self::default() },
        }
    }

    /// The entries read so far, proven or not.
    pub(crate) fn reading(&self) -> &LogContent {
        self.ahead.as_ref().unwrap_or(&self.proven)
    }

    /// The entries that a checkpoint proves.
    pub(crate) fn proven(&self) -> &LogContent {
        &self.proven
    }

    /// The checkpoint that proves it; `None` at the beginning.
    pub(crate) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Keeps what was read and is not proven yet.
    pub(crate) fn set_ahead(&mut self, reading: &LogContent) {
        self.ahead = Some(reading.clone());
    }

    /// Forgets what was read since the last checkpoint: it does not lead to the next.
    pub(crate) fn drop_ahead(&mut self) {
        self.ahead = None;
    }

    /// Keeps what leads to a verified checkpoint.
    pub(crate) fn prove(&mut self, reading: LogContent, checkpoint: Checkpoint) {
        (self.proven, self.checkpoint, self.ahead) = (reading, Some(checkpoint), None);
    }

    /// Returns whether all of `keys` were looked for.
    pub(crate) fn covers_keys(&self, keys: &[PublicKey]) -> bool {
        keys.iter().all(|key| self.keys.contains(&key.fingerprint()))
    }

    /// Checks a stored form; `None` if it is not what this program writes, or its checkpoint is not of the log with this key
    /// id, in hexadecimal.
    pub(crate) fn verified(log_id: &str, stored: StoredReading, keys: &LogKeys) -> Option<Self> {
        let fingerprints = stored.keys.iter().map(|key| Fingerprint::parse(key)).collect::<Option<_>>()?;
        let proven = stored.proven.read(Vec::new())?;
        let key = keys.iter().find(|key| hex::encode(key.id()) == log_id);
        let checkpoint = match (&stored.checkpoint, key) {
            (None, _) if proven.frontier.size() == 0 => None,
            (Some(note), Some(key)) => {
                let checkpoint = Checkpoint::parse(note).filter(|checkpoint| checkpoint.verify(key).is_ok())?;
                (checkpoint.head() == proven.frontier.head()).then_some(())?;
                Some(checkpoint)
            }
            _ => return None,
        };
        let ahead = match stored.ahead {
            None => None,
            Some(part) => Some(part.read(proven.spotted.clone())?),
        };
        Some(Self { keys: fingerprints, checkpoint, proven, ahead, ended: stored.ended })
    }

    /// The form in which it is stored.
    pub(crate) fn stored(&self) -> StoredReading {
        let before = self.proven.spotted.len();
        StoredReading {
            keys: self.keys.iter().map(ToString::to_string).collect(),
            checkpoint: self.checkpoint.as_ref().map(|checkpoint| checkpoint.note().to_owned()),
            proven: StoredPart::new(&self.proven, 0),
            ahead: self.ahead.as_ref().map(|reading| StoredPart::new(reading, before)),
            ended: self.ended.clone(),
        }
    }
}

impl StoredPart {
    fn new(reading: &LogContent, before: usize) -> Self {
        Self {
            size: reading.frontier.size(),
            frontier: reading.frontier.roots().iter().map(hex::encode).collect(),
            entries: BASE64_STANDARD.encode(Spotted::store(&reading.spotted[before..])),
        }
    }

    fn read(self, mut before: Vec<Spotted>) -> Option<LogContent> {
        let hash = |text: &String| -> Option<Hash> { hex::decode(text).ok()?.try_into().ok() };
        let frontier = Frontier::new(self.size, self.frontier.iter().map(hash).collect::<Option<_>>()?)?;
        let spotted = Spotted::read(&BASE64_STANDARD.decode(&self.entries).ok()?, self.size)?;
        let follows = match (before.last(), spotted.first()) {
            (Some(last), Some(first)) => first.index > last.index,
            _ => true,
        };
        before.extend(spotted);
        follows.then_some(LogContent { frontier, spotted: before })
    }
}
