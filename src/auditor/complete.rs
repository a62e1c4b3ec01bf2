//! The complete audit of a log that has tiles, in pieces: each run reads on, and the run that has checked all tags compares
//! what was read with the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::line;
use super::notebook::Notebook;
use crate::audit::complete::{EndedAudit, Explaining, Found, Lists, ReadEnd, Readable, read_log};
use crate::audit::{Issue, IssueKind, worst};
use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::ledger::Ledger;
use crate::log_search::LogSearch;
use crate::tlog::LogError;

/// The reason why what was read is not compared in this run.
pub(super) enum NotCompared {
    /// The time was not enough.
    Time,
    /// The log or the ledger failed.
    Failed(String),
}

/// Reads the log on for as long as `time`. Returns whether it was read up to its checkpoint. Failures are lines: what was
/// read stays read.
pub(super) async fn read_on(search: &LogSearch, log: &Readable, time: Duration, notebook: &mut Notebook<'_>) -> bool {
    let Readable { log_id, checkpoint } = log;
    let stop = tokio::time::sleep(time);
    let state = &mut notebook.state;
    let read = read_log::<LogError>(search, log_id, checkpoint, state, stop, |_| {}, |_| Ok(())).await;
    let kept = state.readings.get(log_id);
    let (size, by_keys) = kept.map_or((0, 0), |kept| (kept.reading().frontier.size(), kept.reading().spotted.len()));
    line::write(&json!({
        "type": "read", "logId": log_id, "origin": checkpoint.origin(), "size": size, "of": checkpoint.size(),
        "byKeys": by_keys,
    }));
    match read {
        Ok(ReadEnd::Proven) => true,
        Ok(ReadEnd::Stopped) => false,
        Ok(ReadEnd::Differs(difference)) => {
            match difference.finding() {
                Some(issue) => notebook.note_issues(&checkpoint.tree(), &[issue]),
                None => line::write(&line::of_error(&difference.to_string())),
            }
            false
        }
        Err(error) => {
            line::write(&line::of_error(&format!("the log could not be read through: {error}")));
            false
        }
    }
}

/// Compares what was read with the ledger's rows.
pub(super) async fn compare(
    search: &LogSearch,
    log: &Readable,
    (ledger, source): (&Ledger, &str),
    patience: Duration,
    until: Deadline,
    notebook: &mut Notebook<'_>,
) -> Result<(), NotCompared> {
    let Readable { log_id, checkpoint } = log;
    let Some(kept) = notebook.state.readings.get(log_id) else { return Ok(()) };
    let reading = kept.proven().clone();
    let explaining = Explaining { search, lists: Lists::Ledger(ledger), patience, on_listed: &|_| {} };
    let mut issues = BTreeMap::<IssueKind, u64>::new();
    let mut each = |Found { about, issue, evidence }: Found| {
        *issues.entry(issue.kind).or_default() += 1;
        let Issue { kind, detail } = issue;
        // The proof is in the function's log.
        if let Some(evidence) = evidence {
            line::write(&json!({"type": "evidence", "about": shown(&about), "entry": evidence}));
        }
        notebook.note_issues(&about, &[Issue { kind, detail }]);
    };
    let explained = until.bound(explaining.explain(Some(log_id), &reading, Some(checkpoint), &mut each)).await;
    let summary = match explained {
        Err(_) => return Err(NotCompared::Time),
        Ok(Err(error)) => return Err(NotCompared::Failed(error.to_string())),
        Ok(Ok(summary)) => summary,
    };
    let not_read = summary.not_read.iter().map(|log| log.log_id.clone()).collect();
    let holds = worst(&issues).is_none();
    line::write(&json!({
        "type": "compared", "logId": log_id, "size": checkpoint.size(), "byKeys": reading.spotted.len(),
        "listed": summary.listed, "pending": summary.pending, "newer": summary.newer, "notRead": not_read, "holds": holds,
    }));
    let ended = EndedAudit { size: checkpoint.size(), holds, source: source.to_owned(), not_read };
    notebook.state.end_complete(log_id, ended);
    Ok(())
}
