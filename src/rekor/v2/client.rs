//! The client of Rekor v2's API. Its answers are parsed and bounded, and not yet verified.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::deadline::Deadline;
use crate::dsse::SignedPayload;
use crate::http_client;
use crate::rekor::Uploaded;
use crate::rekor::answer::{expect, send};
use crate::tlog::{
    Checkpoint, EntryId, Hash, InclusionProof, LogEntry, LogError, LogKey, LogKeys, SignedFields, TILE_WIDTH, Tile,
    TileProof, TransparencyLogEntry, entries_path, leaf_hash,
};

/// An answer has some 4 KiB: the leaf, and a proof of up to 64 hashes.
const MAX_ENTRY_BYTES: usize = 32 << 10;
/// The log answers 409 at once, and its next checkpoint, which covers the entry, comes within seconds.
const NEXT_CHECKPOINT_PAUSE: Duration = Duration::from_millis(500);

/// A Rekor v2 instance, or one shard of it.
#[derive(Debug, Clone)]
pub struct RekorV2 {
    base: Url,
    /// The prefix that tiles are read below.
    tiles: Url,
    keys: LogKeys,
    pub(super) client: reqwest::Client,
}

impl RekorV2 {
    /// `base` is the instance's URL, without `/api/v2`. `tiles` is where its tiles are read; `None` stands for `api/v2` below
    /// `base`, as at the public instance. The log's name is told by `keys`.
    pub fn new(base: Url, tiles: Option<Url>, keys: LogKeys) -> Result<Self, reqwest::Error> {
        let tiles = tiles.unwrap_or_else(|| {
            let mut tiles = base.clone();
            tiles.set_path(&format!("{}/api/v2", base.path().trim_end_matches('/')));
            tiles
        });
        Ok(Self { base, tiles, keys, client: http_client::builder().build()? })
    }

    /// The instance's URL, without `/api/v2`.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The URL of the bundle of entries that holds the entry, as its proof's tree has it. Another shard's is told by its
    /// name, as at the public instance.
    pub fn entry_url(&self, entry: &LogEntry) -> String {
        let size = entry.inclusion_proof().map_or(0, |proof| proof.head.size);
        let path = entries_path(entry.log_index(), size);
        let id = entry.signed_fields().log_id();
        let of_entry = self.keys.iter().find(|key| hex::encode(key.id()) == id).and_then(LogKey::origin);
        let written = self.keys.iter().next().and_then(LogKey::origin);
        match of_entry {
            Some(origin) if Some(origin) != written => format!("https://{origin}/api/v2/{path}"),
            _ => self.tile_url(&path),
        }
    }

    pub(super) fn tile_url(&self, path: &str) -> String {
        format!("{}/{path}", self.tiles.as_str().trim_end_matches('/'))
    }

    /// Uploads a signed payload, of which the log keeps digest, signature and key. A repeated upload changes nothing: the
    /// log names the entry that exists, and its proof is made from the log's tiles.
    pub async fn upload(&self, signed: &SignedPayload<'_>, deadline: Deadline) -> Result<Uploaded, LogError> {
        let request = self.client.post(format!("{}/api/v2/log/entries", self.base.as_str().trim_end_matches('/')));
        let request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json");
        let response = send(request.body(signed.proposed_digest()), deadline).await?;
        let entry = match response.status() {
            StatusCode::CONFLICT => self.existing_entry(&response, signed.leaf(), deadline).await?,
            // A shard that is no longer written answers so for good (rekor-tiles, `disable writes`).
            StatusCode::METHOD_NOT_ALLOWED => return Err(LogError::Frozen),
            _ => {
                let body = expect(response, StatusCode::CREATED, MAX_ENTRY_BYTES, deadline).await?;
                let malformed = |fault: String| LogError::malformed("an upload", fault);
                let entry: TransparencyLogEntry =
                    serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))?;
                entry.entry().map_err(|e| malformed(e.to_string()))?
            }
        };
        Ok(Uploaded { entry, hidden: false })
    }

    /// The entry that a 409 names by its index, with a proof under the log's current checkpoint.
    async fn existing_entry(
        &self,
        conflict: &Response,
        leaf: Vec<u8>,
        deadline: Deadline,
    ) -> Result<LogEntry, LogError> {
        let index = conflict.headers().get("x-log-index").and_then(|value| value.to_str().ok());
        let index: Option<u64> = index.and_then(|index| index.parse().ok());
        let index = index.ok_or_else(|| LogError::malformed("an upload", "409 without X-Log-Index"))?;
        loop {
            let checkpoint = self.checkpoint(deadline).await?;
            if checkpoint.size() > index {
                return self.entry_at(index, leaf, &checkpoint, deadline).await;
            }
            // The next call fails if this sleeps up to the deadline.
            deadline.sleep(NEXT_CHECKPOINT_PAUSE).await;
        }
    }

    /// The entry under the log's current checkpoint; `None` if the tree does not reach to its index, or holds another leaf
    /// there by its own tiles. An entry of another shard is an error.
    pub(crate) async fn again(&self, entry: &LogEntry, deadline: Deadline) -> Result<Option<LogEntry>, LogError> {
        let checkpoint = self.checkpoint(deadline).await?;
        let key = self.key_of(&checkpoint)?;
        if hex::encode(key.id()) != entry.signed_fields().log_id() {
            return Err(LogError::OtherLog);
        }
        if checkpoint.size() <= entry.log_index() {
            return Ok(None);
        }
        let leaf = entry.signed_fields().leaf().to_vec();
        let again = self.entry_at(entry.log_index(), leaf, &checkpoint, deadline).await?;
        let is_replaced = match again.inclusion_proof() {
            Some(proof) => self.proves_another(proof, again.leaf_hash(), deadline).await?,
            None => false,
        };
        Ok((!is_replaced).then_some(again))
    }

    /// Returns whether the log's own tiles prove another leaf at the place of a proof that does not hold. Tiles that prove
    /// nothing at all say nothing of the leaf.
    async fn proves_another(
        &self,
        proof: &InclusionProof,
        leaf_hash: Hash,
        deadline: Deadline,
    ) -> Result<bool, LogError> {
        let Some(tile) = Tile::in_tree(0, proof.log_index / TILE_WIDTH, proof.head.size) else { return Ok(false) };
        let hashes = self.tile(tile, deadline).await?;
        let place = usize::try_from(proof.log_index % TILE_WIDTH).unwrap_or(usize::MAX);
        let there = hashes.get(place).copied();
        Ok(there.is_some_and(|there| there != leaf_hash && proof.leads_from(&there)))
    }

    fn key_of(&self, checkpoint: &Checkpoint) -> Result<&LogKey, LogError> {
        let key = self.keys.iter().find(|key| key.origin() == Some(checkpoint.origin()));
        key.ok_or_else(|| LogError::malformed("a request for its checkpoint", "it is of another log"))
    }

    /// The entry of `leaf`, which stands at `index` according to the log.
    pub(crate) async fn entry_at(
        &self,
        index: u64,
        leaf: Vec<u8>,
        checkpoint: &Checkpoint,
        deadline: Deadline,
    ) -> Result<LogEntry, LogError> {
        let key = self.key_of(checkpoint)?;
        let path = self.read_proof(&TileProof::inclusion(index, checkpoint.size()), deadline).await?;
        let proof = InclusionProof {
            log_index: index,
            head: checkpoint.head(),
            path,
            checkpoint: Some(checkpoint.note().to_owned()),
        };
        let id = EntryId { tree_id: None, leaf_hash: leaf_hash(&leaf) };
        // The log signs no time.
        let fields = SignedFields::of_leaf(leaf, 0, hex::encode(key.id()), index);
        Ok(LogEntry::new(id, fields, None, Some(proof)))
    }
}
