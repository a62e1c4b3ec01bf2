//! The memory of audits: the log's verified checkpoints, and the position of an audit that was stopped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::complete::{EndedAudit, LogReading, StoredReading};
use super::issue::{Issue, IssueKind};
use crate::foreign::shown;
use crate::tlog::{Checkpoint, Growth, LogKeys, Policy};

/// The version of the stored form.
const VERSION: u32 = 1;

/// The memory of earlier audits.
#[derive(Debug, Default)]
pub(crate) struct AuditState {
    /// By origin, verified.
    pub checkpoints: BTreeMap<String, Checkpoint>,
    /// The position of an audit that was stopped. `None` after one that came to the end.
    pub position: Option<Position>,
    /// The progress of complete audits, by log id in hexadecimal.
    pub readings: BTreeMap<String, LogReading>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Position {
    /// The list or table: a position in one means nothing in another.
    pub source: String,
    /// The policy of witnesses that the tags before were held against, by [`Policy::id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The number of tags done.
    pub done: u64,
    /// The last tag done, as it stands in the list.
    pub last: Option<String>,
    /// The findings so far, counted by kind.
    pub issues: BTreeMap<IssueKind, u64>,
    /// Signed notes that entries came with, for the comparison with the log's heads at the end.
    #[serde(default, rename = "met")]
    pub entry_checkpoints: Vec<String>,
}

/// The state as it is stored, in JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredState {
    version: u32,
    /// Signed notes.
    checkpoints: Vec<String>,
    position: Option<Position>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    readings: BTreeMap<String, StoredReading>,
}

/// The reason why a stored state is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    #[error("it is of version {0}, not {VERSION}")]
    Version(u32),
    #[error("it holds a checkpoint that the log's key did not sign")]
    Unsigned,
    #[error("what it holds of the log {0} is not what a complete audit keeps of it")]
    Reading(String),
}

impl Position {
    /// The beginning of a list or table.
    pub(crate) fn start_of(source: String) -> Self {
        Self { source, policy: None, done: 0, last: None, issues: BTreeMap::new(), entry_checkpoints: Vec::new() }
    }

    /// The same, where tags are held against a policy from here on.
    pub(crate) fn under(self, policy: Option<&Policy>) -> Self {
        Self { policy: policy.map(Policy::id), ..self }
    }

    /// Returns whether the tags before were held against `policy`, or nothing demands that.
    pub(crate) fn was_under(&self, policy: Option<&Policy>) -> bool {
        policy.is_none_or(|policy| self.policy == Some(policy.id()))
    }

    /// Moves past a tag.
    pub(super) fn add(&mut self, name: &str, issues: &[Issue], entry_checkpoints: Vec<String>) {
        self.done += 1;
        self.last = Some(name.to_owned());
        for issue in issues {
            *self.issues.entry(issue.kind).or_default() += 1;
        }
        self.entry_checkpoints = entry_checkpoints;
    }
}

impl AuditState {
    /// Checks a stored state. Its checkpoints must be signed by the log.
    pub(crate) fn verified(stored: StoredState, keys: &LogKeys) -> Result<Self, StateError> {
        if stored.version != VERSION {
            return Err(StateError::Version(stored.version));
        }
        let signed = |note: &String| {
            let checkpoint = Checkpoint::parse(note).filter(|checkpoint| keys.verify_checkpoint(checkpoint).is_ok());
            checkpoint.ok_or(StateError::Unsigned)
        };
        let mut state = Self::default();
        for note in &stored.checkpoints {
            let checkpoint = signed(note)?;
            state.checkpoints.insert(checkpoint.origin().to_owned(), checkpoint);
        }
        for note in stored.position.iter().flat_map(|position| &position.entry_checkpoints) {
            signed(note)?;
        }
        state.position = stored.position;
        for (log_id, reading) in stored.readings {
            let verified = LogReading::verified(&log_id, reading, keys);
            let reading = verified.ok_or_else(|| StateError::Reading(shown(&log_id).into_owned()))?;
            if let Some(read) = reading.checkpoint() {
                let held = state.checkpoints.get(read.origin());
                if held.is_none_or(|held| held.size() < read.size()) {
                    state.checkpoints.insert(read.origin().to_owned(), read.clone());
                }
            }
            state.readings.insert(log_id, reading);
        }
        Ok(state)
    }

    /// The form in which it is stored.
    pub(crate) fn stored(&self) -> StoredState {
        StoredState {
            version: VERSION,
            checkpoints: self.checkpoints.values().map(|checkpoint| checkpoint.note().to_owned()).collect(),
            position: self.position.clone(),
            readings: self.readings.iter().map(|(id, reading)| (id.clone(), reading.stored())).collect(),
        }
    }

    /// Notes that a complete audit of a log came to its end.
    pub(crate) fn end_complete(&mut self, log_id: &str, ended: EndedAudit) {
        if let Some(kept) = self.readings.get_mut(log_id) {
            kept.ended = Some(ended);
        }
    }

    /// Replaces heads by ones that were proven to have grown from them.
    pub(crate) fn advance(&mut self, grown: &[Growth]) {
        self.checkpoints.extend(grown.iter().map(|growth| (growth.now.origin().to_owned(), growth.now.clone())));
    }
}
