//! The output of an audit: a line for each tree of the log, for each finding, and at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::issue::{Issue, IssueKind, Weight};
use super::progress::Progress;
use crate::cli::terminal::{ASIDE, BAD, DOUBTFUL, GOOD, print_line, sanitized, styled};
use crate::tlog::{Growth, HistoryConflict};

/// The end of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    /// The user asked it to stop.
    Stopped,
    /// The log, the ledger or the list failed.
    Failed(String),
}

pub(super) struct AuditReport {
    json: bool,
    progress: Progress,
}

impl AuditReport {
    pub(super) fn new(json: bool) -> Self {
        Self { json, progress: Progress::new() }
    }

    pub(super) fn progress(&mut self, text: impl FnOnce() -> String) {
        self.progress.show(text);
    }

    pub(super) fn grown(&mut self, growth: &Growth) {
        let (tree, size) = (growth.now.tree_id(), growth.now.size());
        let text = match growth.from {
            None => format!("the log's tree {tree} has {size} entries; no earlier checkpoint to compare with"),
            Some(from) if from == size => format!("the log's tree {tree} has {size} entries, as before"),
            Some(from) => format!("the log's tree {tree} grew from {from} to {size} entries, and only grew"),
        };
        let object = json!({
            "type": "tree", "treeId": tree.to_string(), "size": size, "from": growth.from, "checkpoint": growth.now.note(),
        });
        self.line(&text, object);
    }

    pub(super) fn contradiction(&mut self, contradiction: &HistoryConflict) {
        let (before, now) = contradiction.notes();
        let heading = styled(BAD, "The log contradicts itself");
        let evidence = match now {
            Some(now) => format!("What it signed before:\n\n{before}\nAnd now:\n\n{now}"),
            None => format!("What it signed before:\n\n{before}"),
        };
        let text = format!("{heading}: {contradiction}\n\n{evidence}");
        let object = json!({
            "type": "contradiction", "detail": contradiction.to_string(), "before": before, "now": now,
        });
        self.line(text.trim_end(), object);
    }

    pub(super) fn issue(&mut self, tag: &str, issue: &Issue) {
        let (tag, kind, detail) = (sanitized(tag), issue.kind.name(), sanitized(&issue.detail));
        let style = match issue.kind.weight() {
            Weight::Fault => BAD,
            Weight::Doubt => DOUBTFUL,
            Weight::Note => ASIDE,
        };
        let text = format!("{tag}: {}: {detail}", styled(style, kind));
        let object = json!({"type": "tag", "tag": tag, "issue": kind, "detail": detail});
        self.line(&text, object);
    }

    pub(super) fn end(&mut self, done: u64, issues: &BTreeMap<IssueKind, u64>, end: &End, kept: bool) {
        let noun = if done == 1 { "tag" } else { "tags" };
        let counts: Vec<String> = issues.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        let found = match (worst(issues), counts.is_empty()) {
            (_, true) => styled(GOOD, "all hold"),
            (Some(Weight::Fault), _) => styled(BAD, &counts.join(", ")),
            (Some(Weight::Doubt), _) => styled(DOUBTFUL, &counts.join(", ")),
            _ => format!("all hold ({})", counts.join(", ")),
        };
        let again = if kept { "; run it again with the same --state to go on" } else { "" };
        let text = match end {
            End::Complete if done == 0 => {
                format!("{}: there was no tag", styled(DOUBTFUL, "Nothing was checked"))
            }
            End::Complete => format!("{done} {noun} checked: {found}"),
            End::Stopped => format!("Stopped after {done} {noun}: {found}{again}"),
            End::Failed(why) if done == 0 => format!("Nothing was checked, because {}", sanitized(why)),
            End::Failed(why) => format!("Broken off after {done} {noun} ({found}), because {}{again}", sanitized(why)),
        };
        let issues: BTreeMap<&str, u64> = issues.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        let reason = match end {
            End::Failed(why) => Some(sanitized(why)),
            End::Complete | End::Stopped => None,
        };
        let complete = *end == End::Complete;
        let object = json!({
            "type": "summary", "checked": done, "complete": complete, "reason": reason, "issues": issues,
        });
        self.line(&text, object);
    }

    fn line(&mut self, text: &str, object: Value) {
        self.progress.clear();
        if self.json { print_line(object) } else { print_line(text) }
    }
}

/// The gravest weight among the findings.
pub(super) fn worst(issues: &BTreeMap<IssueKind, u64>) -> Option<Weight> {
    issues.keys().map(|kind| kind.weight()).max()
}
