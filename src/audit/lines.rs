//! The findings of an audit as JSON, one object a line, as docs/verify.md describes them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::issue::{Issue, IssueKind};
use super::state::Position;
use super::walk::End;
use crate::foreign::sanitized;
use crate::tlog::{Growth, HistoryConflict};

/// One tree of the log.
pub(crate) fn tree(growth: &Growth) -> Value {
    let now = &growth.now;
    let mut line = json!({"type": "tree", "size": now.size(), "from": growth.from, "checkpoint": now.note()});
    match now.tree_id() {
        Some(tree_id) => line["treeId"] = tree_id.to_string().into(),
        None => line["origin"] = now.origin().into(),
    }
    line
}

/// A log that contradicts itself.
pub(crate) fn contradiction(conflict: &HistoryConflict) -> Value {
    let (before, now) = conflict.notes();
    json!({"type": "contradiction", "detail": conflict.to_string(), "before": before, "now": now})
}

/// One finding about one tag.
pub(crate) fn issue(tag: &str, issue: &Issue) -> Value {
    json!({"type": "tag", "tag": sanitized(tag), "issue": issue.kind.name(), "detail": sanitized(&issue.detail)})
}

/// The end.
pub(crate) fn summary(position: &Position, end: &End) -> Value {
    let count = |(kind, count): (&IssueKind, &u64)| (kind.name(), *count);
    let issues: BTreeMap<&str, u64> = position.issues.iter().map(count).collect();
    let reason = match end {
        End::Failed(why) => Some(sanitized(why)),
        End::Complete | End::Stopped => None,
    };
    json!({
        "type": "summary", "checked": position.done, "complete": *end == End::Complete, "reason": reason,
        "issues": issues,
    })
}
