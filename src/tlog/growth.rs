//! Growth of a log, which only ever appends, since its checkpoints were verified before.

use super::checkpoint::Checkpoint;
use super::error::LogError;
use super::fault::{Fault, Faults};

/// The growth of one tree of the log since its checkpoint was verified before.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    /// Verified: signed by the log's key.
    pub now: Checkpoint,
    /// The size that it grew from, proven; `None` for a tree that had no checkpoint before.
    pub from: Option<u64>,
}

/// The reason why a log is not known to have only grown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrowthError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the checkpoint of {tree} does not verify: {}", Faults(.faults))]
    Unverifiable { tree: String, faults: Vec<Fault> },
    /// A smaller head than before, proven to be of the same history.
    #[error(
        "the log answers that {tree} has {now} entries, and it had {before} before: the answer is old, and does not show what was added since"
    )]
    Old { tree: String, before: u64, now: u64 },
    /// A smaller head than before, with no proof.
    #[error(
        "the log answers that {tree} has {now} entries, and it had {before} before: the answer is old, or entries were taken away; nothing shows which, because {refusal}"
    )]
    Smaller { tree: String, before: u64, now: u64, refusal: LogError },
    #[error("{0}")]
    Contradicted(Box<HistoryConflict>),
}

/// Two signed facts that cannot both be true of a log that is only appended to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryConflict {
    #[error("the log no longer has {}, for which it signed a checkpoint with {} entries", .0.tree(), .0.size())]
    Gone(Checkpoint),
    #[error("the log signed two histories of {}: the one with {} entries was not made by appending to the one with {}", .now.tree(), .now.size().max(.before.size()), .now.size().min(.before.size()))]
    Forked { before: Checkpoint, now: Checkpoint },
}

impl HistoryConflict {
    /// The signed notes that are the evidence: the earlier one, and the present one.
    pub(crate) fn notes(&self) -> (&str, Option<&str>) {
        match self {
            Self::Gone(before) => (before.note(), None),
            Self::Forked { before, now } => (before.note(), Some(now.note())),
        }
    }
}

impl GrowthError {
    /// True if a log that lags behind answers so: it may have caught up soon.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Old { .. } | Self::Smaller { .. } => true,
            Self::Contradicted(conflict) => matches!(**conflict, HistoryConflict::Gone(_)),
            Self::Log(_) | Self::Unverifiable { .. } => false,
        }
    }
}

impl From<HistoryConflict> for GrowthError {
    fn from(conflict: HistoryConflict) -> Self {
        Self::Contradicted(Box::new(conflict))
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::checkpoint;
    use super::*;

    #[test]
    fn only_answers_of_a_log_that_lags_behind_may_pass() {
        let tree = || "tree 1".to_owned();
        let checkpoint = || checkpoint(9);
        for error in [
            GrowthError::Old { tree: tree(), before: 2, now: 1 },
            GrowthError::Smaller { tree: tree(), before: 2, now: 1, refusal: LogError::Missing },
            HistoryConflict::Gone(checkpoint()).into(),
        ] {
            assert!(error.may_pass(), "{error}");
        }
        for error in [
            GrowthError::Log(LogError::Missing),
            GrowthError::Unverifiable { tree: tree(), faults: Vec::new() },
            HistoryConflict::Forked { before: checkpoint(), now: checkpoint() }.into(),
        ] {
            assert!(!error.may_pass(), "{error}");
        }
    }
}
