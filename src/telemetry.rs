//! One line for each request, with its metrics in CloudWatch's embedded format, so that a moved tag raises an alarm.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

mod brief;
mod waits;

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::clock::since_epoch;
use crate::foreign::within;
use crate::version::{COMMIT, VERSION};
use brief::brief;
use waits::{Each, Wait, Waits};

const NAMESPACE: &str = "tlogistry";
/// The metric that an alarm of infra/release.yaml watches for the newest version.
const TAKES_A_RELEASE_BACK: &str = "Unavailable";
/// A path's bytes in a line. A path with the longest valid names has some 700.
const MAX_PATH_BYTES: usize = 1 << 10;
/// A method's bytes in a line: any word can be a method.
const MAX_METHOD_BYTES: usize = 32;
/// An id's bytes in a line. AWS's have 16 and 36; whoever invokes the function directly chooses one.
const MAX_ID_BYTES: usize = 64;

/// Services that a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependency {
    Registry,
    Ledger,
    Log,
    Key,
}

impl Dependency {
    const ALL: [Self; 4] = [Self::Registry, Self::Ledger, Self::Log, Self::Key];

    fn metric(self) -> &'static str {
        match self {
            Self::Registry => "RegistryMillis",
            Self::Ledger => "LedgerMillis",
            Self::Log => "LogMillis",
            Self::Key => "KeyMillis",
        }
    }
}

/// The outcome of a request, as far as metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    FirstSeen,
    Unchanged,
    Moved,
    /// Served by the pinned name: what was recorded of a tag that has moved, or could not be compared.
    Pinned,
    /// No verdict: the key or the ledger failed, or does not fit this process.
    Unavailable,
    /// No verdict: the log failed, or holds what cannot be checked.
    LogFailed,
    /// Refused by the registry's rate limit, or by the one on first sights.
    Throttled,
    /// The registry failed or lied.
    UpstreamError,
    /// Anything else: a digest, a blob, an invalid name.
    Other,
}

impl Outcome {
    /// Outcomes that alarms look at as shares of each other.
    const SHARES: [Self; 7] = [
        Self::FirstSeen,
        Self::Unchanged,
        Self::Moved,
        Self::Pinned,
        Self::Unavailable,
        Self::LogFailed,
        Self::UpstreamError,
    ];

    fn metric(self) -> Option<&'static str> {
        match self {
            Self::FirstSeen => Some("FirstSeen"),
            Self::Unchanged => Some("Unchanged"),
            Self::Moved => Some("Moved"),
            Self::Pinned => Some("Pinned"),
            Self::Unavailable => Some("Unavailable"),
            Self::LogFailed => Some("LogFailed"),
            Self::Throttled => Some("Throttled"),
            Self::UpstreamError => Some("UpstreamError"),
            Self::Other => None,
        }
    }
}

/// The measurements of one request.
#[derive(Debug, Default)]
struct Measurements {
    waits: Arc<Waits>,
    equivocation: AtomicBool,
    key_throttled: AtomicBool,
    log_frozen: AtomicBool,
    from_mirror: AtomicBool,
}

tokio::task_local! {
    static MEASUREMENTS: Arc<Measurements>;
}

/// Runs `call` and adds its time to the request that it is part of. A call that is given up counts until then, and one that
/// outlasts the request counts until the answer.
pub(crate) async fn timed<F: Future>(dependency: Dependency, call: F) -> F::Output {
    let waits = MEASUREMENTS.try_with(|measurements| measurements.waits.clone()).ok();
    let _wait = waits.map(|waits| Wait::begin(waits, dependency));
    call.await
}

/// Notes that the log holds two digests for one tag.
pub(crate) fn equivocation() {
    let _ = MEASUREMENTS.try_with(|measurements| measurements.equivocation.store(true, Ordering::Relaxed));
}

/// Notes that KMS refused a call because of its rate.
pub(crate) fn key_throttled() {
    let _ = MEASUREMENTS.try_with(|measurements| measurements.key_throttled.store(true, Ordering::Relaxed));
}

/// Notes that the log takes no entries any more.
pub(crate) fn log_frozen() {
    let _ = MEASUREMENTS.try_with(|measurements| measurements.log_frozen.store(true, Ordering::Relaxed));
}

/// Notes that a mirror gave what the registry's limit kept back.
pub(crate) fn from_mirror() {
    let _ = MEASUREMENTS.try_with(|measurements| measurements.from_mirror.store(true, Ordering::Relaxed));
}

/// Makes a task that is spawned for a request part of it.
pub(crate) fn part_of_request<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let measurements = MEASUREMENTS.try_with(Arc::clone).unwrap_or_default();
    MEASUREMENTS.scope(measurements, task)
}

/// The time of a request, and its parts spent waiting.
#[derive(Debug)]
pub(crate) struct Measured {
    took: Duration,
    waited: Each<Duration>,
    equivocation: bool,
    key_throttled: bool,
    log_frozen: bool,
    from_mirror: bool,
}

impl Measured {
    /// `None` if the dependency was not called.
    fn waited_for(&self, dependency: Dependency) -> Option<f64> {
        let waited = self.waited[dependency as usize];
        (!waited.is_zero()).then(|| millis(waited))
    }
}

#[cfg(test)]
impl Measured {
    pub(crate) fn key_throttled(&self) -> bool {
        self.key_throttled
    }
}

/// Runs a request and measures it.
pub(crate) async fn measured<F: Future>(request: F) -> (F::Output, Measured) {
    let began = Instant::now();
    let measurements = Arc::new(Measurements::default());
    let result = MEASUREMENTS.scope(measurements.clone(), request).await;
    let noted = |fact: &AtomicBool| fact.load(Ordering::Relaxed);
    let measured = Measured {
        took: began.elapsed(),
        waited: measurements.waits.until_now(),
        equivocation: noted(&measurements.equivocation),
        key_throttled: noted(&measurements.key_throttled),
        log_frozen: noted(&measurements.log_frozen),
        from_mirror: noted(&measurements.from_mirror),
    };
    (result, measured)
}

/// A request and its answer, for the line.
#[derive(Debug)]
pub(crate) struct RequestSummary<'a> {
    /// As the client sent it, like the path.
    pub method: &'a str,
    pub path: &'a str,
    /// The client's network, see [`Source`](crate::rate_limit::Source).
    pub site: Option<String>,
    /// API Gateway's id of the request, and Lambda's.
    pub api_request_id: Option<&'a str>,
    pub lambda_request_id: Option<&'a str>,
    pub status: StatusCode,
    pub outcome: Outcome,
    /// The canonical tag, for a pull by tag.
    pub tag: Option<&'a str>,
    /// The digest served, or the recorded one of a tag that moved.
    pub digest: Option<&'a str>,
}

impl RequestSummary<'_> {
    fn shown_method(&self) -> Cow<'_, str> {
        within(self.method, MAX_METHOD_BYTES)
    }

    fn shown_path(&self) -> Cow<'_, str> {
        within(self.path, MAX_PATH_BYTES)
    }
}

/// A move that the operator is told of, for a line of its own: it is known only after the answer.
#[derive(Debug)]
pub(crate) struct NewlyMoved<'a> {
    /// Canonical.
    pub tag: &'a str,
    pub recorded: &'a str,
    pub current: &'a str,
}

/// The destination of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Telemetry {
    /// Standard output, in CloudWatch's embedded format.
    CloudWatch(Function),
    /// The program's own log.
    Log,
}

/// The function as Lambda names it, and the version of it that this instance runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    name: String,
    version: String,
}

impl Telemetry {
    /// In Lambda, which names the function and its version in its environment, CloudWatch reads the lines.
    pub(crate) fn from_env() -> Self {
        match std::env::var("AWS_LAMBDA_FUNCTION_NAME") {
            Ok(name) => {
                let version = std::env::var("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_default();
                Self::CloudWatch(Function { name, version })
            }
            Err(_) => Self::Log,
        }
    }

    /// Writes the line of a move that the operator is told of.
    pub(crate) fn write_newly_moved(&self, moved: &NewlyMoved<'_>) {
        match self {
            Self::CloudWatch(function) => println!("{}", newly_moved(function, moved)),
            Self::Log => {
                let NewlyMoved { tag, recorded, current } = moved;
                tracing::warn!(tag, recorded, current, "newly moved");
            }
        }
    }

    /// Writes the line of one request.
    pub(crate) fn write(&self, request: &RequestSummary<'_>, measured: &Measured) {
        match self {
            Self::CloudWatch(function) => match brief(request, measured) {
                Some(line) => println!("{line}"),
                None => println!("{}", embedded(function, request, measured)),
            },
            Self::Log => tracing::info!(
                method = %request.shown_method(),
                path = %request.shown_path(),
                site = request.site,
                status = request.status.as_u16(),
                outcome = ?request.outcome,
                tag = request.tag,
                digest = request.digest,
                millis = millis(measured.took),
                registry_millis = measured.waited_for(Dependency::Registry),
                ledger_millis = measured.waited_for(Dependency::Ledger),
                log_millis = measured.waited_for(Dependency::Log),
                key_millis = measured.waited_for(Dependency::Key),
                from_mirror = measured.from_mirror.then_some(true),
                version = VERSION,
                commit = COMMIT,
                "request"
            ),
        }
    }
}

fn shown_id(id: &str) -> Cow<'_, str> {
    within(id, MAX_ID_BYTES)
}

/// A line of CloudWatch's embedded format with these metrics: name, unit, value. What tells a bad release is counted for
/// its version alone too.
fn line(function: &Function, metrics: &[(&str, &str, f64)]) -> Map<String, Value> {
    let names: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut directives = vec![json!({"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": names})];
    if metrics.iter().any(|(name, _, value)| *name == TAKES_A_RELEASE_BACK && *value > 0.0) {
        directives.push(json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["FunctionName", "FunctionVersion"]],
            "Metrics": [{"Name": TAKES_A_RELEASE_BACK, "Unit": "Count"}],
        }));
    }
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": directives,
        }),
    );
    line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    line.insert("FunctionName".to_owned(), json!(function.name));
    line.insert("FunctionVersion".to_owned(), json!(function.version));
    line.insert("version".to_owned(), json!(VERSION));
    line.insert("commit".to_owned(), json!(COMMIT));
    line
}

fn newly_moved(function: &Function, moved: &NewlyMoved<'_>) -> Value {
    let mut line = line(function, &[("NewlyMoved", "Count", 1.0)]);
    for (name, value) in [("tag", moved.tag), ("recorded", moved.recorded), ("current", moved.current)] {
        line.insert(name.to_owned(), json!(value));
    }
    Value::Object(line)
}

/// To hundredths.
fn millis(time: Duration) -> f64 {
    (time.as_micros() as f64 / 10.0).round() / 100.0
}

/// The line that CloudWatch makes metrics of. A metric that a line lacks has no value for it: counts are summed over the
/// lines that have them, and a dependency that was not asked has no time. Lines of pulls by tag have a 0 for what they were
/// not.
fn embedded(function: &Function, request: &RequestSummary<'_>, measured: &Measured) -> Value {
    let Measured { took, waited, equivocation, key_throttled, log_frozen, from_mirror } = measured;
    let is_server_error = request.status.is_server_error();
    let mut counted = vec![(request.outcome.metric(), true), (Some("ServerError"), is_server_error)];
    counted.extend([(Some("Equivocation"), *equivocation), (Some("KeyThrottled"), *key_throttled)]);
    counted.extend([(Some("LogFrozen"), *log_frozen), (Some("FromMirror"), *from_mirror)]);
    counted.retain(|(_, is_so)| *is_so);
    if request.outcome != Outcome::Other {
        // A metric without any value in a period has no share. These are 0 then.
        let shares = Outcome::SHARES.into_iter().filter(|outcome| *outcome != request.outcome);
        counted.extend(shares.map(|outcome| (outcome.metric(), false)));
        counted.extend((!is_server_error).then_some((Some("ServerError"), false)));
    }
    let counted = counted.into_iter().filter_map(|(name, is_so)| Some((name?, "Count", f64::from(u8::from(is_so)))));
    let mut metrics: Vec<_> = counted.collect();
    metrics.push(("RequestMillis", "Milliseconds", millis(*took)));
    let waited = Dependency::ALL.into_iter().zip(waited).filter(|(_, waited)| !waited.is_zero());
    metrics.extend(waited.map(|(dependency, waited)| (dependency.metric(), "Milliseconds", millis(*waited))));
    let mut line = line(function, &metrics);
    line.insert("method".to_owned(), json!(request.shown_method()));
    line.insert("path".to_owned(), json!(request.shown_path()));
    line.insert("site".to_owned(), json!(request.site));
    line.insert("api_request_id".to_owned(), json!(request.api_request_id.map(shown_id)));
    line.insert("lambda_request_id".to_owned(), json!(request.lambda_request_id.map(shown_id)));
    line.insert("status".to_owned(), json!(request.status.as_u16()));
    line.insert("outcome".to_owned(), json!(format!("{:?}", request.outcome)));
    line.insert("tag".to_owned(), json!(request.tag));
    line.insert("digest".to_owned(), json!(request.digest));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function() -> Function {
        Function { name: "tlogistry-1".to_owned(), version: "7".to_owned() }
    }

    /// The alarms and the dashboard are held to the same list.
    #[test]
    fn the_metrics_are_those_that_the_deployment_knows() {
        #[derive(serde::Deserialize)]
        struct Metric {
            name: String,
            unit: String,
        }
        let known: Vec<Metric> = serde_json::from_str(include_str!("../infra/metrics.json")).unwrap();
        let of_unit = |unit: &str| {
            let names = known.iter().filter(|metric| metric.unit == unit).map(|metric| metric.name.as_str());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let outcomes = [
            Outcome::FirstSeen,
            Outcome::Unchanged,
            Outcome::Moved,
            Outcome::Pinned,
            Outcome::Unavailable,
            Outcome::LogFailed,
            Outcome::Throttled,
            Outcome::UpstreamError,
            Outcome::Other,
        ];
        let others = ["ServerError", "Equivocation", "KeyThrottled", "LogFrozen", "FromMirror", "NewlyMoved"];
        let counts = outcomes.into_iter().filter_map(Outcome::metric).chain(others);
        assert_eq!(counts.collect::<std::collections::BTreeSet<_>>(), of_unit("Count"));
        let times = Dependency::ALL.into_iter().map(Dependency::metric).chain(["RequestMillis"]);
        assert_eq!(times.collect::<std::collections::BTreeSet<_>>(), of_unit("Milliseconds"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_counts_while_it_is_waited_for_whether_or_not_it_ends() {
        let spent = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
        let work = async {
            // A recording that goes on when its client has been answered.
            let endless = timed(Dependency::Log, std::future::pending::<()>());
            tokio::spawn(part_of_request(endless));
            spent(1).await;
            let _ = tokio::time::timeout(Duration::from_secs(2), timed(Dependency::Registry, spent(9))).await;
            timed(Dependency::Registry, spent(4)).await;
        };
        let ((), measured) = measured(work).await;
        let seconds = measured.waited.map(|waited| waited.as_secs());
        assert_eq!((seconds, measured.took.as_secs()), ([6, 0, 7, 0], 7), "registry, ledger, log, key");
    }

    #[tokio::test]
    async fn a_line_holds_the_metrics_of_its_request_and_no_others() {
        let work = async {
            timed(Dependency::Log, tokio::time::sleep(Duration::from_millis(20))).await;
            let spawned = part_of_request(async { timed(Dependency::Key, std::future::ready(())).await });
            tokio::spawn(spawned).await.unwrap();
            equivocation();
            key_throttled();
            log_frozen();
            from_mirror();
        };
        let (_, mut measured) = measured(work).await;
        measured.took = Duration::from_micros(1234);
        let request = RequestSummary {
            method: "GET",
            path: "/v2/a/b/manifests/c",
            site: Some("192.0.2.0/24".to_owned()),
            api_request_id: Some("JKJaXmPLvHcESHA="),
            lambda_request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            status: StatusCode::FORBIDDEN,
            outcome: Outcome::Moved,
            tag: Some("index.docker.io/a/b:c"),
            digest: None,
        };
        let line = embedded(&function(), &request, &measured);
        assert_eq!(line["_aws"]["CloudWatchMetrics"].as_array().unwrap().len(), 1);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("tlogistry"), &json!([["FunctionName"]]))
        );
        let names: Vec<&str> =
            directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
        assert_eq!(names[..5], ["Moved", "Equivocation", "KeyThrottled", "LogFrozen", "FromMirror"]);
        let zeros = ["FirstSeen", "Unchanged", "Pinned", "Unavailable", "LogFailed", "UpstreamError", "ServerError"];
        assert_eq!(names[5..13], [&zeros[..], &["RequestMillis"]].concat());
        assert!(zeros.iter().all(|name| line[*name] == json!(0.0)), "{line}");
        assert!(names.contains(&"LogMillis") && !names.contains(&"RegistryMillis"));
        assert!(names.iter().all(|name| line[name].is_number()), "{line}");
        assert_eq!((&line["Moved"], &line["RequestMillis"]), (&json!(1.0), &json!(1.23)));
        assert!(line["LogMillis"].as_f64().unwrap() >= 20.0);
        assert_eq!((&line["FunctionName"], &line["status"]), (&json!("tlogistry-1"), &json!(403)));
        assert_eq!((&line["version"], &line["commit"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(COMMIT)));
        assert_eq!(line["site"], "192.0.2.0/24");
        let ids = (&line["api_request_id"], &line["lambda_request_id"]);
        assert_eq!(ids, (&json!("JKJaXmPLvHcESHA="), &json!("8476a536-e9f4-11e8-9739-2dfe598c3fcd")));
    }

    #[test]
    fn what_takes_a_release_back_is_counted_for_its_version_alone_too() {
        let line = line(&function(), &[("Unavailable", "Count", 1.0), ("RequestMillis", "Milliseconds", 5.0)]);
        let of_version = json!({
            "Namespace": "tlogistry",
            "Dimensions": [["FunctionName", "FunctionVersion"]],
            "Metrics": [{"Name": "Unavailable", "Unit": "Count"}],
        });
        assert_eq!(line["_aws"]["CloudWatchMetrics"][1], of_version);
        assert_eq!((&line["Unavailable"], &line["FunctionVersion"]), (&json!(1.0), &json!("7")));
        let alarm = include_str!("../infra/release.yaml");
        assert!(alarm.contains(&format!("MetricName: {TAKES_A_RELEASE_BACK}\n")), "the alarm watches another metric");
    }

    #[test]
    fn a_newly_moved_tag_has_a_line_of_its_own() {
        let moved = NewlyMoved { tag: "index.docker.io/a/b:c", recorded: "sha256:1", current: "sha256:2" };
        let line = newly_moved(&function(), &moved);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Metrics"], json!([{"Name": "NewlyMoved", "Unit": "Count"}]));
        assert_eq!((&line["NewlyMoved"], &line["FunctionName"]), (&json!(1.0), &json!("tlogistry-1")));
        assert_eq!(
            (&line["tag"], &line["recorded"], &line["current"]),
            (&json!("index.docker.io/a/b:c"), &json!("sha256:1"), &json!("sha256:2"))
        );
    }

    #[tokio::test]
    async fn a_line_holds_what_a_client_sent_without_control_characters_and_within_bounds() {
        let path = format!("/v2/\u{9b}31m\u{202e}é{}", "x".repeat(2000));
        let request = RequestSummary {
            method: &"M".repeat(2000),
            path: &path,
            site: None,
            api_request_id: Some(&format!("\u{1b}[31m{}", "i".repeat(200))),
            lambda_request_id: None,
            status: StatusCode::NOT_FOUND,
            outcome: Outcome::Other,
            tag: None,
            digest: None,
        };
        let line = embedded(&function(), &request, &measured(async {}).await.1);
        let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(names.len(), 1, "it is about no tag: {line}");
        assert_eq!(line["method"], json!("M".repeat(32)));
        assert_eq!((&line["site"], &line["lambda_request_id"]), (&Value::Null, &Value::Null));
        let id = line["api_request_id"].as_str().unwrap();
        assert_eq!(id.len(), 64);
        assert!(id.starts_with("\u{fffd}[31mi") && !id.chars().any(crate::foreign::is_unsafe), "{id}");
        let shown = line["path"].as_str().unwrap();
        assert_eq!(shown.len(), 1024);
        assert!(shown.starts_with("/v2/\u{fffd}31m\u{fffd}éxxx") && !shown.chars().any(crate::foreign::is_unsafe));
    }
}
