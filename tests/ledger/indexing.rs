//! The index of attestations is written while a new tag's row is completed. Either may fail, be slow or lose its answer: nothing
//! is served before the row is complete, and whatever the index lacks then comes with the next pull.

use std::time::Duration;

use futures_util::FutureExt as _;
use testing::clock::Slow;
use testing::registry;
use testing::service;
use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::ledger::{Lease, Row};
use tlogistry::sighting::Signer;

use crate::between::Calls;
use crate::scene::{Scene, pull};

/// The part of a key by which the index's rows are told from tags'.
const INDEX: &str = "registry.test/app@sha256:";

/// A process whose calls to the ledger pass `calls`, and whose instance's own row is there.
struct Started {
    instance: Service,
    calls: Calls,
    scene: Scene,
    /// The index has two seconds, which is little for another process on a busy machine.
    _slow: Slow,
}

async fn started() -> Started {
    let scene = Scene::set().await;
    let calls = Calls::to(scene.table.endpoint).await;
    let slow = Slow::down();
    let mut version = scene.version("a", &[]);
    version.ledger = calls.ledger(&scene.table);
    let instance = version.start();
    scene.tags.push("v0", "v0");
    assert_eq!(pull(&instance, "v0").await.status, 200);
    instance.finish().await;
    calls.all();
    Started { instance, calls, scene, _slow: slow }
}

/// The image's attestations, as another process shows them.
async fn attestations(scene: &Scene, text: &str) -> usize {
    let digest = Digest::sha256(&registry::image(text));
    let path = format!("/v2/registry.test/app/referrers/{digest}");
    let list = service::get(&scene.version("a", &[]).start(), &path).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let list: serde_json::Value = serde_json::from_slice(&list.bytes).unwrap();
    list["manifests"].as_array().unwrap().len()
}

async fn is_marked(scene: &Scene, name: &str) -> bool {
    scene.table.row(&tag(name)).await.unwrap().contains_key("indexed")
}

/// Another process serves the tag, and ends its work.
async fn is_served_by_the_next(scene: &Scene, name: &str) {
    let next = scene.version("a", &[]).start();
    let answer = pull(&next, name).await;
    assert_eq!((answer.status, answer.first_seen), (200, false), "{}", answer.message);
    next.finish().await;
}

#[tokio::test]
async fn a_recording_that_was_finished_for_another_process_is_in_the_index_then() {
    let scene = Scene::set().await;
    let (_, digest) = (scene.tags.push("v0", "v0"), scene.tags.push("v1", "v1"));
    assert!(pull(&scene.version("a", &[]).start(), "v0").await.first_seen);
    let soon = Deadline::after(Duration::from_secs(60));
    let statement = Signer::Local(scene.key_named("a")).sign(&tag("v1"), &digest, soon).await.unwrap();
    assert!(scene.ledger().insert(&Row::pending(&statement, Lease(0)), soon).await.unwrap());
    let instance = scene.version("a", &[]).start();
    assert_eq!(pull(&instance, "v1").await.status, 200);
    instance.finish().await;
    assert!(is_marked(&scene, "v1").await);
    assert_eq!(attestations(&scene, "v1").await, 1);
}

#[tokio::test]
async fn an_index_that_refuses_stops_no_first_sight_and_the_next_process_writes_it() {
    let Started { scene, calls, instance, _slow } = started().await;
    scene.tags.push("v1", "v1");
    calls.refuse_key(Some(INDEX));
    let answer = pull(&instance, "v1").await;
    instance.finish().await;
    assert!(answer.first_seen, "{}", answer.message);
    let of_tag = ["GetItem", "PutItem", "UpdateItem"].map(|operation| format!("{operation} {}", tag("v1")));
    let all = calls.all();
    let of_tag_alone: Vec<&String> = all.iter().filter(|call| !call.contains(INDEX)).collect();
    assert_eq!(of_tag_alone, of_tag.each_ref(), "it is not marked");
    assert_eq!(attestations(&scene, "v1").await, 0);
    is_served_by_the_next(&scene, "v1").await;
    assert!(is_marked(&scene, "v1").await);
    assert_eq!(attestations(&scene, "v1").await, 1);
}

#[tokio::test]
async fn a_row_of_the_index_whose_answer_is_lost_is_written_again() {
    let Started { scene, calls, instance, _slow } = started().await;
    let digest = scene.tags.push("v1", "v1");
    calls.lose_answer("UpdateItem", &format!("registry.test/app@{digest}"));
    assert!(pull(&instance, "v1").await.first_seen);
    instance.finish().await;
    assert_eq!((is_marked(&scene, "v1").await, attestations(&scene, "v1").await), (true, 1));
}

/// The row is complete, so the tag is served once the index's own time is over.
#[tokio::test]
async fn an_index_that_hangs_costs_its_own_time_alone() {
    let Started { scene, calls, instance, _slow } = started().await;
    let digest = scene.tags.push("v1", "v1");
    let _gate = calls.hold("UpdateItem", &format!("registry.test/app@{digest}"));
    let answer = pull(&instance, "v1").await;
    assert!(answer.first_seen, "{}", answer.message);
    instance.finish().await;
    assert!(!is_marked(&scene, "v1").await);
    is_served_by_the_next(&scene, "v1").await;
    assert!(is_marked(&scene, "v1").await);
}

#[tokio::test]
async fn nothing_is_served_before_the_row_is_complete_though_the_index_is_written() {
    let Started { scene, calls, instance, _slow } = started().await;
    scene.tags.push("v1", "v1");
    let gate = calls.hold("UpdateItem", tag("v1").canonical());
    let mut pulled = Box::pin(pull(&instance, "v1"));
    let mut written = 0;
    while written < 3 {
        assert!((&mut pulled).now_or_never().is_none(), "the row is not complete");
        written += calls.all().iter().filter(|call| call.starts_with(&format!("UpdateItem {INDEX}"))).count();
        tokio::task::yield_now().await;
    }
    assert_eq!(attestations(&scene, "v1").await, 0, "the index leads to a row that is pending");
    assert!((&mut pulled).now_or_never().is_none(), "the row is not complete");
    gate.notify_one();
    let finished = async {
        let answer = pulled.await;
        // The mark is held too.
        gate.notify_one();
        instance.finish().await;
        answer
    };
    assert!(finished.await.first_seen);
    assert_eq!((is_marked(&scene, "v1").await, attestations(&scene, "v1").await), (true, 1));
}

/// A tag's row that cannot be completed is finished by the next pull. The index leads to it meanwhile and shows nothing.
#[tokio::test]
async fn a_completion_that_is_refused_serves_nothing_and_its_index_shows_nothing() {
    let Started { scene, calls, instance, _slow } = started().await;
    scene.tags.push("v1", "v1");
    calls.refuse_key(Some(&format!("UpdateItem {}", tag("v1"))));
    let refused = pull(&instance, "v1").await;
    assert_eq!(refused.status, 503, "{}", refused.message);
    instance.finish().await;
    assert_eq!(attestations(&scene, "v1").await, 0);
    let row = scene.table.row(&tag("v1")).await.unwrap();
    assert_eq!(row["state"].as_s().unwrap(), "pending");
    calls.refuse_key(None);
}
