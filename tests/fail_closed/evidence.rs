//! Those who ask for the evidence record nothing, ask no registry, and are told nothing that does not verify.

use std::time::Duration;

use serde_json::Value;
use testing::faulty::log::{Call, Fault};
use testing::faulty::registry::Fault as RegistryFault;

use super::world::{REGISTRY, World};

fn sighting(name: &str) -> String {
    format!("/sightings/{REGISTRY}/demo/app:{name}")
}

#[tokio::test]
async fn asking_for_a_sighting_only_reads_the_ledger_and_the_log() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    for path in [sighting("v1"), sighting("nowhere")] {
        world.get(&path).await.assert_refused(404, "TAG_UNKNOWN", &["was never seen here"]);
    }
    assert_eq!((world.log.size().await, world.registry.asked()), (0, vec![]));
    world.log.asked();
    let tag = format!("sha256-{}.sig", "0".repeat(64));
    world.get(&sighting(&tag)).await.assert_refused(404, "TAG_UNKNOWN", &[&tag]);
    assert_eq!(world.log.asked(), [], "such tags are not recorded, so nobody is asked");
}

#[tokio::test]
async fn an_instance_that_remembers_nothing_finds_the_sighting_in_the_log() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.restart();
    world.forget();
    let first = world.get(&sighting("v1")).await;
    assert_eq!(first.status.as_u16(), 200, "{first:?}");
    let bundle: Value = serde_json::from_slice(first.bytes()).unwrap();
    assert!(bundle["dsseEnvelope"]["payload"].is_string(), "{bundle}");
    // It stays the same, for the log is asked once.
    assert_eq!(world.get(&sighting("v1")).await.bytes(), first.bytes());
    assert_eq!(world.log.asked(), [Call::Search, Call::Retrieve]);
    assert_eq!((world.registry.asked(), world.log.size().await), (vec![], 1));
}

#[tokio::test]
async fn missing_or_unverifiable_evidence_is_told_from_a_tag_never_seen() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.restart();
    world.log.is_down(Fault::Dropped);
    let answer = world.get(&sighting("v1")).await;
    answer.assert_refused(503, "UNAVAILABLE", &["the evidence cannot be shown now", "the log could not be reached"]);
    assert_eq!(answer.header("retry-after"), Some("30"));
    world.log.heals();

    world.log.edits(Call::Retrieve, |entry| entry["verification"]["signedEntryTimestamp"] = "AAAA".into());
    world.get(&sighting("v1")).await.assert_refused(503, "UNAVAILABLE", &["timestamp does not verify"]);
    world.log.heals();
    assert_eq!(world.get(&sighting("v1")).await.status.as_u16(), 200);
}

/// The only thing that is lost with the index is the attestation: tags, digests and blobs are served as ever.
#[tokio::test]
async fn a_manifest_that_the_registry_lacks_is_still_not_found() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    let nowhere = format!("sha256:{}", "0".repeat(64));
    let path = |kind: &str| format!("/v2/{REGISTRY}/demo/app/{kind}/{nowhere}");
    world.get(&path("manifests")).await.assert_refused(404, "MANIFEST_UNKNOWN", &[REGISTRY]);
    world.get(&path("blobs")).await.assert_refused(404, "BLOB_UNKNOWN", &[REGISTRY]);
    // Another repository of the same registry has no part in it.
    let referrers = world.get(&format!("/v2/{REGISTRY}/demo/app/referrers/{digest}")).await;
    let list: Value = serde_json::from_slice(referrers.bytes()).unwrap();
    let attestation = list["manifests"][0]["digest"].as_str().unwrap();
    let elsewhere = format!("/v2/{REGISTRY}/demo/other/manifests/{attestation}");
    world.get(&elsewhere).await.assert_refused(404, "MANIFEST_UNKNOWN", &[REGISTRY]);
    let here = format!("/v2/{REGISTRY}/demo/app/manifests/{attestation}");
    assert_eq!(world.get(&here).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_registry_that_fails_is_not_asked_around() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.registry.fails("referrers", RegistryFault::Status(500, vec![], ""));
    let referrers = format!("/v2/{REGISTRY}/demo/app/referrers/{digest}");
    world.get(&referrers).await.assert_refused(502, "UNAVAILABLE", &[REGISTRY]);
    let no_index = RegistryFault::Status(
        200,
        vec![("content-type", "application/vnd.oci.image.index.v1+json".to_owned())],
        r#"{"manifests":"none"}"#,
    );
    world.registry.heals();
    world.registry.fails("referrers", no_index);
    world.get(&referrers).await.assert_refused(502, "MANIFEST_INVALID", &["that is not an OCI index"]);
}

#[tokio::test]
async fn the_key_and_the_logs_key_are_told_while_everything_else_is_down() {
    let world = World::start().await;
    world.log.is_down(Fault::Silent);
    for path in ["/key.pem", "/trusted-root.json"] {
        let answer = tokio::time::timeout(Duration::from_secs(20), world.get(path)).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{path}");
    }
}
