//! Someone who can write to the table changes rows. No row makes another digest than the recorded one be served.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use testing::service;
use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::ledger::Lease;
use tlogistry::sighting::{LocalKey, Signer};

use crate::scene::{Scene, pull};

fn soon() -> Deadline {
    Deadline::after(std::time::Duration::from_secs(60))
}

type Row = HashMap<String, AttributeValue>;

/// The largest number of 38 digits, which is all that DynamoDB keeps of one.
const BEYOND: &str = "99999999999999999999999999999999999999";

impl Scene {
    async fn put(&self, row: Row) {
        self.table.client.put_item().table_name(&self.table.name).set_item(Some(row)).send().await.unwrap();
    }
}

/// A tag that was recorded, and has moved since, beside another tag that was recorded with its new digest.
async fn moved() -> (Scene, Row, Row, Digest) {
    let scene = Scene::set().await;
    scene.tags.push("v1", "genuine");
    scene.tags.push("other", "evil");
    assert!(scene.pull("v1").await.first_seen && scene.pull("other").await.first_seen);
    let evil = scene.tags.push("v1", "evil");
    let (row, other) = (scene.table.row(&tag("v1")).await, scene.table.row(&tag("other")).await);
    let (row, other) = (row.unwrap(), other.unwrap());
    (scene, row, other, evil)
}

#[tokio::test]
async fn a_row_that_was_changed_is_not_believed() {
    let (scene, genuine, other, evil) = moved().await;
    assert_eq!(scene.pull("v1").await.status, 403);

    let with = |name: &str, value: AttributeValue| {
        let mut row = genuine.clone();
        row.insert(name.to_owned(), value);
        row
    };
    let from_other = |names: &[&str]| {
        let mut row = genuine.clone();
        for name in names {
            row.insert((*name).to_owned(), other[*name].clone());
        }
        row
    };
    let stranger = LocalKey::generate().unwrap();
    let stranger_pem = stranger.public_key().pem().to_owned();
    let forged = Signer::Local(stranger).sign(&tag("v1"), &evil, soon()).await.unwrap();
    let forged_signature = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, forged.signature());

    let mut by_stranger = with("digest", S(evil.to_string()));
    by_stranger.insert("key".to_owned(), S(stranger_pem));
    by_stranger.insert("signature".to_owned(), S(forged_signature));
    let mut pending_again = with("state", S("pending".to_owned()));
    pending_again.insert("lease".to_owned(), N("0".to_owned()));
    pending_again.insert("digest".to_owned(), S(evil.to_string()));
    let mut without_entry = genuine.clone();
    without_entry.remove("entry");

    let rows = [
        ("another digest", with("digest", S(evil.to_string())), "signature does not verify"),
        ("a digest that is none", with("digest", S("sha256:0".to_owned())), "not a sha256"),
        ("all of another tag's row", from_other(&["digest", "key", "signature", "entry"]), "signature does not verify"),
        ("another tag's entry", from_other(&["entry"]), "of another statement"),
        ("a stranger's signature", by_stranger, "key is not a trusted one"),
        ("a pending row with another digest", pending_again, "signature does not verify"),
        ("no entry", without_entry, "attribute 'entry'"),
        ("an entry that is none", with("entry", S("{}".to_owned())), "log entry does not verify"),
        ("a signature that is none", with("signature", S("?".to_owned())), "signature does not verify"),
        ("a key that is none", with("key", S("?".to_owned())), "key is not a trusted one"),
        ("an unknown state", with("state", S("served".to_owned())), "attribute 'state'"),
        ("a number for a text", with("digest", N("7".to_owned())), "attribute 'digest'"),
    ];
    for (what, row, reason) in rows {
        scene.put(row).await;
        let answer = scene.pull("v1").await;
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert!(answer.message.contains(reason), "{what}: {}", answer.message);
    }
    scene.put(genuine).await;
    assert_eq!(scene.pull("v1").await.status, 403, "the genuine row is believed again");
}

/// The index leads to rows, and only what these show is told.
#[tokio::test]
async fn only_a_recorded_digest_is_attested_whatever_a_row_says() {
    let (scene, genuine, _, evil) = moved().await;
    let instance = scene.instance();
    let attested = async |digest: &str| {
        let answer = service::get(&instance, &format!("/v2/registry.test/app/referrers/{digest}")).await;
        let list: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
        list["manifests"].as_array().unwrap().len()
    };
    let recorded = genuine["digest"].as_s().unwrap().clone();
    assert_eq!((attested(&recorded).await, attested(evil.as_str()).await), (1, 1), "as 'v1', and as 'other'");

    // The moved tag and one of another repository are said to have been seen at the new digest.
    let mut index = scene.table.item(&format!("registry.test/app@{evil}")).await.unwrap();
    let tags = ["registry.test/app:v1", "registry.test/another:other", "no tag", "registry.test/app:other"];
    index.insert("tags".to_owned(), AttributeValue::Ss(tags.map(str::to_owned).to_vec()));
    scene.put(index.clone()).await;
    assert_eq!(attested(evil.as_str()).await, 1);

    // One that does not verify hides no other.
    let mut broken = genuine.clone();
    broken.insert("tag".to_owned(), S("registry.test/app:broken".to_owned()));
    scene.put(broken).await;
    let tags = ["registry.test/app:broken", "registry.test/app:other"];
    index.insert("tags".to_owned(), AttributeValue::Ss(tags.map(str::to_owned).to_vec()));
    scene.put(index.clone()).await;
    assert_eq!(attested(evil.as_str()).await, 1);

    for (name, value) in [("size", S("7".to_owned())), ("tags", S("v1".to_owned())), ("mediaType", N("1".to_owned()))] {
        let mut bad = index.clone();
        bad.insert(name.to_owned(), value);
        scene.put(bad).await;
        assert_eq!(attested(evil.as_str()).await, 0, "{name}");
    }
}

#[tokio::test]
async fn an_over_full_row_of_the_index_is_cut_and_not_written_to() {
    let (scene, _, _, _) = moved().await;
    let digest = scene.tags.push("new", "evil");
    let key = format!("registry.test/app@{digest}");
    let mut index = scene.table.item(&key).await.unwrap();
    // 380 KB: nearly as much as a row can have.
    let mut tags: Vec<String> = (0..2_000).map(|n| format!("registry.test/app:{n}{}", "x".repeat(120))).collect();
    tags.truncate(380_000 / tags[0].len());
    index.insert("tags".to_owned(), AttributeValue::Ss(tags));
    scene.put(index.clone()).await;

    let row = scene.ledger().tags_of(tag("new").repository(), &digest, soon()).await.unwrap().unwrap();
    assert_eq!((row.tags.len(), row.is_full()), (32, true));
    let answer = scene.pull("new").await;
    assert!(answer.first_seen && answer.digest == Some(digest.clone()), "{answer:?}");
    assert_eq!(scene.pull("new").await.status, 200);
    assert_eq!(scene.pull("other").await.status, 200);
    let stored = scene.table.item(&key).await.unwrap();
    let sorted = |row: &Row| {
        let mut tags = row["tags"].as_ss().unwrap().clone();
        tags.sort();
        tags
    };
    assert!(sorted(&stored) == sorted(&index), "the row was written to");

    index.insert("tags".to_owned(), AttributeValue::Ss(vec!["registry.test/app:other".to_owned()]));
    index.insert("mediaType".to_owned(), S("x".repeat(256)));
    scene.put(index).await;
    let row = scene.ledger().tags_of(tag("new").repository(), &digest, soon()).await;
    assert!(row.unwrap_err().to_string().contains("'mediaType'"));
}

/// The first pull may have broken off before that, or the row may be older than the index.
#[tokio::test]
async fn a_recorded_tag_that_the_index_lacks_is_put_there_by_the_next_instance_that_serves_it() {
    let (scene, genuine, _, _) = moved().await;
    scene.tags.push("v1", "genuine");
    let digest = genuine["digest"].as_s().unwrap();
    let key = format!("registry.test/app@{digest}");
    scene.table.delete(&key).await;
    let mut not_indexed = genuine.clone();
    assert_eq!(not_indexed.remove("indexed"), Some(AttributeValue::Bool(true)));
    scene.put(not_indexed).await;
    let instance = scene.instance();
    assert_eq!(pull(&instance, "v1").await.status, 200);
    assert!(scene.table.item(&key).await.is_some());
    instance.finish().await;
    assert_eq!(scene.table.row(&tag("v1")).await.unwrap()["indexed"], AttributeValue::Bool(true));
    let list = service::get(&instance, &format!("/v2/registry.test/app/referrers/{digest}")).await;
    let list: serde_json::Value = serde_json::from_slice(&list.bytes).unwrap();
    let attestation = list["manifests"][0]["digest"].as_str().unwrap();
    let manifest = service::get(&instance, &format!("/v2/registry.test/app/manifests/{attestation}")).await;
    assert_eq!(Digest::sha256(&manifest.bytes).as_str(), attestation);
}

#[tokio::test]
async fn a_recording_that_broke_off_is_no_evidence_yet() {
    let (scene, mut row, _, _) = moved().await;
    row.remove("entry");
    row.insert("state".to_owned(), S("pending".to_owned()));
    let Lease(current) = Lease::starting_now(Duration::from_secs(80));
    for (lease, reason) in [
        ("0", "its recording broke off"),
        (&current.to_string(), "is being recorded by another request"),
        ("99999999999999", "its recording broke off"),
        (BEYOND, "its recording broke off"),
    ] {
        row.insert("lease".to_owned(), N(lease.to_owned()));
        scene.put(row.clone()).await;
        let answer = service::get(&scene.instance(), "/sightings/registry.test/app:v1").await;
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_pending_row_with_a_bad_lease_is_not_believed() {
    let (scene, mut row, _, _) = moved().await;
    row.insert("state".to_owned(), S("pending".to_owned()));
    for lease in [N("-1".to_owned()), N("1.5".to_owned()), S("0".to_owned())] {
        row.insert("lease".to_owned(), lease.clone());
        scene.put(row.clone()).await;
        let answer = scene.pull("v1").await;
        assert!(answer.status == 503 && answer.message.contains("'lease'"), "{lease:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_lease_longer_than_any_writers_is_taken_over_at_once() {
    let (scene, mut row, _, _) = moved().await;
    row.insert("state".to_owned(), S("pending".to_owned()));
    row.remove("entry");
    let Lease(late) = Lease::starting_now(Duration::from_secs(120));
    for lease in [&late.to_string(), "99999999999999", "18446744073709551615", "18446744073709551616", "1E+100", BEYOND]
    {
        row.insert("lease".to_owned(), N(lease.to_owned()));
        scene.put(row.clone()).await;
        let answer = scene.pull("v1").await;
        assert_eq!(answer.status, 403, "{lease}: it is finished, and the tag has moved: {answer:?}");
        assert_eq!(scene.table.row(&tag("v1")).await.unwrap()["state"], S("recorded".to_owned()), "{lease}");
    }
}

#[tokio::test]
async fn a_deleted_row_sends_the_next_pull_to_the_log_and_comes_back() {
    let (scene, _, _, _) = moved().await;
    scene.table.delete(tag("v1").canonical()).await;
    assert_eq!(scene.pull("v1").await.status, 403);
    assert_eq!(scene.table.row(&tag("v1")).await.unwrap()["state"], S("recorded".to_owned()));
}

#[tokio::test]
async fn an_old_pending_row_is_finished_with_the_digest_it_holds() {
    let (scene, mut row, _, _) = moved().await;
    row.insert("state".to_owned(), S("pending".to_owned()));
    row.insert("lease".to_owned(), N("0".to_owned()));
    row.remove("entry");
    scene.put(row).await;
    let answer = scene.pull("v1").await;
    assert_eq!(answer.status, 403, "the tag has moved, whoever finishes its recording: {answer:?}");
    assert_eq!(scene.table.row(&tag("v1")).await.unwrap()["state"], S("recorded".to_owned()));
}
