//! The end of the log: each run counts the days until no log of the signing config can be written any more.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::scene::Scene;

/// A signing config whose only log is the scene's, writable until `end`.
fn signing_config(scene: &Scene, end: i64) -> String {
    let end = DateTime::from_timestamp(end, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
    let valid_for = json!({"start": "2020-01-01T00:00:00Z", "end": end});
    let log = json!({
        "url": scene.log.config().url.as_str(), "majorApiVersion": 1, "validFor": valid_for, "operator": "test",
    });
    json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "rekorTlogUrls": [log],
        "rekorTlogConfig": {"selector": "ANY"},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_counts_the_days_to_the_logs_end_and_goes_on_after_it() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    const DAY: i64 = 24 * 3600;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    for (end, days) in [(now + 20 * DAY, 19.5..=20.0), (now - 2 * DAY, -3.0..=-2.0)] {
        let config = signing_config(&scene, end);
        // The log's entries are audited after its end too.
        let auditor = scene.auditor_with(&[("REKOR_URL", ""), ("SIGNING_CONFIG", &config)]).await;
        scene.run(&auditor).assert("complete", 1);
        let line = auditor.wait_for(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["type"] == "log-end").then_some(line)
        });
        assert!(days.contains(&line["LogDaysLeft"].as_f64().unwrap()), "{line}");
        let metric = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&metric["Namespace"], &metric["Metrics"][0]["Name"]), (&json!("tlogistry"), &json!("LogDaysLeft")));
        assert!(line["FunctionName"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_signing_config_no_end_is_known_and_none_is_counted() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    assert_eq!(auditor.process().count(|line| line.contains("LogDaysLeft")), 0);
}
