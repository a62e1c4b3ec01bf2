//! The head of the tree, its growth, and the log's key.

use crate::support::*;
use serde_json::{Value, json};
use sigstore::rekor::models::consistency_proof::ConsistencyProof;

#[tokio::test]
async fn the_head_of_an_empty_log_is_the_hash_of_nothing() {
    let log = new_log().await;
    let head = get(&log, "/api/v1/log").await.json();
    assert_eq!(head["rootHash"], sha256_hex(""));
    assert_eq!(head["treeSize"], 0);
    assert_eq!(head["inactiveShards"], Value::Null);
    assert_eq!(head.as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn every_growth_up_to_sixteen_entries_is_proven_between_signed_heads() {
    const SIZE: usize = 16;
    let log = new_log().await;
    let mut roots = Vec::new();
    for number in 0..SIZE {
        let (id, _) = upload(&log, &format!("name {number}")).await;
        let head = get(&log, "/api/v1/log").await.json();
        let tree_id = u64::from_str_radix(&id[..16], 16).unwrap();
        assert_eq!(head["treeID"], tree_id.to_string());
        let root = unhex(&head["rootHash"]);
        let size = number as u64 + 1;
        assert_checkpoint(&log, &head["signedTreeHead"], tree_id, size, &root);
        roots.push(root);
    }
    for last in 1..=SIZE {
        for first in 1..=last {
            let path = format!("/api/v1/log/proof?firstSize={first}&lastSize={last}");
            let proof = get(&log, &path).await.json();
            assert_eq!(unhex(&proof["rootHash"]), roots[SIZE - 1], "the current head's");
            let hashes = proof["hashes"].as_array().unwrap().iter().map(unhex);
            let (old, new) = (&roots[first - 1], &roots[last - 1]);
            let proof = ConsistencyProof::new(*new, hashes.collect());
            let verified = proof.verify(first as u64, old, last as u64, Some(new));
            assert!(verified.is_ok(), "{first} to {last}");
            let mut forged = *old;
            forged[0] ^= 1;
            let verified = proof.verify(first as u64, &forged, last as u64, Some(new));
            assert!(verified.is_err(), "{first} to {last}");
        }
    }
}

#[tokio::test]
async fn growth_is_proven_from_one_where_no_first_size_is_given() {
    let log = new_log().await;
    upload(&log, "a").await;
    let head = get(&log, "/api/v1/log").await.json();
    let tree_id = head["treeID"].as_str().unwrap();
    let proof = get(&log, &format!("/api/v1/log/proof?lastSize=1&treeID={tree_id}")).await;
    assert_eq!(proof.json(), json!({ "hashes": [], "rootHash": head["rootHash"] }));
}

#[tokio::test]
async fn the_public_key_is_pem() {
    let log = new_log().await;
    let answer = get(&log, "/api/v1/log/publicKey").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/x-pem-file");
    assert_eq!(answer.bytes, log.public_key_pem());
    assert!(!log.public_key_pem().contains('\r'));
}

#[tokio::test]
async fn ping_answers_a_dot() {
    let log = new_log().await;
    let answer = get(&log, "/ping").await;
    assert_eq!((answer.status.as_u16(), &answer.bytes[..]), (200, &b"."[..]));
}
