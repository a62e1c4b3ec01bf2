//! Indexing of new entries: Rekor does it after its answer, if at all; the embedded log as its options say.

use std::time::Duration;

use serde_json::json;
use testing::clock::Clock;
use tlogistry::devlog::{Devlog, Indexing, Options};

use crate::support::*;

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

    let log = with_indexing(Indexing::After(Duration::from_secs(5))).await.into();
    let mut clock = Clock::stop();
    let (id, _) = upload(&log, "a").await;
    assert!(!is_found(&log, &id, "a").await);
    clock.pass_after(std::future::ready(()), tokio::time::sleep(Duration::from_secs(6))).await;
    assert!(is_found(&log, &id, "a").await);
    drop(clock);

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
async fn a_log_without_attestations_stores_no_payload() {
    let without = Options { attestations: false, ..options() };
    let log = Devlog::open(None, without).await.unwrap().into();
    let (id, _) = post(&log, ENTRIES, &Client::new().propose(b"{}")).await.entry();
    let (_, entry) = get(&log, &format!("{ENTRIES}/{id}")).await.entry();
    assert!(entry.get("attestation").is_none(), "{entry}");
}
