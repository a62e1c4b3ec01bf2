//! A log for unit tests: each entry is alone in its tree, at the index that the test wants.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Finding, LocalKey};
use crate::dsse;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::tlog::{Checkpoint, Head, LogEntry, LogKeys, leaf_hash};

const TREE_ID: u64 = 7;
const HOST: &str = "log.test";

/// A log, and the instance's key.
pub(crate) struct TestLog {
    log: LocalKey,
    pub key: LocalKey,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        let [log, key] = [(); 2].map(|()| LocalKey::generate().unwrap());
        Self { log, key }
    }

    pub(crate) fn trusted(&self) -> Vec<PublicKey> {
        vec![self.key.public_key().clone()]
    }

    /// Reads an entry as one that a search for `tag` found.
    pub(crate) fn read(&self, tag: &Tag, index: u64, leaf: &Value, attestation: Option<&[u8]>) -> Finding {
        let log_keys = LogKeys::v1(vec![self.log.public_key().clone()]).unwrap();
        Finding::read(tag, self.entry(index, leaf, attestation), &self.trusted(), &log_keys)
    }

    fn entry(&self, index: u64, leaf: &Value, attestation: Option<&[u8]>) -> LogEntry {
        let leaf = serde_json_canonicalizer::to_vec(leaf).unwrap();
        let (root, log) = (leaf_hash(&leaf), &self.log);
        let mut entry = json!({
            "body": BASE64_STANDARD.encode(&leaf),
            "integratedTime": 1_700_000_000,
            "logID": hex::encode(log.public_key().id()),
            "logIndex": index,
        });
        let signed = log.sign(&serde_json_canonicalizer::to_vec(&entry).unwrap()).unwrap();
        entry["verification"] = json!({
            "signedEntryTimestamp": BASE64_STANDARD.encode(signed),
            "inclusionProof": {
                "checkpoint": Checkpoint::sign(HOST, TREE_ID, Head { size: 1, root }, log).unwrap().note(),
                "hashes": [],
                "logIndex": 0,
                "rootHash": hex::encode(root),
                "treeSize": 1,
            },
        });
        if let Some(attestation) = attestation {
            entry["attestation"] = json!({"data": BASE64_STANDARD.encode(attestation)});
        }
        let id = format!("{TREE_ID:016x}{}", hex::encode(root));
        LogEntry::parse(&serde_json::to_vec(&json!({id: entry})).unwrap()).unwrap()
    }

    /// The leaf of a sighting's form: `intoto` 0.0.2, with one signature.
    pub(crate) fn intoto(&self, kind: &str, payload: &[u8]) -> Value {
        let signature = BASE64_STANDARD.encode(self.seal(kind, payload));
        json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
            "envelope": {
                "payloadType": kind,
                "signatures": [{"publicKey": self.pem(), "sig": BASE64_STANDARD.encode(signature)}],
            },
            "hash": sha256(b"envelope"),
            "payloadHash": sha256(payload),
        }}})
    }

    pub(crate) fn dsse(&self, payload: &[u8]) -> Value {
        let signature = BASE64_STANDARD.encode(self.seal(dsse::IN_TOTO, payload));
        json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": sha256(b"envelope"),
            "payloadHash": sha256(payload),
            "signatures": [{"signature": signature, "verifier": self.pem()}],
        }})
    }

    /// The leaf of a file with this content, signed by the instance's key.
    pub(crate) fn hashedrekord(&self, hashed: &[u8], signature: &[u8]) -> Value {
        json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": sha256(hashed)},
            "signature": {"content": BASE64_STANDARD.encode(signature), "publicKey": {"content": self.pem()}},
        }})
    }

    /// A signature over a DSSE envelope's payload and type.
    pub(crate) fn seal(&self, kind: &str, payload: &[u8]) -> Vec<u8> {
        self.key.sign(&dsse::pae(kind, payload)).unwrap()
    }

    fn pem(&self) -> String {
        BASE64_STANDARD.encode(self.key.public_key().pem())
    }
}

fn sha256(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(bytes))})
}
