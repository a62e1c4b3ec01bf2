//! A tag that was seen before: what a pull costs, and what is left of it after a restart.

use serde_json::Value;
use testing::faulty::log::{Call, Fault};
use tlogistry::http::Body;

use super::world::{World, manifest};

#[tokio::test]
async fn a_head_of_a_known_tag_costs_one_head_and_asks_no_log() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.forget();
    let answer = world.head(&manifest("v1")).await;
    answer.assert_unchanged(&digest);
    assert_eq!(answer.body.length(), 2);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"]);
    assert_eq!(world.log.asked(), []);
}

#[tokio::test]
async fn a_get_of_a_known_tag_whose_manifest_is_at_hand_costs_one_head() {
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_first_seen(&digest);
    world.forget();
    let answer = world.pull("v1").await;
    answer.assert_unchanged(&digest);
    assert_eq!(answer.bytes(), br#"{"a":1}"#);
    world.pull(&digest).await.assert_serves(&digest);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"], "and none for the digest");
    assert_eq!(world.log.asked(), []);
}

#[tokio::test]
async fn a_head_of_a_tag_never_seen_records_the_digest_of_the_bytes() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let answer = world.head(&manifest("v1")).await;
    answer.assert_first_seen(&digest);
    assert_eq!(answer.body.length(), 2);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1", "GET manifests/v1"]);
    assert_eq!(world.recorded("v1").await, [digest]);
}

#[tokio::test]
async fn without_a_manifest_cache_a_head_announces_the_length_that_the_registry_did() {
    let world = World::with(&[("MANIFEST_CACHE_BYTES", "0")]).await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    let answer = world.head(&manifest("v1")).await;
    answer.assert_unchanged(&digest);
    assert!(matches!(answer.body, Body::OfLength(2)), "{answer:?}");
}

#[tokio::test]
async fn a_moved_tag_is_refused_by_get_and_head_and_what_was_recorded_can_be_had_by_digest() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&first);
    let second = world.registry.push("v1", r#"{"a":1}"#);
    let answer = world.pull("v1").await;
    answer.assert_moved(&first, &second);
    answer.assert_refused(403, "DENIED", &[&format!("pull registry.test/demo/app@{first}")]);
    assert_eq!(answer.error()["detail"]["tag"], "registry.test/demo/app:v1");
    world.head(&manifest("v1")).await.assert_moved(&first, &second);
    world.pull(&first).await.assert_serves(&first);
    world.registry.push("v1", "{}");
    world.pull("v1").await.assert_unchanged(&first);
    assert_eq!(world.recorded("v1").await, [first]);
}

#[tokio::test]
async fn a_moved_tag_is_refused_after_a_restart_without_a_ledger() {
    let mut world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&first);
    world.restart();
    world.pull("v1").await.assert_unchanged(&first);
    world.restart();
    let second = world.registry.push("v1", r#"{"a":1}"#);
    world.head(&manifest("v1")).await.assert_moved(&first, &second);
    world.restart();
    world.pull("v1").await.assert_moved(&first, &second);
    assert_eq!(world.recorded("v1").await, [first]);
}

#[tokio::test]
async fn without_its_attestation_an_entry_still_tells_its_digest_from_any_other() {
    type Edit = fn(&mut Value);
    let losses: [Edit; 3] = [
        |entry| drop(entry.as_object_mut().unwrap().remove("attestation")),
        |entry| entry["attestation"] = serde_json::json!({}),
        // "{}" in base64: an attestation of something else.
        |entry| entry["attestation"]["data"] = serde_json::json!("e30="),
    ];
    for loss in losses {
        let mut world = World::start().await;
        let first = world.registry.push("v1", "{}");
        world.pull("v1").await.assert_first_seen(&first);
        world.log.edits(Call::Retrieve, loss);

        world.restart();
        world.pull("v1").await.assert_unchanged(&first);
        world.restart();
        world.head(&manifest("v1")).await.assert_unchanged(&first);

        world.restart();
        let second = world.registry.push("v1", r#"{"a":1}"#);
        for answer in [world.pull("v1").await, world.head(&manifest("v1")).await] {
            answer.assert_refused(403, "DENIED", &["which the log has lost", second.as_str()]);
            let detail = &answer.error()["detail"];
            assert_eq!((&detail["recorded"], &detail["current"]), (&Value::Null, &second.as_str().into()));
        }
        assert_eq!(world.log.size().await, 1);
    }
}

#[tokio::test]
async fn a_known_tag_is_served_only_while_the_registry_has_it() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.registry.fails("manifests/v1", testing::faulty::registry::Fault::Status(404, vec![], ""));
    world.pull("v1").await.assert_refused(404, "MANIFEST_UNKNOWN", &["registry.test has no such manifest"]);
    world.registry.heals();
    world.registry.fails("manifests/v1", testing::faulty::registry::Fault::Dropped);
    world.pull("v1").await.assert_refused(502, "UNAVAILABLE", &["registry.test cannot be reached"]);
}

#[tokio::test]
async fn what_is_pulled_by_digest_as_a_blob_or_under_a_referrers_tag_is_not_recorded() {
    let world = World::start().await;
    world.log.is_down(Fault::Dropped);
    let layer = world.registry.push_blob("a layer");
    let digest = world.registry.push("v1", "{}");
    for name in [format!("sha256-{}", "a".repeat(64)), format!("sha256-{}.sig", "a".repeat(64))] {
        for body in ["{}", r#"{"rewritten":1}"#] {
            let digest = world.registry.push(&name, body);
            for answer in [world.pull(&name).await, world.head(&manifest(&name)).await] {
                answer.assert_serves(&digest);
                assert_eq!(answer.header("tlog-exempt"), Some("referrers-tag"));
                assert_eq!((answer.header("tlog-uuid"), answer.header("cache-control")), (None, Some("no-store")));
            }
        }
    }
    let answer = world.pull(&digest).await;
    answer.assert_serves(&digest);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!((answer.header("tlog-uuid"), answer.header("tlog-first-seen")), (None, None));
    world.head(&manifest(&digest)).await.assert_serves(&digest);
    assert_eq!(world.get(&super::world::blob(&layer)).await.status, 307);
    assert_eq!((world.log.asked(), world.log.size().await), (vec![], 0));
}
