//! The list of sightings of a Rekor v2, which has nothing of a statement but its hash, and beside an earlier Rekor v1.

use serde_json::Value;
use testing::faulty::log::{Call, Log};
use testing::faulty::timestamp_authority::StandInAuthority;
use testing::service;
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::tlog::LogKeys;

use crate::scene::{Scene, assert_first_seen, pull, tag};

/// A Rekor v1 counts over all its shards, and the stand-in's is not the first.
const FIRST_OF_V1: u64 = 1_000_000;

fn id(log: &LogConfig) -> String {
    hex::encode(log.keys.iter().next().unwrap().id())
}

async fn list(instance: &Service, query: &str) -> Vec<Value> {
    let answer = service::get(instance, &format!("/sightings/?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    std::str::from_utf8(&answer.bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn places(lines: &[Value]) -> Vec<(String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    lines.iter().map(|line| (text(line, "tag"), text(line, "logIndex"))).collect()
}

#[tokio::test]
async fn each_log_has_its_own_list() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    for name in ["old-1", "old-2"] {
        let digest = scene.tags.push(name, name);
        assert_first_seen(&pull(&scene.instance_with(old.config()), name).await, &digest);
    }
    let keys = scene.log.config().keys.iter().chain(old.config().keys.iter()).cloned().collect();
    let both = LogConfig { keys: LogKeys::new(keys).unwrap(), earlier: vec![old.config().url], ..scene.log.config() };
    let instance = scene.instance_with(both);
    for name in ["new-1", "new-2"] {
        let digest = scene.tags.push(name, name);
        assert_first_seen(&pull(&instance, name).await, &digest);
    }
    let named = |names: [&str; 2], first: u64| {
        let places = names.into_iter().zip(first..);
        places.map(|(name, index)| (tag(name).to_string(), index.to_string())).collect::<Vec<_>>()
    };
    let (written, earlier) = (id(&scene.log.config()), id(&old.config()));
    for (query, log, expected) in [
        ("from=0".to_owned(), &written, named(["new-1", "new-2"], 0)),
        (format!("log={written}"), &written, named(["new-1", "new-2"], 0)),
        (format!("log={earlier}"), &earlier, named(["old-1", "old-2"], FIRST_OF_V1)),
    ] {
        let lines = list(&instance, &query).await;
        assert_eq!(places(&lines), expected, "{query}");
        assert!(lines.iter().all(|line| line["logId"] == **log));
        // A Rekor v1 signs a time, and nobody did for the v2.
        assert!(lines.iter().all(|line| line.get("time").is_some() == (log == &earlier)), "{lines:?}");
    }
}

#[tokio::test]
async fn a_time_that_an_authority_signed_is_listed() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    let log = scene.log.config();
    let stamped =
        LogConfig { keys: log.keys.with_authorities(authority.authorities()), authority: Some(authority.url()), ..log };
    let instance = scene.instance_with(stamped);
    let digest = scene.tags.push("v1", "one");
    let answer = pull(&instance, "v1").await;
    assert_first_seen(&answer, &digest);
    assert_eq!(list(&instance, "from=0").await[0]["time"], answer.header("tlog-integratedtime"));
}

#[tokio::test]
async fn an_entry_whose_upload_was_not_confirmed_is_explained_by_its_pending_row_and_then_listed() {
    let scene = Scene::set().await;
    scene.claim().await;
    let digest = scene.tags.push("v1", "one");
    let other = scene.tags.push("v2", "two");
    // The log takes the statement, and what it answers does not verify.
    scene.log.edits(Call::Upload, |entry| entry["logIndex"] = serde_json::json!("7"));
    let instance = scene.instance();
    assert_eq!(pull(&instance, "v1").await.status, 503);
    scene.log.heals();
    assert_eq!(scene.log.size().await, 2, "the entry is there");
    assert_first_seen(&pull(&instance, "v2").await, &other);
    let listed = |lines: &[Value]| places(lines).into_iter().map(|(_, index)| index).collect::<Vec<_>>();
    assert_eq!(listed(&list(&instance, "from=0").await), ["0", "2"], "the row is not complete");

    // Whoever reads the log has the entry's hash, and where it stands.
    let statement = tlogistry::sighting::statement(&tag("v1"), &digest);
    let signed = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(tlogistry::dsse::pae(tlogistry::dsse::IN_TOTO, &statement)))
    };
    let question = format!("signed={signed}&at={}:1", id(&scene.log.config()));
    let [pending] = &list(&instance, &question).await[..] else { panic!("one line") };
    assert_eq!((&pending["pending"], &pending["tag"]), (&Value::Bool(true), &Value::from(tag("v1").canonical())));
    assert_eq!(pending.get("logIndex"), None);

    assert_first_seen(&pull(&instance, "v1").await, &digest);
    let lines = list(&instance, "from=0").await;
    assert_eq!(listed(&lines), ["0", "1", "2"]);
    assert_eq!(list(&instance, &question).await, [lines[1].clone()]);
}
