//! Whether a log only ever grew since its checkpoints were verified before.

use std::collections::BTreeMap;
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::client::RekorError;
use super::consistency::{Head, is_consistent};
use super::patience::{PatientRekor, has_failed};
use super::verify::{Fault, Faults, LogKeys};

/// How long a log that answers what it was before has to catch up, until it is asked once more: its replicas and caches
/// may be some seconds apart.
const CATCHING_UP: Duration = Duration::from_secs(2);

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
    /// A smaller head than before, and proven to be of the same history.
    #[error(
        "the log answers that tree {tree_id} has {now} entries, and it had {before} before: the answer is an old one, and shows nothing of what came since"
    )]
    Old { tree_id: u64, before: u64, now: u64 },
    /// A smaller head than before, of which nothing is proven.
    #[error(
        "the log answers that tree {tree_id} has {now} entries, and it had {before} before: the answer is an old one, or entries have been taken away; it cannot be told which, because {refusal}"
    )]
    Smaller { tree_id: u64, before: u64, now: u64, refusal: RekorError },
    #[error("{0}")]
    Contradicted(Box<Contradiction>),
}

/// Two things that the log signed and that cannot both be true of a log that is only appended to.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    #[error("the log no longer has tree {}, which it signed a checkpoint of with {} entries", .0.tree_id(), .0.size())]
    Gone(Checkpoint),
    #[error("the log signed two histories of tree {}: the one with {} entries was not made by appending to the one with {}", .now.tree_id(), .now.size().max(.before.size()), .now.size().min(.before.size()))]
    Forked { before: Checkpoint, now: Checkpoint },
}

impl Contradiction {
    /// The signed notes that are the evidence: what was signed before, and now.
    pub fn notes(&self) -> (&str, Option<&str>) {
        match self {
            Self::Gone(before) => (before.note(), None),
            Self::Forked { before, now } => (before.note(), Some(now.note())),
        }
    }
}

impl PatientRekor {
    /// Checks the log's heads, and that each tree grew from the checkpoint in `before`, by tree id: these must have been
    /// verified. The growing tree comes first.
    pub async fn growth(&self, keys: &LogKeys, before: &BTreeMap<u64, Checkpoint>) -> Result<Vec<Growth>, GrowthError> {
        match self.growth_now(keys, before).await {
            Err(error) if error.may_pass() => {
                tokio::time::sleep(CATCHING_UP).await;
                self.growth_now(keys, before).await
            }
            answer => answer,
        }
    }

    async fn growth_now(&self, keys: &LogKeys, before: &BTreeMap<u64, Checkpoint>) -> Result<Vec<Growth>, GrowthError> {
        let heads = self.ask(async |log, deadline| log.heads(deadline).await).await?;
        for head in &heads {
            let tree_id = head.tree_id();
            keys.verify_checkpoint(head).map_err(|faults| GrowthError::Unverifiable { tree_id, faults })?;
        }
        let gone = before.values().find(|before| !heads.iter().any(|now| now.tree_id() == before.tree_id()));
        // One tree's old head is no reason to miss that another has two histories, and an old answer names no new tree.
        let (mut grown, mut doubt) = (Vec::new(), None);
        for now in heads {
            let from = match before.get(&now.tree_id()) {
                None => None,
                Some(before) => match self.grew(before, &now).await {
                    Ok(from) => Some(from),
                    Err(error @ (GrowthError::Old { .. } | GrowthError::Smaller { .. })) => {
                        doubt.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            grown.push(Growth { now, from });
        }
        match (doubt, gone) {
            (Some(doubt), _) => Err(doubt),
            (None, Some(gone)) => Err(Contradiction::Gone(gone.clone()).into()),
            (None, None) => Ok(grown),
        }
    }

    /// Checks that `before` became `now` by appending. Returns the size before.
    async fn grew(&self, before: &Checkpoint, now: &Checkpoint) -> Result<u64, GrowthError> {
        let (tree_id, before_size, now_size) = (now.tree_id(), before.size(), now.size());
        match self.agree(before, now).await {
            Ok(false) => Err(Contradiction::Forked { before: before.clone(), now: now.clone() }.into()),
            Ok(true) if now_size < before_size => Err(GrowthError::Old { tree_id, before: before_size, now: now_size }),
            Ok(true) => Ok(before_size),
            // A log that lags cannot prove anything about what it does not have yet.
            Err(refusal) if now_size < before_size && !has_failed(&refusal) => {
                Err(GrowthError::Smaller { tree_id, before: before_size, now: now_size, refusal })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that two verified checkpoints of one tree, whichever is the later, are of one history.
    pub async fn one_history(&self, before: &Checkpoint, now: &Checkpoint) -> Result<(), GrowthError> {
        let agree = match self.agree(before, now).await {
            Err(RekorError::Status { status, .. }) if status.is_client_error() => {
                tokio::time::sleep(CATCHING_UP).await;
                self.agree(before, now).await?
            }
            agree => agree?,
        };
        if agree { Ok(()) } else { Err(Contradiction::Forked { before: before.clone(), now: now.clone() }.into()) }
    }

    /// Whether the larger of two checkpoints of one tree was made from the smaller by appending.
    async fn agree(&self, one: &Checkpoint, other: &Checkpoint) -> Result<bool, RekorError> {
        let (earlier, later) = if one.size() <= other.size() { (one, other) } else { (other, one) };
        let (first, last) = (earlier.size(), later.size());
        let nothing_to_prove = first == 0 || first == last;
        let proof = if nothing_to_prove {
            Vec::new()
        } else {
            let tree_id = earlier.tree_id();
            self.ask(async |log, deadline| log.consistency_proof(tree_id, first, last, deadline).await).await?
        };
        let head = |checkpoint: &Checkpoint| Head { size: checkpoint.size(), root: *checkpoint.root() };
        Ok(is_consistent(head(earlier), head(later), &proof))
    }
}

impl GrowthError {
    /// Whether a log that lags behind answers so, and may have caught up soon.
    fn may_pass(&self) -> bool {
        match self {
            Self::Old { .. } | Self::Smaller { .. } => true,
            Self::Contradicted(contradiction) => matches!(**contradiction, Contradiction::Gone(_)),
            Self::Log(_) | Self::Unverifiable { .. } => false,
        }
    }
}

impl From<Contradiction> for GrowthError {
    fn from(contradiction: Contradiction) -> Self {
        Self::Contradicted(Box::new(contradiction))
    }
}
