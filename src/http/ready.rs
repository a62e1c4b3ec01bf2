//! `/readyz`: whether key, ledger and log can be used.
//!
//! Anyone may ask, and as often as they like: all who ask a process within ten seconds get the outcome of one check.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde::Serialize;

use super::Body;
use super::error::public_cause;
use super::response::text;
use crate::clock::Moment;
use crate::deadline::Deadline;
use crate::oci::JSON;
use crate::verdict::{Readiness, Unavailable, Verdicts};
use crate::version::{COMMIT, VERSION};

/// The age from which an outcome is not given out any more, counted from the start of its check.
const FRESH: Duration = Duration::from_secs(10);
/// The time for a check, far below [`FRESH`].
const CHECK_TIME: Duration = Duration::from_secs(3);
/// `FRESH` for `Retry-After`: an earlier request would get the same answer.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("10");

/// The last check, perhaps still under way.
#[derive(Debug, Default)]
pub(super) struct Ready(Mutex<Option<(Moment, RunningCheck)>>);

/// A task of its own. It goes on when those who wait for it go away, so that they cannot make it begin again.
type RunningCheck = Shared<BoxFuture<'static, Option<Arc<Report>>>>;

/// The outcome of a check.
#[derive(Debug, Serialize)]
struct Report {
    ready: bool,
    version: &'static str,
    commit: &'static str,
    /// The time at which the check began, RFC 3339.
    checked: String,
    key: Part,
    ledger: Part,
    log: Part,
}

#[derive(Debug, Serialize)]
struct Part {
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Ready {
    pub(super) async fn answer(&self, verdicts: &Verdicts) -> Response<Body> {
        match self.check(verdicts).await {
            Some(report) => report.to_response(),
            None => unavailable(text(r#"{"ready":false}"#.to_owned(), JSON)),
        }
    }

    /// The outcome of the check that is under way or fresh, or of a new one. `None` if it panicked or the process is ending.
    fn check(&self, verdicts: &Verdicts) -> RunningCheck {
        // Nothing panics while it holds the lock.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((began, check)) if began.is_within(FRESH) => check.clone(),
            _ => {
                let checking = tokio::spawn(checked(verdicts.clone()));
                let check = checking.map(|checked| checked.ok().map(Arc::new)).boxed().shared();
                *last = Some((Moment::now(), check.clone()));
                check
            }
        }
    }
}

async fn checked(verdicts: Verdicts) -> Report {
    let checked = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Secs, true);
    let Readiness { key, ledger, log } = verdicts.readiness(Deadline::after(CHECK_TIME)).await;
    let (key, ledger, log) = (part("key", key), part("ledger", ledger), part("log", log));
    let ready = key.usable && ledger.usable && log.usable;
    Report { ready, version: VERSION, commit: COMMIT, checked, key, ledger, log }
}

/// The caller gets the reason that a pull would get. What is for the operator alone is logged.
fn part(name: &str, outcome: Result<(), Unavailable>) -> Part {
    let cause = outcome.err().inspect(|cause| tracing::warn!(part = name, %cause, "not ready"));
    Part { usable: cause.is_none(), reason: cause.as_ref().map(public_cause) }
}

impl Report {
    fn to_response(&self) -> Response<Body> {
        // A struct of texts and truth values has a JSON form.
        let answer = text(serde_json::to_string(self).unwrap_or_default(), JSON);
        if self.ready { answer } else { unavailable(answer) }
    }
}

fn unavailable(mut answer: Response<Body>) -> Response<Body> {
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    answer
}
