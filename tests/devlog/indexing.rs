//! Indexing of new entries: Rekor does it after its answer, if at all; the embedded log as its options say.

use crate::support::*;
use serde_json::json;
use std::time::Duration;
use tlogistry::devlog::{Devlog, Indexing, Options};

async fn with_indexing(indexing: Indexing) -> Devlog {
    Devlog::open(None, Options { indexing, ..options() }).await.unwrap()
}

async fn is_found(log: &Log, id: &str, name: &str) -> bool {
    let hash = json!({ "hash": sha256_hex(name) });
    let found = post(log, SEARCH, &hash).await.json() == json!([id]);
    let (_, entry) = get(log, &format!("{ENTRIES}/{id}")).await.entry();
    assert_eq!(entry.get("attestation").is_some(), found);
    found
}

#[tokio::test]
async fn an_entry_is_indexed_at_once_later_or_never() {
    let log = with_indexing(Indexing::AtOnce).await.into();
    let (id, _) = upload(&log, "a").await;
    assert!(is_found(&log, &id, "a").await);

    let log = with_indexing(Indexing::After(Duration::from_millis(50))).await.into();
    let (id, _) = upload(&log, "a").await;
    assert!(!is_found(&log, &id, "a").await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(is_found(&log, &id, "a").await);

    let devlog = with_indexing(Indexing::Never).await;
    let log = devlog.clone().into();
    let (lost, _) = upload(&log, "a").await;
    assert!(!is_found(&log, &lost, "a").await);
    devlog.set_indexing(Indexing::AtOnce);
    let (id, _) = upload(&log, "a").await;
    assert_eq!(post(&log, SEARCH, &json!({ "hash": sha256_hex("a") })).await.json(), json!([id]));
    // Attestations go by the payload's hash: the second entry's serves the first too.
    let (_, entry) = get(&log, &format!("{ENTRIES}/{lost}")).await.entry();
    assert_eq!(unbase64(&entry["attestation"]["data"]), statement("a"));
}

#[tokio::test]
async fn no_payload_is_stored_by_a_log_that_stores_none() {
    let without = Options { attestations: false, ..options() };
    let log = Devlog::open(None, without).await.unwrap().into();
    let (id, _) = post(&log, ENTRIES, &Client::new().propose(b"{}")).await.entry();
    let (_, entry) = get(&log, &format!("{ENTRIES}/{id}")).await.entry();
    assert!(entry.get("attestation").is_none(), "{entry}");
}
