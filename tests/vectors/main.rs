//! Other people's vectors: proofs of Merkle trees, and signatures, most of which must be refused.
//!
//! `tests/data/vectors/README.md` and `tests/data/rekor-v2/README.md` say whose they are.

mod rekor2;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tlogistry::key::PublicKey;
use tlogistry::tlog::{Hash, Head, is_consistent, is_included};

fn lines<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    name: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    name: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    public_key_der: String,
    tests: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    tc_id: u64,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

/// Every tree holds an empty one, says RFC 6962. The vectors' authors refuse to answer, since no proof is needed.
const OF_AN_EMPTY_TREE: &str = "consistency/additional/size1-is-zero-and-size2-is-not-zero";

/// A shorter text in a hash's place ("don't care 1") is filled up with zeros, so that equal ones stay equal. `None`
/// for none and for a longer one, which no hash can be.
fn hash(base64: &str) -> Option<Hash> {
    let mut bytes = BASE64_STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty())?;
    bytes.resize(bytes.len().max(32), 0);
    bytes.try_into().ok()
}

fn proof(hashes: Option<Vec<String>>) -> Option<Vec<Hash>> {
    hashes.unwrap_or_default().iter().map(|text| hash(text)).collect()
}

#[test]
fn a_leaf_is_included_where_transparency_dev_says_so() {
    let vectors: Vec<Inclusion> = lines("merkle-inclusion.jsonl");
    assert_eq!((vectors.len(), vectors.iter().filter(|vector| vector.want_err).count()), (98, 92));
    for vector in vectors {
        let holds = || {
            let head = Head { size: vector.tree_size, root: hash(&vector.root)? };
            Some(is_included(&hash(&vector.leaf_hash)?, vector.leaf_idx, head, &proof(vector.proof)?))
        };
        assert_eq!(holds() != Some(true), vector.want_err, "{}", vector.name);
    }
}

#[test]
fn two_heads_are_consistent_where_transparency_dev_says_so() {
    let vectors: Vec<Consistency> = lines("merkle-consistency.jsonl");
    assert_eq!((vectors.len(), vectors.iter().filter(|vector| vector.want_err).count()), (98, 92));
    for vector in vectors {
        let holds = || {
            let earlier = Head { size: vector.size1, root: hash(&vector.root1)? };
            let later = Head { size: vector.size2, root: hash(&vector.root2)? };
            Some(is_consistent(earlier, later, &proof(vector.proof)?))
        };
        let is_refused = vector.want_err && vector.name != OF_AN_EMPTY_TREE;
        assert_eq!(holds() != Some(true), is_refused, "{}", vector.name);
    }
}

/// Checks each signature of a file, and returns how many are of each result.
fn check_signatures(name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for group in lines::<Signed>(name) {
        let key = PublicKey::from_der(&hex::decode(&group.public_key_der).unwrap()).unwrap();
        for test in group.tests {
            let (message, signature) = (hex::decode(&test.msg).unwrap(), hex::decode(&test.sig).unwrap());
            let valid = key.verifies(&message, &signature);
            assert_eq!(valid, test.result == "valid", "{name}, number {}: {}", test.tc_id, test.comment);
            *counts.entry(test.result).or_default() += 1;
        }
    }
    counts
}

#[test]
fn signatures_of_ecdsa_p256_verify_where_wycheproof_says_so() {
    let counts = check_signatures("ecdsa-p256-sha256.jsonl");
    assert_eq!(counts, BTreeMap::from([("invalid".to_owned(), 310), ("valid".to_owned(), 174)]));
}

#[test]
fn signatures_of_ed25519_verify_where_wycheproof_says_so() {
    let counts = check_signatures("ed25519.jsonl");
    assert_eq!(counts, BTreeMap::from([("invalid".to_owned(), 63), ("valid".to_owned(), 88)]));
}
