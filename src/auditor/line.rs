//! The lines that a run writes, and the metric of one that finished, in CloudWatch's embedded format.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::audit::{End, Position, lines};
use crate::foreign::shown;

/// The metric of runs that finished. An alarm watches for its absence.
const METRIC: &str = "AuditorRan";
const NAMESPACE: &str = "tlogistry";

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunOutcome {
    /// All tags were checked.
    Complete,
    /// The time ran out. The next run goes on.
    CutShort,
    /// No audit is due. The log's growth was checked.
    NotDue,
    /// The log, the key or the ledger failed, or the log contradicts itself.
    Unfinished(String),
    /// Another run was faster, and its work counts.
    Overtaken,
}

impl RunOutcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::CutShort => "cut-short",
            Self::NotDue => "not-due",
            Self::Unfinished(_) => "unfinished",
            Self::Overtaken => "overtaken",
        }
    }

    fn has_finished(&self) -> bool {
        match self {
            Self::Complete | Self::CutShort | Self::NotDue => true,
            Self::Unfinished(_) | Self::Overtaken => false,
        }
    }

    fn end(&self) -> End {
        match self {
            Self::Complete => End::Complete,
            Self::CutShort | Self::NotDue | Self::Overtaken => End::Stopped,
            Self::Unfinished(why) => End::Failed(why.clone()),
        }
    }
}

/// The line about a run: the summary of the audit so far, how the run ended, and its metric if it finished.
pub(super) fn of_run(function: &str, position: &Position, outcome: &RunOutcome) -> Value {
    let mut line = lines::summary(position, &outcome.end());
    line["outcome"] = json!(outcome.name());
    if outcome.has_finished() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": METRIC, "Unit": "Count"}],
        });
        let timestamp = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        line["_aws"] = json!({"Timestamp": timestamp, "CloudWatchMetrics": [directive]});
        line["FunctionName"] = json!(function);
        line[METRIC] = json!(1);
    }
    line
}

/// The line about something that a person must mend.
pub(super) fn of_error(error: &str) -> Value {
    json!({"type": "error", "detail": shown(error)})
}

/// Writes a line of the function's log.
pub(super) fn write(line: &Value) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_finished_is_a_metric() {
        let position = Position::start_of("the ledger t".to_owned());
        let failed = RunOutcome::Unfinished("the log\u{1b} is down".to_owned());
        for (outcome, finished) in [
            (RunOutcome::Complete, true),
            (RunOutcome::CutShort, true),
            (RunOutcome::NotDue, true),
            (failed.clone(), false),
            (RunOutcome::Overtaken, false),
        ] {
            let line = of_run("auditor", &position, &outcome);
            let metric = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(metric["Metrics"][0]["Name"] == METRIC && line[METRIC] == 1, finished, "{line}");
            assert_eq!(line["complete"], outcome == RunOutcome::Complete, "{line}");
        }
        let line = of_run("auditor", &position, &failed);
        assert_eq!((&line["outcome"], &line["reason"]), (&json!("unfinished"), &json!("the log\u{fffd} is down")));
    }
}
