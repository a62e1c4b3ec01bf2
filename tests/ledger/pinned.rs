//! Pulls by the pinned name go by the plain name's row, finish it first, and leave it as it was.

use std::time::Duration;

use testing::client::Answer;
use testing::{service, tags};
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::ledger::{Lease, Row, RowState};
use tlogistry::sighting::Signer;

use crate::scene::{Scene, pull};
use crate::version::soon;

async fn pinned(instance: &Service, name: &str) -> Answer {
    service::get(instance, &format!("/v2/pinned.alt/registry.test/app/manifests/{name}")).await
}

/// A tag whose first manifest the registry still has, by digest, and that is at another now.
fn pushed_twice(scene: &Scene) -> (Digest, Digest) {
    (scene.tags.push("kept", "a"), scene.tags.push("v1", "b"))
}

/// A row that another process left pending, with this digest.
async fn left_pending(scene: &Scene, digest: &Digest, lease: Lease) {
    let statement = Signer::Local(scene.key()).sign(&tags::tag("v1"), digest, soon()).await.unwrap();
    assert!(scene.ledger().insert(&Row::pending(&statement, lease), soon()).await.unwrap());
}

/// The instance's own row is written by a first sight.
async fn claimed(scene: &Scene) {
    scene.tags.push("other", "other");
    assert!(scene.pull("other").await.first_seen);
}

#[tokio::test]
async fn a_pending_row_is_finished_with_its_digest_before_anything_is_served() {
    let scene = Scene::set().await;
    claimed(&scene).await;
    let (recorded, current) = pushed_twice(&scene);
    left_pending(&scene, &recorded, Lease(1)).await;

    let answer = pinned(&scene.instance(), "v1").await;
    assert_eq!((answer.status, Digest::sha256(&answer.bytes)), (200, recorded.clone()), "{answer:?}");
    assert_eq!((answer.header("tlog-first-seen"), answer.header("tlog-moved")), ("true", current.as_str()));
    let row = scene.ledger().get(&tags::tag("v1"), soon()).await.unwrap().unwrap();
    assert!(matches!(row.state, RowState::Recorded { .. }) && row.digest == recorded.as_str(), "{row:?}");

    let again = pinned(&scene.instance(), "v1").await;
    assert_eq!((again.find("tlog-first-seen"), again.header("tlog-uuid")), (None, answer.header("tlog-uuid")));
    let plain = scene.pull("v1").await;
    assert_eq!(plain.status, 403);
    assert!(plain.message.contains(recorded.as_str()) && plain.message.contains(current.as_str()), "{plain:?}");
}

#[tokio::test]
async fn while_another_process_records_the_tag_nothing_is_served() {
    let scene = Scene::set().await;
    claimed(&scene).await;
    let (recorded, _) = pushed_twice(&scene);
    left_pending(&scene, &recorded, Lease::starting_now(Duration::from_secs(25))).await;
    let instance = scene.instance_with(&scene.log_config, Duration::from_millis(500));
    let answer = pinned(&instance, "v1").await;
    assert_eq!((answer.status, answer.error().0.as_str()), (503, "UNAVAILABLE"), "{answer:?}");
}

#[tokio::test]
async fn the_row_is_that_of_the_plain_name_and_remembers_no_move_of_a_pinned_pull() {
    let scene = Scene::set().await;
    let recorded = scene.tags.push("kept", "a");
    scene.tags.push("v1", "a");
    let instance = scene.instance();
    let first = pinned(&instance, "v1").await;
    instance.finish().await;
    assert_eq!((first.status, first.header("tlog-first-seen")), (200, "true"));
    let row = scene.table.row(&tags::tag("v1")).await.unwrap();
    assert!(!format!("{:?}", scene.table.items().await).contains("pinned"), "no row has the prefix");

    let current = scene.tags.push("v1", "b");
    let instance = scene.instance();
    for _ in 0..2 {
        let answer = pinned(&instance, "v1").await;
        assert_eq!((answer.status, Digest::sha256(&answer.bytes)), (200, recorded.clone()));
        assert_eq!(answer.header("tlog-moved"), current.as_str());
    }
    instance.finish().await;
    assert_eq!(scene.table.row(&tags::tag("v1")).await.unwrap(), row, "nobody was refused");

    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    assert_ne!(scene.table.row(&tags::tag("v1")).await.unwrap(), row, "the plain name's refusal is remembered");
}

#[tokio::test]
async fn a_ledger_that_is_not_believed_serves_nothing() {
    let scene = Scene::set().await;
    let (recorded, current) = pushed_twice(&scene);
    scene.tags.push("v1", "a");
    assert!(scene.pull("v1").await.first_seen);
    scene.tags.push("v1", "b");
    let before = scene.instance();
    assert_eq!(pinned(&before, "v1").await.header("tlog-moved"), current.as_str());
    scene.table.delete("@instance").await;
    let answer = pinned(&scene.instance(), "v1").await;
    assert_eq!((answer.status, answer.error().0.as_str()), (503, "UNAVAILABLE"), "{answer:?}");
    let known = pinned(&before, "v1").await;
    assert_eq!((known.status, Digest::sha256(&known.bytes)), (200, recorded), "what memory has goes on");
}
