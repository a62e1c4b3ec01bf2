//! The cosignatures of a log's heads, as a policy demands them.

use serde_json::{Value, json};

use crate::sighting::SightingTime;
use crate::tlog::{Checkpoint, Cosigned, Growth, LogEntry, Policy, PolicyFault};

/// A policy that entries are held against.
#[derive(Debug, Clone)]
pub(crate) struct WitnessDemand<'a> {
    pub policy: &'a Policy,
    /// The head of the log that is written, which counts by the policy.
    pub head: Checkpoint,
    /// True if rows count by it whose log nobody asks any more, or whose log is a Rekor v1. A deployment demands it of what
    /// is new.
    pub of_old_rows: bool,
}

/// A head of the log that does not count by the policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadFault {
    #[error("{tree} does not count by the witnesses' policy: {fault}")]
    Uncosigned { tree: String, fault: PolicyFault },
    /// Comes from a log of version 2 that answers a checkpoint of version 1.
    #[error("no log has a checkpoint that witnesses could cosign")]
    NoHead,
}

/// A head's standing with the witnesses.
#[derive(Debug)]
pub(crate) struct JudgedHead<'a> {
    head: &'a Checkpoint,
    /// `None` for a tree of Rekor v1, whose checkpoints carry no cosignatures.
    cosigned: Option<Cosigned>,
}

/// Holds heads, which must have grown from those before, against a policy. All of version 2 must count.
pub(crate) fn judge<'a>(policy: &Policy, grown: &'a [Growth]) -> Result<Vec<JudgedHead<'a>>, HeadFault> {
    let judge = |Growth { now, .. }: &'a Growth| match policy.check(now) {
        Ok(cosigned) => Ok(JudgedHead { head: now, cosigned: Some(cosigned) }),
        Err(PolicyFault::RekorV1) => Ok(JudgedHead { head: now, cosigned: None }),
        Err(fault) => Err(HeadFault::Uncosigned { tree: now.tree(), fault }),
    };
    grown.iter().map(judge).collect()
}

impl JudgedHead<'_> {
    /// A sentence for people.
    pub(crate) fn text(&self) -> String {
        let tree = self.head.tree();
        match &self.cosigned {
            None => format!("{tree}: --policy says nothing of it: checkpoints of Rekor v1 carry no cosignatures"),
            Some(_) => {
                let time = self.time().map(|time| format!(", and saw it no later than {time}")).unwrap_or_default();
                format!("{tree}: the witnesses that the policy demands cosigned its checkpoint{time}")
            }
        }
    }

    /// An object of the JSON, as docs/verify.md describes it.
    pub(crate) fn json(&self) -> Value {
        let mut line = json!({"type": "cosigned", "size": self.head.size(), "cosigned": self.cosigned.is_some()});
        match self.head.tree_id() {
            Some(tree_id) => line["treeId"] = tree_id.to_string().into(),
            None => line["origin"] = self.head.origin().into(),
        }
        if let Some(time) = self.time() {
            line["witnessedNoLaterThan"] = time.into();
        }
        line
    }

    fn time(&self) -> Option<String> {
        self.cosigned.and_then(Cosigned::time).map(|time| SightingTime::Witnessed(time).rfc3339())
    }
}

impl<'a> WitnessDemand<'a> {
    /// The demand that `policy` makes of a log whose heads it counts.
    pub(crate) fn new(policy: &'a Policy, judged: &[JudgedHead<'_>], of_old_rows: bool) -> Result<Self, HeadFault> {
        // The log that is written comes first.
        let head = judged.iter().find(|judged| judged.cosigned.is_some()).ok_or(HeadFault::NoHead)?;
        Ok(Self { policy, head: head.head.clone(), of_old_rows })
    }

    /// The reason why none of an entry's checkpoints counts; `None` if one does.
    pub(super) fn shortfall(&self, entries: &[&LogEntry]) -> Option<PolicyFault> {
        let mut first = None;
        for entry in entries {
            match self.policy.check_entry(entry) {
                Ok(_) => return None,
                Err(fault) => drop(first.get_or_insert(fault)),
            }
        }
        first
    }
}
