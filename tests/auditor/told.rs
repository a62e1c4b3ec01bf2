//! The messages to people.

use serde_json::Value;
use testing::devlog_folder;
use testing::kms::Kms;

use crate::scene::Scene;

/// The only message.
#[track_caller]
fn the_one<T: std::fmt::Debug>(mut told: Vec<T>) -> T {
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

/// With a key in KMS, as it is deployed.
#[tokio::test(flavor = "multi_thread")]
async fn of_an_honest_ledger_nobody_is_told() {
    let kms = Kms::start();
    let scene = Scene::signed_by(kms.signer()).await;
    for name in ["v1", "v2", "v3"] {
        scene.seen(name).await;
    }
    let key = kms.environment();
    let key: Vec<(&str, &str)> = key.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let auditor = scene.auditor_with(&[&key[..], &[("TRUSTED_KEYS", "")]].concat()).await;
    for _ in 0..2 {
        let ran = scene.run(&auditor);
        ran.assert("complete", 3);
        assert_eq!((&ran.answer["issues"], &ran.answer["complete"]), (&serde_json::json!({}), &true.into()));
    }
    assert_eq!(scene.state().await["checkpoints"].as_array().unwrap().len(), 1);
    let told = the_one(scene.aws.told().await);
    assert_eq!(
        (told.topic.as_str(), told.subject.as_str()),
        ("notice", "tlogistry-auditor: the audit noticed 1 thing")
    );
    assert!(told.message.contains("there is no state in the bucket audit: this is the first audit"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_log_contradicts_pages_once() {
    let scene = Scene::set().await;
    scene.seen("good").await;
    let recorded = scene.seen_elsewhere("v1", "recorded").await;
    let in_row = scene.pending("v1", "in the row").await;
    let auditor = scene.auditor().await;
    for _ in 0..2 {
        let ran = scene.run(&auditor);
        ran.assert("complete", 2);
        assert_eq!(ran.answer["issues"]["ledger-differs"], 1, "{ran:?}");
    }
    let told = the_one(scene.told().await);
    assert_eq!((told.topic.as_str(), told.subject.as_str()), ("page", "tlogistry-auditor: the audit found 1 fault"));
    let text = format!(
        "The audit of the ledger {} against the log {} found:\n\n- registry.test/app:v1: ledger-differs: the ledger's row \
         says {in_row}, and the log {recorded} (log index ",
        scene.table.name,
        scene.log.config().url
    );
    assert!(told.message.starts_with(&text), "{}", told.message);
    // The line of the function's log is the command line's.
    let line: Value = auditor
        .wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["issue"] == "ledger-differs"));
    assert_eq!((&line["type"], &line["tag"]), (&"tag".into(), &"registry.test/app:v1".into()), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_digest_in_the_log_pages() {
    let scene = Scene::set().await;
    let first = scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    assert_eq!(scene.told().await, []);

    let second = scene.seen_elsewhere("v1", "second").await;
    let ran = scene.run(&auditor);
    ran.assert("complete", 1);
    assert_eq!(ran.answer["issues"]["contradicted"], 1, "{ran:?}");
    let told = the_one(scene.told().await);
    let text = format!("- registry.test/app:v1: contradicted: your keys signed {first} (log index ");
    assert!(told.topic == "page" && told.message.contains(&text), "{told:?}");
    assert!(told.message.contains(second.as_str()), "{told:?}");
}

/// A page is for what cannot wait.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_a_notice() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.aws.put("tags.txt", b"# two tags\nregistry.test/app:v1\nregistry.test/app:nobody-saw\n\n").await;
    let auditor = scene.auditor_with(&[("LEDGER_TABLE", "")]).await;
    let ran = scene.run(&auditor);
    ran.assert("complete", 2);
    assert_eq!(ran.answer["issues"], serde_json::json!({"missing": 1}), "{ran:?}");
    let told = the_one(scene.aws.told().await);
    assert_eq!(
        (told.topic.as_str(), told.subject.as_str()),
        ("notice", "tlogistry-auditor: the audit noticed 2 things")
    );
    let text = "- registry.test/app:nobody-saw: missing: the log lists no entry by your keys\n";
    assert!(told.message.contains(text), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_page() {
    let scene = Scene::set().await;
    for name in ["v1", "v2", "v3"] {
        scene.seen(name).await;
    }
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 3);
    scene.table.delete("registry.test/app:v2").await;
    for _ in 0..2 {
        scene.run(&auditor).assert("complete", 2);
    }
    let told = the_one(scene.told().await);
    let text = "- the ledger has 2 tags, and it had 3 when it was audited before\n";
    assert!(told.topic == "page" && told.message.contains(text), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_contradicts_itself_pages_once_and_no_run_finishes_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let [original, fork] = ["original", "fork"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(devlog_folder::open(&original).await).await;
    scene.seen("v1").await;
    devlog_folder::copy(&original, &fork);
    scene.seen("v2").await;
    scene.run(&scene.auditor().await).assert("complete", 2);

    // The same key and tree, and another second entry.
    let forked = testing::faulty::log::Log::of(devlog_folder::open(&fork).await).await;
    forked.record(&scene.signer, &scene.tag("v3"), &tlogistry::image::Digest::sha256(b"v3")).await;
    let before = scene.state().await["checkpoints"].clone();
    let auditor = scene.auditor_with(&[("REKOR_URL", forked.config().url.as_str())]).await;
    for size in 2..=3 {
        let ran = scene.run(&auditor);
        ran.assert("unfinished", 0);
        let reason = ran.answer["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("the one with {size} entries")), "{reason}");
        forked.record(&scene.signer, &scene.tag("v3"), &tlogistry::image::Digest::sha256(b"v3")).await;
        assert_eq!(scene.state().await["checkpoints"], before, "the evidence is kept");
    }
    let told = the_one(scene.told().await);
    assert_eq!(told.topic, "page", "{told:?}");
    assert!(told.message.contains("- the log contradicts itself: the log signed two histories of tree "), "{told:?}");
    let note = before[0].as_str().unwrap();
    assert!(told.message.contains(&format!("What it signed before:\n\n{note}")), "{told:?}");
    assert!(told.message.contains("And now:\n\n"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_told_is_told_by_the_next_run() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.seen_elsewhere("v1", "second").await;
    let mute = scene.auditor_with(&[("PAGE_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:gone")]).await;
    for _ in 0..2 {
        let error = scene.fails(&mute);
        assert!(error.contains("the findings cannot be told to arn:aws:sns:us-east-1:123456789012:gone: "), "{error}");
    }
    assert_eq!(scene.told().await, []);
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    assert!(the_one(scene.told().await).message.contains("contradicted"));
}
