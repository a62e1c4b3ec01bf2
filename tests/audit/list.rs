//! `audit` of a list of tags.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use testing::process::{Ended, Process, cli};
use testing::tags::tag;
use tlogistry::devlog::Options;
use tlogistry::image::Digest;
use tlogistry::sighting::statement;

use crate::scene::{Scene, stranger};

/// Standard output, line by line.
fn lines(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().collect()
}

/// Records tags of the numbers up to `count`, and writes their list.
async fn crowd(scene: &Scene, count: usize) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("v{number}")).collect();
    let uploads = names.iter().map(|name| async move {
        let digest = Digest::sha256(name.as_bytes());
        scene.record(name, &digest).await;
    });
    stream::iter(uploads).buffer_unordered(4).collect::<Vec<()>>().await;
    scene.list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_with_one_digest_each_hold() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    scene.seen("v2").await;
    scene.record("v1", &digest).await;
    scene.record_by(&stranger(), "v1", &Digest::sha256(b"a stranger's")).await;
    let list = scene.file("tags");
    std::fs::write(&list, "# ours\nregistry.test/app:v1\n\n  registry.test/app:v2  \r\n").unwrap();
    let list = list.to_str().unwrap();
    let (tree, _) = scene.head().await;
    let ended = scene.run("audit", &["--tags", list]);
    let said = format!(
        "the log's tree {tree} has 4 entries; no earlier checkpoint to compare with\n2 tags checked: all hold\n"
    );
    assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), said, ""));

    let ended = scene.run("audit", &["--tags", list, "--json"]);
    let objects: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = json!({"type": "summary", "checked": 2, "complete": true, "reason": null, "issues": {}});
    assert_eq!((ended.code, objects.len(), &objects[1]), (Some(0), 2, &summary));
    let checkpoint = objects[0]["checkpoint"].as_str().unwrap();
    assert!(checkpoint.starts_with(&format!("{} - {tree}\n4\n", Options::default().hostname)), "{checkpoint}");
    let head = json!({"type": "tree", "treeId": tree, "size": 4, "from": null, "checkpoint": checkpoint});
    assert_eq!(objects[0], head);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_told_apart() {
    let scene = Scene::set().await;
    let (first, _) = scene.seen("two").await;
    let second = Digest::sha256(b"second");
    scene.record("two", &second).await;
    scene.seen("good").await;
    scene.record_by(&stranger(), "strangers", &first).await;
    let (lost, _) = scene.seen("lost").await;
    let (forged, _) = scene.seen("forged").await;
    let attestation = BASE64_STANDARD.encode(statement(&tag("lost"), &lost));
    let forged = BASE64_STANDARD.encode(statement(&tag("forged"), &forged));
    let lose = move |_: &str, response: http::Response<bytes::Bytes>| {
        response.map(|body| {
            let body =
                String::from_utf8(body.into()).unwrap().replace(&format!("{{\"data\":\"{attestation}\"}}"), "null");
            body.replace(&forged, &BASE64_STANDARD.encode("{}")).into()
        })
    };
    scene.alter(lose);
    let list = scene.list(&["two", "good", "strangers", "nothing", "lost", "forged"]);
    std::fs::write(&list, std::fs::read_to_string(&list).unwrap() + "alpine\n").unwrap();
    let ended = scene.run("audit", &["--tags", &list]);
    let app = "registry.test/app";
    let unkept = "unattested: the log has not kept the statement of the entry with log index";
    let expected = [
        format!(
            "{app}:two: contradicted: your keys signed {first} (log index 1000000) and {second} (log index 1000001)"
        ),
        format!("{app}:strangers: missing: the log lists no entry by your keys"),
        format!("{app}:nothing: missing: the log lists no entry by your keys"),
        format!("{app}:lost: {unkept} 1000004, which may name any digest"),
        format!("{app}:forged: {unkept} 1000005, which may name any digest"),
        "alpine: unchecked: 'alpine' names no tag: expected registry/repository:tag".to_owned(),
        "7 tags checked: 1 contradicted, 2 unattested, 2 missing, 1 unchecked".to_owned(),
    ];
    assert_eq!((ended.code, &lines(&ended)[1..]), (Some(1), &expected.each_ref().map(String::as_str)[..]));

    // A tag that could not be checked does not count as a fault.
    let list = scene.list(&["good", "nothing"]);
    assert_eq!(scene.run("audit", &["--tags", &list]).code, Some(2));
    let ended = scene.run("audit", &["--tags", &scene.list(&["two"]), "--json"]);
    let tag: Value = serde_json::from_str(lines(&ended)[1]).unwrap();
    let detail = format!("your keys signed {first} (log index 1000000) and {second} (log index 1000001)");
    let expected = json!({"type": "tag", "tag": format!("{app}:two"), "issue": "contradicted", "detail": detail});
    assert_eq!((ended.code, tag), (Some(1), expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_proves_something_only_if_it_verifies() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.replace("\"integratedTime\":1".to_owned(), "\"integratedTime\":2".to_owned());
    let ended = scene.run("audit", &["--tags", &scene.list(&["v1"])]);
    let said = "registry.test/app:v1: unverifiable: the entry with log index 1000000 bears your key and does not verify: \
                the signed entry timestamp does not verify";
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn some_hundred_tags_are_checked_and_the_two_faults_among_them_found() {
    let scene = Scene::set().await;
    let list = crowd(&scene, 300).await;
    scene.record("v7", &Digest::sha256(b"another")).await;
    scene.record("v299", &Digest::sha256(b"another")).await;
    let ended = scene.run("audit", &["--tags", &list]);
    assert_eq!((ended.code, lines(&ended).len()), (Some(1), 4), "{ended:?}");
    assert!(lines(&ended)[1].starts_with("registry.test/app:v7: contradicted: "), "{ended:?}");
    assert!(lines(&ended)[2].starts_with("registry.test/app:v299: contradicted: "), "{ended:?}");
    assert_eq!(lines(&ended)[3], "300 tags checked: 2 contradicted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_is_stopped_goes_on_where_it_was() {
    let scene = Scene::set().await;
    let list = crowd(&scene, 60).await;
    scene.record("v0", &Digest::sha256(b"another")).await;
    let (searches, resumed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, quick) = (searches.clone(), resumed.clone());
    scene.alter(move |path, response| {
        if path.ends_with("/index/retrieve") {
            // Slow enough that a busy machine has the time to stop it before the end.
            let slow =
                if counted.fetch_add(1, Ordering::Relaxed) < 10 || quick.load(Ordering::Relaxed) { 10 } else { 300 };
            std::thread::sleep(Duration::from_millis(slow));
        }
        response
    });
    let state = scene.file("state.json");
    let arguments = ["--tags", &list, "--state", state.to_str().unwrap(), "--concurrency", "2"];
    let running = scene.start("audit", &arguments, &[]);
    running.wait_for(|line| line.starts_with("registry.test/app:v0: contradicted: ").then_some(()));
    while searches.load(Ordering::Relaxed) < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.ask_to_stop();
    let stopped = running.finish();
    resumed.store(true, Ordering::Relaxed);
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    let last = *lines(&stopped).last().unwrap();
    let (done, rest) = last.strip_prefix("Stopped after ").unwrap().split_once(' ').unwrap();
    assert_eq!(rest, "tags: 1 contradicted; run it again with the same --state to go on");
    let done: usize = done.parse().unwrap();
    assert!((5..60).contains(&done), "{last}");

    // Another list is not the one that the position is in.
    let another = scene.file("another");
    std::fs::write(&another, "alpine:3\n").unwrap();
    let refused = scene.run("audit", &["--tags", another.to_str().unwrap(), "--state", state.to_str().unwrap()]);
    let said = format!(
        "tlogistry-cli: an audit of the list {list} was stopped; give --from-start to begin one of the list {}\n",
        another.display()
    );
    assert_eq!((refused.code, refused.stderr), (Some(2), said));

    // Earlier findings count. Checked tags are not checked again, except those that were under way.
    let ended = scene.run("audit", &arguments);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(lines(&ended)[1..], ["60 tags checked: 1 contradicted"]);
    let searched = searches.load(Ordering::Relaxed);
    assert!((60..=62 + 2).contains(&searched), "{searched} searches, {done} tags done when it was stopped");

    // The next one begins at the start.
    let ended = scene.run("audit", &arguments);
    assert!(lines(&ended)[1].starts_with("registry.test/app:v0: contradicted: "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_ends_where_the_log_fails_and_goes_on_once_it_is_back() {
    let scene = Scene::set().await;
    let list = crowd(&scene, 20).await;
    let searches = AtomicUsize::new(0);
    scene.alter(move |path, response| {
        if path.ends_with("/index/retrieve") && searches.fetch_add(1, Ordering::Relaxed) >= 12 {
            return http::Response::builder().status(503).body("down".into()).unwrap();
        }
        response
    });
    let state = scene.file("state.json");
    let arguments = ["--tags", &list, "--state", state.to_str().unwrap(), "--concurrency", "1"];
    let ended = scene.run("audit", &arguments);
    let names = std::fs::read_to_string(&list).unwrap();
    let said = format!(
        "Broken off after 12 tags (all hold), because {} could not be checked: the log answered 503 Service Unavailable; \
         run it again with the same --state to go on",
        names.lines().nth(12).unwrap()
    );
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said.as_str()));
    scene.alter(|_, response| response);

    // The list may grow, but what was checked stays.
    std::fs::write(&list, format!("alpine:3\n{names}")).unwrap();
    let ended = scene.run("audit", &arguments);
    let said = "Broken off after 12 tags (all hold), because the list is not the one in which the audit stopped: its tag \
                number 12 is registry.test/app:v10, not registry.test/app:v11; give --from-start to start over; run it \
                again with the same --state to go on";
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said));
    let shorter: String = names.split_inclusive('\n').take(11).collect();
    std::fs::write(&list, shorter).unwrap();
    let ended = scene.run("audit", &arguments);
    let said = "Broken off after 12 tags (all hold), because the list is not the one in which the audit stopped: it ends \
                with tag number 11, and 12 were done; give --from-start to start over; run it again with the same --state \
                to go on";
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said));
    std::fs::write(&list, names).unwrap();
    let ended = scene.run("audit", &arguments);
    assert_eq!((ended.code, lines(&ended)[1]), (Some(0), "20 tags checked: all hold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_said_at_once() {
    let scene = Scene::set().await;
    let missing = scene.file("missing").to_str().unwrap().to_owned();
    let ended = scene.run("audit", &["--tags", &missing]);
    let said = format!("Nothing was checked, because {missing}: No such file or directory (os error 2)");
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said.as_str()));
    let ended = scene.run("audit", &["--tags", &scene.list(&[])]);
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), "Nothing was checked: there was no tag"));
    let list = scene.list(&[&"v".repeat(1100)]);
    let ended = scene.run("audit", &["--tags", &list]);
    let said = format!("Nothing was checked, because {list}: a line has more than 1024 bytes");
    assert_eq!((ended.code, lines(&ended)[1]), (Some(2), said.as_str()));
    assert_eq!(scene.run("audit", &[]).code, Some(2), "neither a list nor a ledger");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_taken_from_standard_input() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let list = scene.list(&["v1", "v2"]);
    // The tests' processes have no standard input, so that a shell gives it one.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" < "$LIST""#]).arg(env!("CARGO_BIN_EXE_tlogistry-cli")).env("LIST", list);
    shell.args(["audit", "--tags", "-", "--rekor", &scene.url, "--rekor-key"]).arg(scene.file("log.pub.pem"));
    let ended = Process::start(shell.arg("--key").arg(scene.file("key.pub.pem"))).finish();
    assert_eq!((ended.code, lines(&ended)[2]), (Some(2), "2 tags checked: 1 missing"), "{ended:?}");
}

#[test]
fn help_names_all_that_can_be_found() {
    let ended = Process::start(cli().args(["audit", "--help"])).finish();
    assert_eq!(ended.code, Some(0));
    for name in [
        "contradicted",
        "ledger-differs",
        "ledger-lacks",
        "log-lacks",
        "invalid-row",
        "unfindable",
        "unverifiable",
        "unattested",
        "missing",
        "unchecked",
        "pending",
        "repaired",
    ] {
        assert!(ended.stdout.contains(&format!("\n  {name} ")), "{name} is missing from {}", ended.stdout);
    }
}
