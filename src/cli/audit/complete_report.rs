//! The output of `audit --complete`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use super::report::AuditReport;
use crate::audit::complete::{Found, LogContent, Mismatch, Summary};
use crate::audit::{HeadFault, IssueKind, Weight, worst};
use crate::cli::terminal::{BAD, DOUBTFUL, GOOD, sanitized, styled};
use crate::tlog::{Checkpoint, Growth, HistoryConflict, Policy};

/// Signs of the bar.
const BAR: u64 = 30;

pub(super) struct CompleteReport {
    lines: AuditReport,
    began: Instant,
    from: u64,
    to: u64,
}

impl CompleteReport {
    pub(super) fn new(json: bool) -> Self {
        Self { lines: AuditReport::new(json), began: Instant::now(), from: 0, to: 0 }
    }

    pub(super) fn grown(&mut self, growth: &Growth) {
        self.lines.grown(growth);
    }

    /// See [`AuditReport::judged`].
    pub(super) fn judged(&mut self, policy: Option<&Policy>, grown: &[Growth]) -> Result<(), HeadFault> {
        self.lines.judged(policy, grown).map(drop)
    }

    pub(super) fn contradiction(&mut self, contradiction: &HistoryConflict) {
        self.lines.contradiction(contradiction);
    }

    /// The reading begins.
    pub(super) fn begin(&mut self, from: u64, to: u64) {
        (self.began, self.from, self.to) = (Instant::now(), from, to);
    }

    pub(super) fn progress(&mut self, size: u64) {
        let (from, to, rate) = (self.from, self.to, self.rate(size));
        self.lines.progress(|| {
            let done = (size - from) * BAR / (to - from).max(1);
            let bar: String = (0..BAR).map(|sign| if sign < done { '=' } else { ' ' }).collect();
            format!("[{bar}] {size} of {to} entries read, {rate:.0} a second")
        });
    }

    /// The log was read to its end, and `by_keys` entries of it bear a key.
    pub(super) fn read(&mut self, id: &str, checkpoint: &Checkpoint, by_keys: usize) {
        let (from, to, tree, rate) = (self.from, self.to, checkpoint.tree(), self.rate(self.to));
        let count = to - from;
        let text = format!(
            "{tree}: {count} entries read, up to size {to}, {rate:.0} a second; they lead to its checkpoint. In all, \
             {by_keys} bear your keys"
        );
        let object = json!({
            "type": "read", "logId": id, "origin": checkpoint.origin(), "from": from, "size": to, "byKeys": by_keys,
        });
        self.lines.line(&text, object);
    }

    pub(super) fn found(&mut self, found: &Found) {
        self.lines.issue_with(&found.about, &found.issue, found.evidence.as_deref());
    }

    /// The log's entries do not lead to its checkpoint. Returns the exit code.
    pub(super) fn differs(&mut self, mismatch: &Mismatch, checkpoint: &Checkpoint) -> ExitCode {
        let Some(issue) = mismatch.finding() else {
            let (not_checked, tree) = (styled(DOUBTFUL, "Not checked"), checkpoint.tree());
            let text = format!("{not_checked}: the entries of {tree} did not lead to its checkpoint; {mismatch}");
            self.lines.line(&text, json!({"type": "summary", "complete": false, "reason": mismatch.to_string()}));
            return ExitCode::from(2);
        };
        self.lines.issue_with(&checkpoint.tree(), &issue, None);
        let text = format!("The checkpoint that it signed:\n\n{}", checkpoint.note());
        let object = json!({"type": "checkpoint", "checkpoint": checkpoint.note()});
        self.lines.line(text.trim_end(), object);
        ExitCode::from(1)
    }

    pub(super) fn stopped(&mut self, is_kept: bool) {
        let again = if is_kept { "; run it again with the same --state to go on" } else { "" };
        let text = format!("Stopped before the audit had come to its end{again}");
        self.lines.line(&text, json!({"type": "summary", "complete": false, "reason": "stopped"}));
    }

    pub(super) fn kept(&mut self, sightings: usize, file: Option<&Path>) {
        let file = file.unwrap_or(Path::new("")).display().to_string();
        let text = format!("{}: {sightings} sightings kept", sanitized(&file));
        self.lines.line(&text, json!({"type": "kept", "file": file, "sightings": sightings}));
    }

    pub(super) fn end(
        &mut self,
        source: &str,
        read: Option<&Checkpoint>,
        reading: &LogContent,
        summary: &Summary,
        issues: &BTreeMap<IssueKind, u64>,
    ) {
        for log in &summary.not_read {
            let listed = match log.listed {
                None => format!("{source} does not know it"),
                Some(0) => format!("{source} lists nothing in it"),
                Some(1) => "of its one sighting that is listed, only the statement was checked".to_owned(),
                Some(count) => format!("of its {count} sightings that are listed, only the statements were checked"),
            };
            let (id, api) = (&log.log_id, log.api);
            let text = format!("Not read: the log {id} (API {api}); {listed}");
            self.lines.line(&text, json!({"type": "not-read", "logId": id, "api": api, "listed": log.listed}));
        }
        let counts: Vec<String> = issues.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        let (by_keys, size) = (reading.spotted.len(), reading.frontier.size());
        let Summary { listed, pending, newer, .. } = summary;
        let holds = worst(issues).is_none();
        let is_complete = holds && read.is_some() && !summary.is_empty();
        let text = match (worst(issues), read) {
            (Some(Weight::Fault), _) => format!("{}: {}", styled(BAD, "It does not hold"), counts.join(", ")),
            (Some(_), _) => format!("{}: {}", styled(DOUBTFUL, "Not all could be checked"), counts.join(", ")),
            (None, None) => format!(
                "{}: no log here has tiles (API v2), so it is not known what else they hold. What {source} lists is signed by \
                 your keys, with one digest for each tag",
                styled(DOUBTFUL, "Only a part was checked")
            ),
            (None, Some(_)) if summary.is_empty() => {
                format!("{}: {source} lists no sighting", styled(DOUBTFUL, "Nothing was checked"))
            }
            (None, Some(checkpoint)) => format!(
                "{}: each of the {by_keys} entries by your keys in {}, up to size {size}, is of a sighting that {} lists \
                 ({listed} recorded there, {newer} newer, {pending} pending), and each tag has one digest",
                styled(GOOD, "Complete"),
                checkpoint.tree(),
                sanitized(source)
            ),
        };
        let issues: BTreeMap<&str, u64> = issues.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        let object = json!({
            "type": "summary", "complete": is_complete, "holds": holds, "origin": read.map(Checkpoint::origin),
            "size": read.map(Checkpoint::size), "byKeys": by_keys, "listed": listed, "newer": newer, "pending": pending,
            "issues": issues,
        });
        self.lines.line(&text, object);
    }

    fn rate(&self, size: u64) -> f64 {
        (size - self.from) as f64 / self.began.elapsed().as_secs_f64().max(0.001)
    }
}
