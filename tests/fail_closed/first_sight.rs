//! Several pulls see one tag for the first time at once.

use std::sync::Arc;

use http::Method;
use testing::faulty::log::{Call, Fault};
use testing::faulty::registry;
use tokio::sync::Semaphore;

use super::world::{World, ask, manifest};

#[tokio::test]
async fn many_first_pulls_at_once_make_one_record() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let path = manifest("v1");
    let pulls = (0..16).map(|n| {
        let method = if n % 4 == 0 { Method::HEAD } else { Method::GET };
        ask(&world.service, method, &path)
    });
    let answers = futures_util::future::join_all(pulls).await;
    for answer in &answers {
        answer.assert_serves(&digest);
        assert_eq!(answer.header("tlog-logindex"), answers[0].header("tlog-logindex"));
    }
    let first = answers.iter().filter(|answer| answer.header("tlog-first-seen").is_some()).count();
    assert_eq!((first, world.log.size().await), (1, 1));
}

#[tokio::test]
async fn a_tag_that_moves_between_two_first_pulls_has_one_digest_for_both() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    let gate = Arc::new(Semaphore::new(0));
    world.log.fails_once(Call::Upload, Fault::Gate(gate.clone()));
    let path = manifest("v1");
    let one = tokio::spawn({
        let (service, path) = (world.service.clone(), path.clone());
        async move { ask(&service, Method::GET, &path).await }
    });
    world.log.asks(Call::Upload).await;
    let second = world.registry.push("v1", r#"{"a":1}"#);
    let another = tokio::spawn({
        let service = world.service.clone();
        async move { ask(&service, Method::GET, &path).await }
    });
    world.registry.asks("manifests/v1", 2).await;
    gate.add_permits(1);
    one.await.unwrap().assert_first_seen(&first);
    another.await.unwrap().assert_moved(&first, &second);
    assert_eq!(world.recorded("v1").await, [first]);
}

#[tokio::test]
async fn a_tag_that_flips_under_many_first_pulls_has_one_digest_in_the_log() {
    let world = World::start().await;
    let digests = [world.registry.push("v1", "{}"), world.registry.push("v1", r#"{"a":1}"#)];
    let path = manifest("v1");
    let pulls = (0..24).map(|n| {
        let (registry, service, path) = (&world.registry, &world.service, &path);
        async move {
            registry.push("v1", if n % 2 == 0 { "{}" } else { r#"{"a":1}"# });
            ask(service, Method::GET, path).await
        }
    });
    let answers = futures_util::future::join_all(pulls).await;
    let recorded = world.recorded("v1").await;
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert!(digests.contains(&recorded[0]));
    for answer in answers {
        match answer.status.as_u16() {
            200 => drop(answer.assert_serves(&recorded[0])),
            _ => drop(answer.assert_refused(403, "DENIED", &["has moved", recorded[0].as_str()])),
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_its_tag_is_recorded_leaves_it_recorded() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let gate = Arc::new(Semaphore::new(0));
    world.log.fails_once(Call::Upload, Fault::Gate(gate.clone()));
    let service = world.service.clone();
    let client = tokio::spawn(async move { ask(&service, Method::GET, &manifest("v1")).await });
    world.log.asks(Call::Upload).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    world.pull("v1").await.assert_unchanged(&digest);
    assert_eq!(world.recorded("v1").await, [digest]);
}

#[tokio::test]
async fn a_client_that_goes_away_before_its_tag_is_recorded_leaves_nothing() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let gate = Arc::new(Semaphore::new(0));
    world.registry.fails_once("manifests", registry::Fault::Gate(gate));
    let service = world.service.clone();
    let client = tokio::spawn(async move { ask(&service, Method::GET, &manifest("v1")).await });
    world.registry.asks("manifests/v1", 1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    assert_eq!(world.log.size().await, 0);
    world.pull("v1").await.assert_first_seen(&digest);
}

#[tokio::test]
async fn two_instances_without_a_common_ledger_cannot_both_be_believed_later() {
    let mut world = World::start().await;
    let first = world.registry.push("v1", "{}");
    let another = world.another();
    // The index lags, so that the second instance does not find what the first has recorded.
    world.log.fails(Call::Search, Fault::Answer(200, vec![], "[]"));
    world.pull("v1").await.assert_first_seen(&first);
    let second = world.registry.push("v1", r#"{"a":1}"#);
    ask(&another, Method::GET, &manifest("v1")).await.assert_first_seen(&second);
    world.log.heals();
    assert_eq!(world.recorded("v1").await, [first.clone(), second.clone()]);
    world.restart();
    world.pull("v1").await.assert_moved(&first, &second);
}
