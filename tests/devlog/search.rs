//! Searching the index.

use crate::support::*;
use serde_json::json;
use std::collections::HashSet;

#[tokio::test]
async fn an_entry_is_found_by_subjects_payload_and_key_and_by_nothing_else() {
    let log = new_log().await;
    let client = Client::new();
    let payload = json!({
        "subject": [
            { "name": "one", "digest": { "sha256": "A".repeat(64), "sha512": "b".repeat(128) } },
            { "name": "two", "digest": { "sha1": "c".repeat(40) } },
            { "name": "three" },
        ],
        "predicate": { "materials": [{ "digest": { "sha256": "d".repeat(64) } }] },
    });
    let payload = payload.to_string().into_bytes();
    let sent = client.propose(&payload);
    let (id, _) = post(&log, ENTRIES, &sent).await.entry();
    for hash in [
        "a".repeat(64),
        format!("sha256:{}", "a".repeat(64)),
        format!("sha256:{}", "A".repeat(64)),
        "b".repeat(128),
        format!("sha1:{}", "c".repeat(40)),
        "d".repeat(64),
        sha256_hex(&payload),
        sha256_hex(&client.pem),
    ] {
        assert_eq!(search(&log, &json!({ "hash": hash }), 1).await, [&*id], "{hash}");
    }
    let envelope_hash = &sent["spec"]["content"]["hash"]["value"];
    for query in [
        json!({}),
        json!({ "hash": envelope_hash }),
        json!({ "hash": "e".repeat(64) }),
        json!({ "email": "someone@example.com" }),
        // Rekor never finds `intoto` entries by key: it files them under `sha256:<hash>`.
        json!({ "publicKey": { "format": "x509", "content": base64(&client.pem) } }),
    ] {
        let answer = post(&log, SEARCH, &query).await;
        assert_eq!(&answer.bytes[..], b"[]\n", "{query}");
    }
}

#[tokio::test]
async fn operators_join_and_intersect() {
    let log = new_log().await;
    let (a, _) = upload(&log, "a").await;
    let (b, _) = upload(&log, "b").await;
    let mut query = json!({
        "hash": sha256_hex("a"),
        "subject": format!("sha256:{}", sha256_hex("b")),
    });
    let or: HashSet<String> = search(&log, &query, 2).await.into_iter().collect();
    assert_eq!(or, HashSet::from([a, b]));
    query["operator"] = "and".into();
    search(&log, &query, 0).await;
}

#[tokio::test]
async fn a_payload_other_than_a_statement_is_logged_and_left_out_of_the_index() {
    let log = new_log().await;
    let client = Client::new();
    let answer = post(&log, ENTRIES, &client.propose(b"no statement")).await;
    assert_eq!(answer.status, 201);
    search(&log, &json!({ "hash": sha256_hex(&client.pem) }), 0).await;
}

#[tokio::test]
async fn the_order_of_results_is_not_that_of_the_log() {
    let log = new_log().await;
    for _ in 0..8 {
        upload(&log, "a").await;
    }
    let mut orders = HashSet::new();
    for _ in 0..8 {
        let found = search(&log, &json!({ "hash": sha256_hex("a") }), 8).await;
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 8);
        orders.insert(found);
    }
    // One order in all eight searches would be a chance of 1 in 8!^7.
    assert!(orders.len() > 1);
}
