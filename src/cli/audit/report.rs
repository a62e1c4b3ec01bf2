//! The output of an audit: a line for each tree of the log, for each finding, and at the end.

use serde_json::Value;

use super::progress::Progress;
use crate::audit::{End, HeadFault, Issue, Position, Weight, WitnessDemand, judge, lines, worst};
use crate::cli::terminal::{ASIDE, BAD, DOUBTFUL, GOOD, print_line, sanitized, styled};
use crate::tlog::{Growth, HistoryConflict, Policy};

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
        let (tree, size) = (growth.now.tree(), growth.now.size());
        let text = match growth.from {
            None => format!("the log's {tree} has {size} entries; no earlier checkpoint to compare with"),
            Some(from) if from == size => format!("the log's {tree} has {size} entries, as before"),
            Some(from) => format!("the log's {tree} grew from {from} to {size} entries, and only grew"),
        };
        self.line(&text, lines::tree(growth));
    }

    /// Holds the log's heads against the policy, if there is one, and says what witnesses say of each.
    pub(super) fn judged<'a>(
        &mut self,
        policy: Option<&'a Policy>,
        grown: &[Growth],
    ) -> Result<Option<WitnessDemand<'a>>, HeadFault> {
        let Some(policy) = policy else { return Ok(None) };
        let judged = judge(policy, grown)?;
        let demand = WitnessDemand::new(policy, &judged, true)?;
        judged.iter().for_each(|head| self.line(&head.text(), head.json()));
        Ok(Some(demand))
    }

    pub(super) fn contradiction(&mut self, contradiction: &HistoryConflict) {
        let (before, now) = contradiction.notes();
        let heading = styled(BAD, "The log contradicts itself");
        let evidence = match now {
            Some(now) => format!("What it signed before:\n\n{before}\nAnd now:\n\n{now}"),
            None => format!("What it signed before:\n\n{before}"),
        };
        let text = format!("{heading}: {contradiction}\n\n{evidence}");
        self.line(text.trim_end(), lines::contradiction(contradiction));
    }

    pub(super) fn issue(&mut self, tag: &str, issue: &Issue) {
        self.issue_with(tag, issue, None);
    }

    /// A finding with its evidence, which is JSON.
    pub(super) fn issue_with(&mut self, tag: &str, issue: &Issue, evidence: Option<&str>) {
        let style = match issue.kind.weight() {
            Weight::Fault => BAD,
            Weight::Doubt => DOUBTFUL,
            Weight::Note => ASIDE,
        };
        let text = format!("{}: {}: {}", sanitized(tag), styled(style, issue.kind.name()), sanitized(&issue.detail));
        let (mut text, mut object) = (text, lines::issue(tag, issue));
        if let Some(evidence) = evidence {
            text = format!("{text}\n  evidence: {}", sanitized(evidence));
            object["evidence"] = serde_json::from_str(evidence).unwrap_or_default();
        }
        self.line(&text, object);
    }

    pub(super) fn end(&mut self, position: &Position, end: &End, kept: bool) {
        let (done, issues) = (position.done, &position.issues);
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
        self.line(&text, lines::summary(position, end));
    }

    pub(super) fn line(&mut self, text: &str, object: Value) {
        self.progress.clear();
        if self.json { print_line(object) } else { print_line(text) }
    }
}
