//! Reads of a log of tiles. Each may come from a cache.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::StatusCode;

use super::client::RekorV2;
use crate::deadline::Deadline;
use crate::rekor::answer::{expect, send};
use crate::tlog::{Checkpoint, Hash, LogError, Tile, TileProof};

/// A checkpoint has some hundred bytes, and as many for each witness.
const MAX_CHECKPOINT_BYTES: usize = 64 << 10;
const HASH_BYTES: usize = size_of::<Hash>();
const FULL_TILE_BYTES: usize = HASH_BYTES * 256;
/// Tiles asked for at once. A proof needs two for each level, and a level is for 256 times as many entries.
const CONCURRENT_TILES: usize = 8;

impl RekorV2 {
    /// The log's checkpoint as it is now. Its signature is not verified.
    pub async fn checkpoint(&self, deadline: Deadline) -> Result<Checkpoint, LogError> {
        let what = "a request for its checkpoint";
        let response = send(self.client.get(self.tile_url("checkpoint")), deadline).await?;
        let body = expect(response, StatusCode::OK, MAX_CHECKPOINT_BYTES, deadline).await?;
        let text = str::from_utf8(&body).map_err(|e| LogError::malformed(what, e))?;
        Checkpoint::parse(text).ok_or_else(|| LogError::malformed(what, "it is not a checkpoint"))
    }

    /// The hashes of a proof, read from its tiles. Whether they prove anything is for the caller to check.
    pub(crate) async fn read_proof(&self, proof: &TileProof, deadline: Deadline) -> Result<Vec<Hash>, LogError> {
        let tiles = stream::iter(proof.tiles())
            .map(|tile| async move { Ok::<_, LogError>((tile, self.tile(tile, deadline).await?)) })
            .buffer_unordered(CONCURRENT_TILES);
        let tiles: BTreeMap<Tile, Vec<Hash>> = tiles.try_collect().await?;
        proof.read(&tiles).ok_or_else(|| LogError::malformed("a request for a tile", "a tile lacks a hash"))
    }

    /// The hashes of a tile.
    pub(crate) async fn tile(&self, tile: Tile, deadline: Deadline) -> Result<Vec<Hash>, LogError> {
        let bytes = self.tile_file(&tile.path(), &tile.full().path(), FULL_TILE_BYTES, deadline).await?;
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        let width = usize::try_from(tile.width()).unwrap_or(usize::MAX);
        if !rest.is_empty() || hashes.len() < width {
            return Err(LogError::malformed("a request for a tile", "it has another length than its name says"));
        }
        Ok(hashes[..width].to_vec())
    }

    /// The file of a tile. A log may drop a partial one once the full one is there (tlog-tiles, "Partial Tiles").
    pub(super) async fn tile_file(
        &self,
        path: &str,
        full_path: &str,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Bytes, LogError> {
        match self.file(path, limit, deadline).await? {
            Some(bytes) => Ok(bytes),
            None => self.file(full_path, limit, deadline).await?.ok_or(LogError::Missing),
        }
    }

    /// A file below the tiles' prefix, if it is there.
    async fn file(&self, path: &str, limit: usize, deadline: Deadline) -> Result<Option<Bytes>, LogError> {
        let response = send(self.client.get(self.tile_url(path)), deadline).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        expect(response, StatusCode::OK, limit, deadline).await.map(Some)
    }
}
