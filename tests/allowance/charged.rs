//! Charges: a search of the log, together with the first sight that may follow, and nothing else.

use std::time::Duration;

use http::Method;
use testing::registry;
use testing::tags::{manifest, tag};
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::ledger::{Lease, Row};
use tlogistry::sighting::Signer;

use crate::scene::{Scene, ask, pull, sighting};

const SOURCE: &str = "192.0.2.1";

#[tokio::test]
async fn two_hundred_look_ups_of_made_up_tags_are_free_and_leave_the_log_alone() {
    let scene = Scene::set().await;
    let instance = scene.instance(10, 10);
    for number in 0..50 {
        let name = format!("made-up-{number}");
        for method in [Method::GET, Method::HEAD] {
            for path in [manifest(&name), sighting(&name)] {
                assert_eq!(ask(&instance, method.clone(), &path, SOURCE).await.status, 404, "{method} {path}");
            }
        }
    }
    assert_eq!((scene.searches(), scene.counters.items().await.len()), (0, 0));
}

/// Without a ledger that all share, the log is the only one that can tell of a tag, so `/sightings/` asks it and is
/// charged.
#[tokio::test]
async fn made_up_tags_of_the_registry_make_no_search_without_a_table_either() {
    let scene = Scene::set().await;
    let instance = scene.alone(1, 1);
    for number in 0..50 {
        for method in [Method::GET, Method::HEAD] {
            let path = manifest(&format!("made-up-{number}"));
            assert_eq!(ask(&instance, method, &path, SOURCE).await.status, 404);
        }
    }
    assert_eq!(scene.searches(), 0);
    scene.push("v1");
    assert!(pull(&instance, "v1", SOURCE).await.first_seen, "nothing was charged");
}

#[tokio::test]
async fn a_search_with_its_first_sight_costs_one_by_get_and_by_head() {
    let scene = Scene::set().await;
    let instance = scene.instance(10, 10);
    for (drawn, method) in [(1, Method::GET), (2, Method::HEAD)] {
        let name = method.as_str().to_lowercase();
        scene.push(&name);
        assert!(ask(&instance, method, &manifest(&name), SOURCE).await.first_seen);
        assert_eq!((scene.searches(), scene.total().await, scene.recorded().await), (1, drawn, drawn));
    }
}

#[tokio::test]
async fn a_known_tag_costs_nothing_in_memory_in_the_ledger_or_as_evidence() {
    let scene = Scene::set().await;
    scene.push("v1");
    let first = scene.instance(1, 1);
    assert!(pull(&first, "v1", SOURCE).await.first_seen);
    for instance in [first, scene.instance(1, 1)] {
        for path in [manifest("v1"), sighting("v1"), manifest("v1")] {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(ask(&instance, method, &path, SOURCE).await.status, 200, "{path}");
            }
        }
    }
    assert_eq!((scene.searches(), scene.total().await, scene.drawn("source").await), (1, 1, vec![1]));
}

/// The log still has it, so it is searched for, as for any tag without a row.
#[tokio::test]
async fn a_tag_that_the_ledger_has_lost_costs_one_search_and_comes_back() {
    let scene = Scene::set().await;
    scene.push("v1");
    assert!(pull(&scene.instance(10, 10), "v1", SOURCE).await.first_seen);
    scene.table.delete(tag("v1").canonical()).await;
    assert_eq!(scene.searches(), 1);

    assert_eq!(ask(&scene.instance(10, 10), Method::GET, &sighting("v1"), SOURCE).await.status, 404, "until then");
    let back = pull(&scene.instance(10, 10), "v1", SOURCE).await;
    assert_eq!((back.status, back.first_seen), (200, false));
    assert_eq!((scene.searches(), scene.total().await), (1, 2));
    assert_eq!(ask(&scene.instance(10, 10), Method::GET, &sighting("v1"), SOURCE).await.status, 200);
    assert_eq!(scene.searches(), 0);
}

/// An index that leads to a tag without a row would otherwise cause a search for each request of its referrers.
#[tokio::test]
async fn attestations_are_never_searched_for() {
    let scene = Scene::set().await;
    scene.push("v1");
    assert!(pull(&scene.instance(10, 10), "v1", SOURCE).await.first_seen);
    scene.table.delete(tag("v1").canonical()).await;
    scene.searches();
    let digest = Digest::sha256(&registry::image("v1"));
    for kind in ["referrers", "manifests", "blobs"] {
        ask(&scene.instance(10, 10), Method::GET, &format!("/v2/registry.test/app/{kind}/{digest}"), SOURCE).await;
    }
    assert_eq!((scene.searches(), scene.total().await), (0, 1));
}

#[tokio::test]
async fn finishing_a_recording_that_broke_off_costs_nothing() {
    let scene = Scene::set().await;
    scene.push("other");
    let instance = scene.instance(1, 1);
    assert!(pull(&instance, "other", SOURCE).await.first_seen);
    scene.push("v1");
    assert!(pull(&instance, "v1", SOURCE).await.is_refused(), "nothing is left");

    let deadline = Deadline::after(Duration::from_secs(60));
    let digest = Digest::sha256(&registry::image("v1"));
    let statement = Signer::Local(scene.key()).sign(&tag("v1"), &digest, deadline).await.unwrap();
    let row = Row::pending(&statement, Lease::starting_now(Duration::ZERO));
    assert!(scene.table.ledger().insert(&row, deadline).await.unwrap());
    let finished = pull(&instance, "v1", SOURCE).await;
    assert!(finished.first_seen, "{finished:?}");
    assert_eq!((scene.searches(), scene.total().await, scene.recorded().await), (1, 1, 2));
}

/// Whoever has a registry can move his tags at every pull.
#[tokio::test]
async fn a_move_costs_one_when_it_is_remembered_and_its_refusal_nothing() {
    let scene = Scene::set().await;
    let instance = scene.instance(3, 3);
    scene.push_as("v1", "v1");
    assert!(pull(&instance, "v1", SOURCE).await.first_seen);
    for (number, drawn, remembered) in [(1, 2, 1), (1, 2, 1), (2, 3, 2), (3, 3, 2), (4, 3, 2)] {
        scene.push_as("v1", &format!("move {number}"));
        assert_eq!(pull(&instance, "v1", SOURCE).await.status, 403, "refused whether or not it is remembered");
        instance.finish().await;
        let row = scene.table.row(&tag("v1")).await.unwrap();
        assert_eq!((scene.total().await, row["moves"].as_l().unwrap().len()), (drawn, remembered), "move {number}");
    }
}
