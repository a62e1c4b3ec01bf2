//! The lines that a run writes, and the metric of one that finished, in CloudWatch's embedded format.

use serde_json::{Value, json};

use crate::audit::{End, Position, lines};
use crate::clock::since_epoch;
use crate::foreign::shown;

/// The metric of runs that finished. An alarm watches for its absence.
const METRIC: &str = "AuditorRan";
/// The metric of the days until no log can be written any more. An alarm fires before there are none.
const LOG_METRIC: &str = "LogDaysLeft";
const NAMESPACE: &str = "tlogistry";
const SECONDS_A_DAY: f64 = 86_400.0;

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
        add_metric(&mut line, function, METRIC, json!(1));
    }
    line
}

/// The line about the end of the logs that can be written: the last second (Unix) in which one can. After it, the days are
/// fewer than none.
pub(super) fn of_log_end(function: &str, writable_until: u64) -> Value {
    let left = writable_until as f64 - since_epoch().as_secs_f64();
    let mut line = json!({"type": "log-end", "writableUntil": writable_until});
    add_metric(&mut line, function, LOG_METRIC, json!((left / SECONDS_A_DAY * 100.0).floor() / 100.0));
    line
}

fn add_metric(line: &mut Value, function: &str, name: &str, value: Value) {
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    });
    let timestamp = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
    line["_aws"] = json!({"Timestamp": timestamp, "CloudWatchMetrics": [directive]});
    line["FunctionName"] = json!(function);
    line[name] = value;
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

    #[test]
    fn the_end_of_the_log_is_a_metric_in_days_and_below_nothing_once_it_has_passed() {
        let days = |until: u64| of_log_end("auditor", until)[LOG_METRIC].as_f64().unwrap();
        let now = since_epoch().as_secs();
        assert!((29.9..=30.0).contains(&days(now + 30 * 86_400)));
        assert!((30.9..=31.0).contains(&days(now + 31 * 86_400)));
        assert!(days(now - 1) < 0.0 && days(0) < -20_000.0);
        let line = of_log_end("auditor", now);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], LOG_METRIC);
        assert_eq!((&line["FunctionName"], &line["writableUntil"]), (&json!("auditor"), &json!(now)));
    }
}
