//! Whether a log only ever grew since its checkpoints were verified before.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::client::RekorError;
use super::consistency::{Head, is_consistent};
use super::patience::PatientRekor;
use super::verify::{Fault, Faults, LogKeys};

/// How one tree of the log stands to its checkpoint that was verified before.
#[derive(Debug, Clone)]
pub struct Growth {
    /// Verified: signed by the log's key.
    pub now: Checkpoint,
    /// The size that it grew from, proven; `None` if the tree is new to the one who asks.
    pub from: Option<u64>,
}

/// Why it is not known that a log only grew.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    #[error(transparent)]
    Log(#[from] RekorError),
    #[error("the checkpoint of tree {tree_id} does not verify: {}", Faults(.faults))]
    Unverifiable { tree_id: u64, faults: Vec<Fault> },
    #[error("{0}")]
    Contradicted(Box<Contradiction>),
}

/// Two things that the log signed and that cannot both be true of a log that is only appended to.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    #[error("the log no longer has tree {}, which it signed a checkpoint of with {} entries", .0.tree_id(), .0.size())]
    Gone(Checkpoint),
    #[error("tree {} has {} entries now and had {} before: entries have been taken away, or the answer is an old one", .now.tree_id(), .now.size(), .before.size())]
    Shrunk { before: Checkpoint, now: Checkpoint },
    #[error("the log signed two histories of tree {}: what it holds now with {} entries was not made by appending to what it held with {}", .now.tree_id(), .now.size(), .before.size())]
    Forked { before: Checkpoint, now: Checkpoint },
}

impl Contradiction {
    /// The signed notes that are the evidence: what was signed before, and now.
    pub fn notes(&self) -> (&str, Option<&str>) {
        match self {
            Self::Gone(before) => (before.note(), None),
            Self::Shrunk { before, now } | Self::Forked { before, now } => (before.note(), Some(now.note())),
        }
    }
}

impl PatientRekor {
    /// Checks the log's heads, and that each tree grew from the checkpoint in `before`, by tree id: these must have been
    /// verified. The growing tree comes first.
    pub async fn growth(&self, keys: &LogKeys, before: &BTreeMap<u64, Checkpoint>) -> Result<Vec<Growth>, GrowthError> {
        let heads = self.ask(async |log, deadline| log.heads(deadline).await).await?;
        for head in &heads {
            let tree_id = head.tree_id();
            keys.verify_checkpoint(head).map_err(|faults| GrowthError::Unverifiable { tree_id, faults })?;
        }
        if let Some(gone) = before.values().find(|before| !heads.iter().any(|now| now.tree_id() == before.tree_id())) {
            return Err(Contradiction::Gone(gone.clone()).into());
        }
        let mut grown = Vec::new();
        for now in heads {
            let from = match before.get(&now.tree_id()) {
                Some(before) => Some(self.grew(before, &now).await?),
                None => None,
            };
            grown.push(Growth { now, from });
        }
        Ok(grown)
    }

    /// Checks that `before` became `now` by appending. Returns the size before.
    async fn grew(&self, before: &Checkpoint, now: &Checkpoint) -> Result<u64, GrowthError> {
        let (first, last) = (before.size(), now.size());
        if last < first {
            return Err(Contradiction::Shrunk { before: before.clone(), now: now.clone() }.into());
        }
        let nothing_to_prove = first == 0 || first == last;
        let proof = if nothing_to_prove {
            Vec::new()
        } else {
            let tree_id = now.tree_id();
            let ask = self.ask(async |log, deadline| log.consistency_proof(tree_id, first, last, deadline).await);
            ask.await?
        };
        let head = |checkpoint: &Checkpoint| Head { size: checkpoint.size(), root: *checkpoint.root() };
        if is_consistent(head(before), head(now), &proof) {
            Ok(first)
        } else {
            Err(Contradiction::Forked { before: before.clone(), now: now.clone() }.into())
        }
    }
}

impl From<Contradiction> for GrowthError {
    fn from(contradiction: Contradiction) -> Self {
        Self::Contradicted(Box::new(contradiction))
    }
}
