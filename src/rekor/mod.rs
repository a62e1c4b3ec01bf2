//! Rekor, by either version of its API.

mod answer;
mod growth;
mod logs;
mod retrying;
mod v1;
mod v2;

use url::Url;

use crate::deadline::Deadline;
use crate::dsse::SignedPayload;
use crate::timestamp::TimestampClient;
use crate::tlog::body::EntryBody;
use crate::tlog::{Checkpoint, EntryId, Hash, LogEntry, LogError, Policy, TileProof};

pub(crate) use logs::Logs;
pub(crate) use retrying::RetryingRekor;
pub use v1::{PUBLIC_INSTANCE, PUBLIC_INSTANCE_KEY, RETRIEVE_LIMIT, RekorV1, SIGHTING_BYTES};
pub(crate) use v1::{Retrieved, retrieve, wire};
pub(crate) use v2::EntryBundle;
pub use v2::RekorV2;

/// The log that sightings are uploaded to.
#[derive(Debug, Clone)]
pub enum Rekor {
    /// Keeps the statement, and lists entries by hashes.
    V1(RekorV1),
    /// Keeps digests and signatures, and lists nothing.
    V2(Box<RekorV2>),
}

/// The log that is written, and those that were written before it and can be searched.
#[derive(Debug, Clone)]
pub struct LogClients {
    /// The log that sightings are uploaded to.
    pub written: Rekor,
    /// Logs that are only read.
    pub earlier: Vec<Rekor>,
    /// Stamps new signatures, since the log that is written signs no time; `None` if nobody is asked.
    pub authority: Option<TimestampClient>,
    /// New entries count only under a checkpoint that meets it; `None` if the log's word is enough.
    pub policy: Option<Policy>,
}

/// The outcome of an upload.
#[derive(Debug)]
pub struct Uploaded {
    /// The entry as the log answers it.
    pub entry: LogEntry,
    /// True if the log has an index that the entry may be missing from: the very same leaf was there before, and its first
    /// upload may have broken off.
    pub hidden: bool,
}

impl Rekor {
    /// The instance's URL, without the path of its API.
    pub fn base(&self) -> &Url {
        match self {
            Self::V1(rekor) => rekor.base(),
            Self::V2(rekor) => rekor.base(),
        }
    }

    /// The URL at which anyone can read the entry.
    pub fn entry_url(&self, entry: &LogEntry) -> String {
        match self {
            Self::V1(rekor) => rekor.entry_url(entry.id()),
            Self::V2(rekor) => rekor.entry_url(entry),
        }
    }

    /// Uploads a signed payload. A repeated upload changes nothing: the log answers with the entry that exists.
    pub async fn upload(&self, signed: &SignedPayload<'_>, deadline: Deadline) -> Result<Uploaded, LogError> {
        match self {
            Self::V1(rekor) => rekor.upload(signed, deadline).await,
            Self::V2(rekor) => rekor.upload(signed, deadline).await,
        }
    }

    /// The checkpoints of the log's trees as they are now, the growing one first. Their signatures are not verified.
    pub async fn heads(&self, deadline: Deadline) -> Result<Vec<Checkpoint>, LogError> {
        match self {
            Self::V1(rekor) => rekor.heads(deadline).await,
            Self::V2(rekor) => Ok(vec![rekor.checkpoint(deadline).await?]),
        }
    }

    /// The proof that the tree of two checkpoints grew from the size of `before` to that of `now`, which is not smaller.
    pub async fn consistency_proof(
        &self,
        before: &Checkpoint,
        now: &Checkpoint,
        deadline: Deadline,
    ) -> Result<Vec<Hash>, LogError> {
        match self {
            Self::V1(rekor) => {
                let other_form = || LogError::malformed("a request for its head", "it does not name its tree");
                let tree_id = before.tree_id().ok_or_else(other_form)?;
                rekor.consistency_proof(tree_id, before.size(), now.size(), deadline).await
            }
            Self::V2(rekor) => rekor.read_proof(&TileProof::consistency(before.size(), now.size()), deadline).await,
        }
    }

    /// The entry as the log has it now, with a proof under its current checkpoint; `None` if the log does not have it.
    /// An entry that is told to be another log's by its form or key is an error.
    pub async fn again(&self, entry: &LogEntry, deadline: Deadline) -> Result<Option<LogEntry>, LogError> {
        match (self, entry.body()) {
            (Self::V2(rekor), EntryBody::SignedDigest(_)) => rekor.again(entry, deadline).await,
            (Self::V1(_), EntryBody::SignedDigest(_)) | (Self::V2(_), _) => Err(LogError::OtherLog),
            (Self::V1(rekor), _) => rekor.entry(entry.id(), deadline).await,
        }
    }

    /// Returns whether the log lists entries by hashes.
    pub fn is_searchable(&self) -> bool {
        matches!(self, Self::V1(_))
    }

    /// See [`RekorV2::leaves`]. Rekor v1 has too many entries to be read, and no tiles.
    pub(crate) async fn leaves(
        &self,
        index: u64,
        size: u64,
        limit: usize,
        deadline: Deadline,
    ) -> Result<EntryBundle, LogError> {
        match self {
            Self::V1(_) => Err(LogError::NotReadable),
            Self::V2(rekor) => rekor.leaves(index, size, limit, deadline).await,
        }
    }

    /// The entry of `leaf` at `index`, with a proof under `checkpoint`. Nothing is verified.
    pub(crate) async fn entry_at(
        &self,
        index: u64,
        leaf: &[u8],
        checkpoint: &Checkpoint,
        deadline: Deadline,
    ) -> Result<LogEntry, LogError> {
        match self {
            Self::V1(_) => Err(LogError::NotReadable),
            Self::V2(rekor) => rekor.entry_at(index, leaf.to_vec(), checkpoint, deadline).await,
        }
    }

    /// See [`RekorV1::search`]. A log of tiles lists nothing.
    pub async fn search(&self, sha256: &str, deadline: Deadline) -> Result<Vec<EntryId>, LogError> {
        match self {
            Self::V1(rekor) => rekor.search(sha256, deadline).await,
            Self::V2(_) => Err(LogError::NotSearchable),
        }
    }

    /// See [`RekorV1::entries`]. A log of tiles lists nothing.
    pub async fn entries(
        &self,
        ids: &[EntryId],
        entry_bytes: usize,
        deadline: Deadline,
    ) -> Result<Vec<LogEntry>, LogError> {
        match self {
            Self::V1(rekor) => rekor.entries(ids, entry_bytes, deadline).await,
            Self::V2(_) => Err(LogError::NotSearchable),
        }
    }
}
