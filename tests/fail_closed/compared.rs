//! A refusal says what changed, and is neither lost nor long delayed where that cannot be found out.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use testing::clock::Clock;
use testing::faulty::registry::{Fault, Registry};
use tlogistry::image::Digest;

use super::world::{Answer, World, manifest};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BEFORE: &str = include_str!("../data/moves/registry-3.1.1-may-without-riscv64.json");
const NOW: &str = include_str!("../data/moves/registry-3.1.1-may.json");
const CHANGED: &str = "(linux/riscv64 added, the other 6 platforms unchanged)";
/// The longest wait for the recorded manifest.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Timers are of whole milliseconds.
const TOLERANCE: Duration = Duration::from_millis(50);

/// A tag that was recorded as an index and got another platform, before an instance that remembers nothing of it.
async fn moved(vars: &[(&str, &str)]) -> (World, Digest, Digest) {
    let mut world = World::with(vars).await;
    indexes(&world.registry);
    let recorded = world.registry.push("v1", BEFORE);
    world.pull("v1").await.assert_first_seen(&recorded);
    let current = world.registry.push("v1", NOW);
    world.restart_with(vars);
    world.forget();
    (world, recorded, current)
}

/// The registry serves indexes.
fn indexes(registry: &Registry) {
    registry.fails("manifests", Fault::Header("content-type", Some(INDEX.to_owned())));
}

#[track_caller]
fn assert_not_compared(answer: &Answer, recorded: &Digest, current: &Digest) {
    answer.assert_moved(recorded, current);
    let error = answer.error();
    let plain = format!("but the registry now serves {current}; if you trust what was recorded, pull ");
    assert!(error["message"].as_str().unwrap().contains(&plain), "{error}");
    assert_eq!(error["detail"].get("difference"), None);
}

#[tokio::test]
async fn a_refusal_says_what_changed_in_a_clause_and_in_its_details() {
    let (world, recorded, current) = moved(&[]).await;
    // No body, no reason to ask for more.
    assert_not_compared(&world.head(&manifest("v1")).await, &recorded, &current);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1", "GET manifests/v1"]);
    let answer = world.pull("v1").await;
    answer.assert_moved(&recorded, &current);
    let said = format!("but the registry now serves {current} {CHANGED}; if you trust what was recorded, pull ");
    answer.assert_refused(403, "DENIED", &[&said]);
    let difference = &answer.error()["detail"]["difference"];
    let same = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"];
    assert_eq!(
        difference["platforms"],
        json!({"added": ["linux/riscv64"], "removed": [], "changed": [], "same": same, "omitted": 0})
    );
    assert_eq!(world.registry.asked(), ["GET manifests/v1".to_owned(), format!("GET manifests/{recorded}")]);
    // From memory.
    for answer in [world.pull("v1").await, world.head(&manifest("v1")).await] {
        assert_eq!(&answer.error()["detail"]["difference"], difference);
    }
    assert!(!world.registry.asked().contains(&format!("GET manifests/{recorded}")));
}

#[tokio::test]
async fn a_refusal_is_the_same_as_ever_where_the_recorded_manifest_cannot_be_had() {
    let (mut world, recorded, current) = moved(&[]).await;
    let faults = [
        Fault::Status(404, vec![], ""),
        Fault::Status(401, vec![], ""),
        Fault::Status(429, vec![("retry-after", "60".to_owned())], ""),
        Fault::Status(500, vec![], ""),
        Fault::OtherBytes(NOW.into()),
        Fault::Header("content-type", Some("text/html".to_owned())),
        Fault::Dropped,
        Fault::CutShort,
    ];
    for fault in faults {
        world.restart();
        world.registry.heals();
        world.registry.fails("sha256:", fault);
        indexes(&world.registry);
        let answer = world.pull("v1").await;
        assert_not_compared(&answer, &recorded, &current);
    }
}

#[tokio::test]
async fn what_does_not_tell_what_it_is_is_not_compared() {
    let mut world = World::start().await;
    indexes(&world.registry);
    let recorded = world.registry.push("v1", BEFORE);
    world.pull("v1").await.assert_first_seen(&recorded);
    for odd in [r#"{"manifests":[],"Manifests":[]}"#, r#"{"manifests":[{"digest":"x"}]}"#, r#"{"manifests":7}"#] {
        let current = world.registry.push("v1", odd);
        assert_not_compared(&world.pull("v1").await, &recorded, &current);
    }
    world.restart();
    assert_eq!(world.pull("v1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_registry_that_hangs_delays_a_refusal_by_a_second_or_two_at_most() {
    for (vars, patience) in [
        (&[][..], PATIENCE),
        (&[("REQUEST_TIMEOUT_MS", "1000")][..], Duration::from_secs(1)),
        (&[("REGISTRY_TIMEOUT_MS", "500"), ("REQUEST_TIMEOUT_MS", "2000")][..], PATIENCE),
    ] {
        for fault in [Fault::Silent, Fault::TarPit, Fault::Stalled, Fault::Endless] {
            let is_endless = matches!(fault, Fault::Endless);
            let (world, recorded, current) = moved(vars).await;
            world.registry.heals();
            world.registry.fails("sha256:", fault);
            indexes(&world.registry);
            let mut clock = Clock::stop();
            let (answer, took) = clock.pass_after(world.registry.next("sha256:"), world.pull("v1")).await;
            assert_not_compared(&answer, &recorded, &current);
            assert!(took < patience + TOLERANCE || is_endless, "answered after {took:?}");
        }
    }
}

#[tokio::test]
async fn a_tag_whose_recorded_digest_is_unknown_is_compared_with_nothing() {
    let (mut world, _, current) = moved(&[]).await;
    world.log.edits(testing::faulty::log::Call::Retrieve, |entry| {
        entry.as_object_mut().unwrap().remove("attestation");
    });
    world.restart();
    let answer = world.pull("v1").await;
    answer.assert_refused(403, "DENIED", &["which the log has lost", &format!("now serves {current}")]);
    assert_eq!(
        (&answer.error()["detail"]["recorded"], answer.error()["detail"].get("difference")),
        (&Value::Null, None)
    );
}
