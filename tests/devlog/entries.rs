//! Adding entries and getting them back.

use crate::support::*;
use http::StatusCode;
use serde_json::{Value, json};

/// Entries of the public log by a plain P-256 key (npm's), with the payload that Rekor keeps.
const PUBLIC: [&str; 2] = [
    include_str!("../data/rekor/valid/intoto-0.0.2-94408157.json"),
    include_str!("../data/rekor/valid/intoto-0.0.2-99434465.json"),
];

/// The public entry as its author sent it: the leaf with the payload put back.
fn as_proposed(entry: &Value) -> Value {
    let mut proposed: Value = serde_json::from_slice(&unbase64(&entry["body"])).unwrap();
    let content = &mut proposed["spec"]["content"];
    content["envelope"]["payload"] = base64(entry["attestation"]["data"].as_str().unwrap()).into();
    content.as_object_mut().unwrap().remove("payloadHash");
    proposed
}

#[tokio::test]
async fn a_leaf_has_the_bytes_that_the_public_log_made_of_the_same_entry() {
    let log = new_log().await;
    for public in PUBLIC {
        let (public_id, public) = one_entry(&serde_json::from_str(public).unwrap());
        let answer = post(&log, ENTRIES, &as_proposed(&public)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let (id, entry) = answer.entry();
        assert_eq!(entry["body"], public["body"]);
        assert_eq!(id[16..], public_id[16..]);
        assert_verifies(&log, &id, &entry);
        let entry = attested_entry(&log, &id).await;
        assert_eq!(entry["attestation"], public["attestation"]);
        let members = |entry: &Value| -> Vec<String> { entry.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(members(&entry), members(&public));
    }
}

#[tokio::test]
async fn a_leaf_is_what_was_sent_without_the_payload_and_with_its_hash() {
    let log = new_log().await;
    let client = Client::new();
    let mut sent = client.propose(b"{}");
    let content = &mut sent["spec"]["content"];
    content["envelope"]["signatures"][0]["keyid"] = "".into();
    content["hash"]["value"] = "not even a hash \u{e9}".into();
    content["payloadHash"] = json!({ "algorithm": "sha256", "value": "00" });
    content["unknown"] = 1.into();
    let signature = content["envelope"]["signatures"][0].clone();
    let (_, entry) = post(&log, ENTRIES, &sent).await.entry();
    let leaf = format!(
        "{{\"apiVersion\":\"0.0.2\",\"kind\":\"intoto\",\"spec\":{{\"content\":{{\"envelope\":\
         {{\"payloadType\":\"{IN_TOTO}\",\"signatures\":[{{\"publicKey\":{},\"sig\":{}}}]}},\
         \"hash\":{{\"algorithm\":\"sha256\",\"value\":\"not even a hash \u{e9}\"}},\
         \"payloadHash\":{{\"algorithm\":\"sha256\",\"value\":\"{}\"}}}}}}}}",
        signature["publicKey"],
        signature["sig"],
        sha256_hex("{}"),
    );
    assert_eq!(String::from_utf8(unbase64(&entry["body"])).unwrap(), leaf);
}

#[tokio::test]
async fn created_says_where_the_entry_is_and_leaves_out_its_attestation() {
    let log = new_log().await;
    let answer = post(&log, ENTRIES, &Client::new().propose(&statement("a"))).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let (id, entry) = answer.entry();
    assert_eq!(answer.header("location"), format!("/api/v1/log/entries/{id}"));
    assert_eq!(answer.header("etag"), id);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(entry.get("attestation").is_none());
    assert_eq!(entry["logIndex"], log.first_index());
    assert_eq!(entry["verification"]["inclusionProof"]["logIndex"], 0);
}

#[tokio::test]
async fn each_entry_verifies_by_id_by_hash_and_by_index_against_the_current_head() {
    let log = new_log().await;
    let mut ids = Vec::new();
    for number in 0..9 {
        let (id, entry) = upload(&log, &format!("name {number}")).await;
        assert_verifies(&log, &id, &entry);
        ids.push(id);
    }
    for (number, id) in ids.iter().enumerate() {
        let index = log.first_index() + number as u64;
        for path in [
            format!("{ENTRIES}/{id}"),
            format!("{ENTRIES}/{}", id[16..].to_uppercase()),
            format!("{ENTRIES}?logIndex={index}"),
        ] {
            let answer = get(&log, &path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let (found, entry) = answer.entry();
            assert_eq!((&found, &entry["logIndex"]), (id, &json!(index)));
            assert_eq!(entry["verification"]["inclusionProof"]["treeSize"], 9);
            let payload = unbase64(&attested_entry(&log, id).await["attestation"]["data"]);
            assert_eq!(payload, statement(&format!("name {number}")));
            assert_verifies(&log, &found, &entry);
        }
    }
}

#[tokio::test]
async fn the_same_leaf_again_is_a_conflict_that_names_the_entry() {
    let log = new_log().await;
    let client = Client::new();
    let sent = client.propose(&statement("a"));
    let (id, _) = post(&log, ENTRIES, &sent).await.entry();
    let again = post(&log, ENTRIES, &sent).await;
    again.assert_error(409, 409, &format!("an equivalent entry already exists in the transparency log with UUID {id}"));
    assert_eq!(again.header("location"), format!("/api/v1/log/entries/{id}"));
    assert_eq!(get(&log, "/api/v1/log").await.json()["treeSize"], 1);

    // Another signature, or another hash of the envelope, makes another leaf.
    let mut other = sent.clone();
    other["spec"]["content"]["hash"]["value"] = "0".into();
    for other in [other, client.propose(&statement("a"))] {
        assert_eq!(post(&log, ENTRIES, &other).await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_without_a_body() {
    let log = new_log().await;
    let (id, _) = upload(&log, "a").await;
    let hash = &id[16..];
    for path in [
        format!("{ENTRIES}/{}", "0".repeat(64)),
        format!("{ENTRIES}/{}{}", &id[..16], "0".repeat(64)),
        format!("{ENTRIES}/7fffffffffffffff{hash}"),
        format!("{ENTRIES}?logIndex={}", log.first_index() + 1),
        format!("{ENTRIES}?logIndex={}", i64::MAX),
    ]
    .into_iter()
    // Those before the first, unless that is 0.
    .chain([0, log.first_index().saturating_sub(1)].map(|index| format!("{ENTRIES}?logIndex={index}")))
    .filter(|path| *path != format!("{ENTRIES}?logIndex={}", log.first_index()))
    {
        let answer = get(&log, &path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.bytes.is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn retrieve_answers_up_to_ten_and_leaves_out_what_it_does_not_find() {
    let log = new_log().await;
    let sent = Client::new().propose(&statement("sent"));
    let (by_entry, _) = post(&log, ENTRIES, &sent).await.entry();
    let (by_id, _) = upload(&log, "a").await;
    let (by_hash, _) = upload(&log, "b").await;
    let query = json!({
        "entryUUIDs": [by_hash[16..], "0".repeat(64), by_id],
        "logIndexes": [log.first_index() + 2, 5],
        "entries": [sent],
    });
    let answer = post(&log, RETRIEVE, &query).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let found: Vec<String> = answer
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let (id, entry) = one_entry(entry);
            assert_verifies(&log, &id, &entry);
            id
        })
        .collect();
    assert_eq!(found, [&*by_id, &*by_hash, &*by_entry, &*by_hash]);

    let answer = post(&log, RETRIEVE, &json!({ "logIndexes": vec![77; 10] })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!([])));
    // As rekor-cli asks, which writes null for an empty list.
    let query = json!({ "entryUUIDs": null, "logIndexes": null, "entries": [sent] });
    assert_eq!(one_entry(&post(&log, RETRIEVE, &query).await.json()[0]).0, by_entry);
    let query = json!({ "logIndexes": vec![77; 10], "entryUUIDs": [by_id] });
    let message = "more than max allowed 10 entries in request";
    post(&log, RETRIEVE, &query).await.assert_error(422, 422, message);
}

#[tokio::test]
async fn a_payload_is_stored_below_100_kib() {
    let log = new_log().await;
    // Rekor counts the padding of its base64: 100 KiB to the byte is too much.
    for (size, stored) in [(102_400, false), (102_399, true)] {
        let answer = post(&log, ENTRIES, &Client::new().propose(&vec![b' '; size])).await;
        let (id, _) = answer.entry();
        let entry = if stored {
            attested_entry(&log, &id).await
        } else {
            get(&log, &format!("{ENTRIES}/{id}")).await.entry().1
        };
        assert_eq!(entry.get("attestation").is_some(), stored, "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_the_same_time_get_one_position_each() {
    let log = new_log().await;
    let uploads: Vec<_> = (0..16)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { upload(&log, &format!("name {number}")).await })
        })
        .collect();
    let mut indexes = Vec::new();
    for one in uploads {
        let (id, entry) = one.await.unwrap();
        assert_verifies(&log, &id, &entry);
        indexes.push(entry["logIndex"].as_u64().unwrap() - log.first_index());
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..16).collect::<Vec<u64>>());
}
