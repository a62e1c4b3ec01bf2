//! The heads of a log's trees, and the proofs that one grew from another.
//!
//! Rekor begins a new tree (shard) now and then, and names the earlier ones, which no longer grow, with their heads.

use std::collections::HashSet;

use http::header::ACCEPT;
use reqwest::StatusCode;
use serde::Deserialize;

use super::client::RekorV1;
use crate::deadline::Deadline;
use crate::rekor::answer::expect;
use crate::tlog::{Checkpoint, Hash, LogError};

/// A head has some hundred bytes, and Rekor's public instance begins a tree about once a year.
const MAX_HEADS_BYTES: usize = 256 << 10;
/// A proof has at most two hashes of 67 bytes for each of 64 levels.
const MAX_PROOF_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    signed_tree_head: String,
    inactive_shards: Option<Vec<Shard>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shard {
    signed_tree_head: String,
}

#[derive(Deserialize)]
struct Proof {
    hashes: Vec<String>,
}

impl RekorV1 {
    /// The checkpoints of the log's trees as they are now, the growing one first. Their signatures are not verified.
    pub async fn heads(&self, deadline: Deadline) -> Result<Vec<Checkpoint>, LogError> {
        let request = self.get("api/v1/log").header(ACCEPT, "application/json");
        let response = self.send(request, deadline).await?;
        let body = expect(response, StatusCode::OK, MAX_HEADS_BYTES, deadline).await?;
        let info: Info = serde_json::from_slice(&body).map_err(|e| LogError::malformed("a request for its head", e))?;
        let active = Shard { signed_tree_head: info.signed_tree_head };
        let shards = std::iter::once(active).chain(info.inactive_shards.unwrap_or_default());
        let parse = |shard: Shard| {
            let checkpoint = Checkpoint::parse(&shard.signed_tree_head);
            checkpoint
                .ok_or_else(|| LogError::malformed("a request for its head", "a signed tree head is not a checkpoint"))
        };
        let heads: Vec<Checkpoint> = shards.map(parse).collect::<Result<_, _>>()?;
        // Two heads of one tree would hide one from the check of growth.
        let mut trees = HashSet::new();
        match heads.iter().find(|head| !trees.insert(head.origin())) {
            Some(twice) => {
                Err(LogError::malformed("a request for its head", format!("it names {} twice", twice.tree())))
            }
            None => Ok(heads),
        }
    }

    /// The proof that the tree with this id grew from `first` to `last` leaves. The root hash in the answer is ignored: it
    /// is the current head's, whatever `last` is.
    pub async fn consistency_proof(
        &self,
        tree_id: u64,
        first: u64,
        last: u64,
        deadline: Deadline,
    ) -> Result<Vec<Hash>, LogError> {
        let path = format!("api/v1/log/proof?firstSize={first}&lastSize={last}&treeID={tree_id}");
        let response = self.send(self.get(&path).header(ACCEPT, "application/json"), deadline).await?;
        let body = expect(response, StatusCode::OK, MAX_PROOF_BYTES, deadline).await?;
        let fault = |fault: String| LogError::malformed("a request for a consistency proof", fault);
        let Proof { hashes } = serde_json::from_slice(&body).map_err(|e| fault(e.to_string()))?;
        let parse = |text: &String| hex::decode(text).ok()?.try_into().ok();
        let hashes = hashes.iter().map(parse).collect::<Option<Vec<Hash>>>();
        hashes.ok_or_else(|| fault("a hash is not 64 hexadecimal digits".to_owned()))
    }
}
