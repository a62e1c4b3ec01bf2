//! Runs that do not come to the end, and runs at once.

use std::sync::Arc;

use testing::faulty::log::{Call, Fault};
use tokio::sync::Semaphore;

use crate::scene::{Scene, finished};

const DOWN: Fault = Fault::Answer(503, Vec::new(), "down");

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_down_is_no_finding_and_no_run_that_finished() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    let before = (scene.aws.state().await, scene.aws.versions().await);

    scene.log.is_down(DOWN);
    let ran = scene.run(&auditor);
    ran.assert("unfinished", 0);
    assert!(ran.answer["reason"].as_str().unwrap().starts_with("the log answered 503"), "{ran:?}");
    assert_eq!((scene.aws.state().await, scene.aws.versions().await), before, "nothing is written");

    scene.log.heals();
    scene.run(&auditor).assert("complete", 1);
    assert_eq!(scene.told().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_log_breaks_off_is_gone_on_with() {
    let scene = Scene::set().await;
    for number in 0..6 {
        scene.seen(&format!("v{number}")).await;
    }
    let auditor = scene.auditor().await;
    // The heads are answered, and no search is.
    scene.log.fails(Call::Search, DOWN);
    let ran = scene.run(&auditor);
    ran.assert("unfinished", 0);
    let reason = ran.answer["reason"].as_str().unwrap();
    assert!(reason.starts_with("registry.test/app:v"), "it names the tag: {reason}");
    assert!(reason.ends_with(" could not be checked: the log answered 503 Service Unavailable"), "{reason}");
    scene.log.heals();
    scene.run(&auditor).assert("complete", 6);
    assert_eq!(scene.told().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_short_is_gone_on_with_where_it_stopped() {
    let scene = Scene::set().await;
    for number in 0..12 {
        scene.seen(&format!("v{number}")).await;
    }
    scene.seen_elsewhere("v7", "second").await;
    scene.log.asked();
    // The log answers eight searches, and holds back the rest until the time of the run is up.
    scene.log.fails(Call::Search, Fault::Gate(Arc::new(Semaphore::new(8))));
    let hasty = scene.auditor_with(&[("AUDIT_SECONDS", "15")]).await;
    let ran = scene.run(&hasty);
    let done = ran.answer["checked"].as_u64().unwrap();
    ran.assert("cut-short", done);
    assert!((1..=8).contains(&done), "{ran:?}");
    let position = scene.state().await["position"].clone();
    assert_eq!(
        (&position["done"], &position["source"]),
        (&done.into(), &format!("the ledger {}", scene.table.name).into())
    );

    scene.log.heals();
    scene.searches();
    scene.run(&hasty).assert("complete", 12);
    assert_eq!(scene.searches() as u64, 12 - done, "no tag is checked twice");
    assert_eq!(scene.state().await["position"], serde_json::Value::Null);
    let told = scene.told().await;
    assert!(told.len() == 1 && told[0].message.contains("app:v7: contradicted"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_gets_nowhere_has_not_finished() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.log.fails(Call::Search, Fault::Gate(Arc::new(Semaphore::new(0))));
    let ran = scene.run(&scene.auditor_with(&[("AUDIT_SECONDS", "5")]).await);
    ran.assert("unfinished", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audit_begins_before_it_is_due() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let auditor = scene.auditor_with(&[("AUDIT_INTERVAL_HOURS", "1")]).await;
    scene.run(&auditor).assert("complete", 1);
    scene.searches();
    scene.seen("v2").await;
    // The log's growth is checked all the same.
    scene.run(&auditor).assert("not-due", 0);
    assert_eq!(scene.searches(), 0);
    let head = scene.state().await["checkpoints"][0].as_str().unwrap().to_owned();
    assert_eq!(head.lines().nth(1), Some("2"), "{head}");
}

/// The slower run loses its work and nothing else, whether or not there was a state before.
#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_are_harmless() {
    let scene = Scene::set().await;
    for name in ["v1", "v2", "v3"] {
        scene.seen(name).await;
    }
    scene.seen_elsewhere("v2", "second").await;
    let (slow, fast) = (scene.auditor().await, scene.auditor().await);
    for versions in [1, 2] {
        let gate = Arc::new(Semaphore::new(0));
        scene.log.fails_once(Call::Search, Fault::Gate(gate.clone()));
        let held = scene.log.next(Call::Search);
        let running = scene.start_run(&slow);
        held.await;
        scene.run(&fast).assert("complete", 3);
        let kept = scene.aws.state().await;
        gate.add_permits(1);
        finished(running.finish()).assert("overtaken", 3);
        assert_eq!((scene.aws.state().await, scene.aws.versions().await), (kept, versions));
    }
    // Each of the first two has told it, before either could know of the other.
    let told = scene.told().await;
    assert!(told.len() == 2 && told.iter().all(|told| told.message.contains("app:v2: contradicted")), "{told:?}");
}

/// A list that has changed is another one: a position in the old one means nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_list_that_changes_starts_over() {
    let scene = Scene::set().await;
    let names = ["v1", "v2", "v3", "v4", "v5", "v6"];
    let list = |names: &[&str]| names.iter().map(|name| format!("registry.test/app:{name}\n")).collect::<String>();
    for name in names {
        scene.seen(name).await;
    }
    scene.aws.put("tags.txt", list(&names).as_bytes()).await;
    scene.log.fails(Call::Search, Fault::Gate(Arc::new(Semaphore::new(4))));
    let hasty = scene.auditor_with(&[("LEDGER_TABLE", ""), ("AUDIT_SECONDS", "15")]).await;
    let ran = scene.run(&hasty);
    ran.assert("cut-short", ran.answer["checked"].as_u64().unwrap());
    scene.log.heals();
    scene.aws.put("tags.txt", list(&names[1..]).as_bytes()).await;
    scene.searches();
    scene.run(&hasty).assert("complete", 5);
    assert_eq!(scene.searches(), 5);
    // Fewer tags in a list is the user's will.
    assert_eq!(scene.told().await, []);
}
