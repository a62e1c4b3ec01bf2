//! Pulls by tag.

use futures_util::{StreamExt as _, stream};
use testing::faulty::log::Call;
use testing::service;
use tlogistry::evidence::Bundle;
use tlogistry::image::Digest;
use tlogistry::tlog::{Checkpoint, LogEntry, TransparencyLogEntry};

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull, tag};

#[tokio::test]
async fn a_tag_is_recorded_once_and_refused_once_it_has_moved() {
    let scene = Scene::set().await;
    let first = scene.tags.push("v1", "one");
    assert_first_seen(&scene.pull("v1").await, &first);
    assert_eq!(scene.log.asked(), [Call::Upload], "nothing is searched where there is no search");
    assert_unchanged(&scene.pull("v1").await, &first);
    let second = scene.tags.push("v1", "two");
    let refused = scene.pull("v1").await;
    assert_refused(&refused, 403, "has moved and is refused: it was recorded as");
    let message = refused.error().1;
    assert!(
        message.contains(second.as_str()) && message.contains(&format!("{first} (Rekor log index 0)")),
        "{message}"
    );
    assert!(scene.log.asked().is_empty(), "a known tag asks no log");
    assert_eq!(scene.log.size().await, 1);
}

#[tokio::test]
async fn no_time_is_claimed_where_nobody_signed_one() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "one");
    let answer = scene.pull("v1").await;
    assert_eq!(answer.find("tlog-integratedtime"), None);
    assert_eq!(answer.find("tlog-logindex"), Some("0"));
    scene.tags.push("v1", "two");
    let refused = scene.pull("v1").await;
    let detail = refused.error().2["detail"].clone();
    assert!(detail.get("integratedTime").is_none() && detail["logIndex"] == "0", "{detail}");
}

#[tokio::test]
async fn the_entrys_address_holds_the_entry() {
    let scene = Scene::set().await;
    for name in ["v1", "v2", "v3"] {
        scene.tags.push(name, name);
        let answer = scene.pull(name).await;
        let url = answer.find("tlog-entry").unwrap();
        let bundle = testing::client::get(url).await;
        assert_eq!(bundle.status, 200, "{url}");
        let sighting = sighting(&scene, name).await;
        let leaf = sighting.verified_leaf();
        assert!(bundle.bytes.windows(leaf.len()).any(|part| part == leaf), "{url}");
    }
}

#[tokio::test]
async fn the_evidence_is_a_bundle_of_the_entry_and_the_same_from_every_process() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "one");
    scene.pull("v1").await;
    let path = format!("/sightings/{}", tag("v1"));
    let answers = [service::get(&scene.instance(), &path).await, service::get(&scene.instance(), &path).await];
    assert_eq!(answers[0].bytes, answers[1].bytes);
    let bundle = Bundle::parse(&answers[0].bytes).unwrap();
    let keys = scene.log.config().keys;
    let sighting = bundle.verify(&tag("v1"), &keys, &[scene.key().public_key().clone()]).unwrap();
    assert_eq!((sighting.digest(), sighting.time()), (&digest, None));
    let entry = &serde_json::from_slice::<serde_json::Value>(&answers[0].bytes).unwrap()["verificationMaterial"]["tlogEntries"]
        [0];
    assert_eq!(entry["kindVersion"], serde_json::json!({"kind": "hashedrekord", "version": "0.0.2"}));
    assert_eq!(entry["integratedTime"], "0");
}

#[tokio::test]
async fn a_crowded_log_is_proven_by_its_tiles() {
    let scene = Scene::set().await;
    // Beyond one tile, so that the proof needs two levels.
    let add = async |number: u32| {
        let about = Digest::sha256(format!("{number}").as_bytes());
        let deadline = tlogistry::deadline::Deadline::after(std::time::Duration::from_secs(60));
        let statement = scene.signer().sign(&tag("other"), &about, deadline).await.unwrap();
        assert_eq!(scene.log.add(&statement.signed_payload()).await, 201);
    };
    // A real log answers with the next checkpoint, to all who wait at once.
    stream::iter(0..300).map(add).buffer_unordered(100).collect::<()>().await;
    let digest = scene.tags.push("v1", "one");
    scene.claim().await;
    let statement = scene.crash_before_upload("v1", &digest).await;
    assert_eq!(scene.log.add(&statement.signed_payload()).await, 201, "the upload, whose answer nobody saw");
    assert_eq!(scene.log.size().await, 302);
    // The log answers 409, and the next checkpoint's tiles hold the proof.
    let instance = scene.instance();
    scene.log.asked();
    assert_first_seen(&pull(&instance, "v1").await, &digest);
    let asked = scene.log.asked();
    assert_eq!(asked[..2], [Call::Upload, Call::Head], "{asked:?}");
    assert!(asked[2..].iter().all(|call| *call == Call::Tile) && asked.len() > 3, "{asked:?}");
    assert_eq!(scene.log.size().await, 302, "nothing was signed anew");
    assert_unchanged(&scene.pull("v1").await, &digest);
}

struct Evidence(LogEntry);

impl Evidence {
    fn verified_leaf(&self) -> Vec<u8> {
        use base64::Engine as _;
        let entry = serde_json::to_value(TransparencyLogEntry::of_sighting(&self.0)).unwrap();
        base64::prelude::BASE64_STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap()
    }
}

async fn sighting(scene: &Scene, name: &str) -> Evidence {
    let answer = service::get(&scene.instance(), &format!("/sightings/{}", tag(name))).await;
    let bundle = Bundle::parse(&answer.bytes).unwrap();
    let keys = scene.log.config().keys;
    let sighting = bundle.verify(&tag(name), &keys, &[scene.key().public_key().clone()]).unwrap();
    Evidence(LogEntry::clone(sighting.entry()))
}

#[tokio::test]
async fn readiness_asks_the_log_for_its_checkpoint() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "one");
    scene.pull("v1").await;
    assert_eq!(service::get(&scene.instance(), "/readyz").await.status, 200);
    assert!(Checkpoint::parse(&scene.log.checkpoint().await).is_some());
}
