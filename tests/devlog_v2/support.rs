//! A client of the log, requests to send it, and what checks its answers.

use std::any::Any;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
use sigstore::crypto::signing_key::ecdsa::ec::EcdsaKeys;
use sigstore::crypto::signing_key::{KeyPair as _, Signer as _};
use testing::client::{self, Answer};
use testing::merkle::{Hash, leaf_hash, path, root};
use testing::tiles::TileReader;

pub const ENTRIES: &str = "/api/v2/log/entries";
pub const DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";

/// The log that is asked.
pub struct Log {
    pub url: String,
    pub reader: TileReader,
    /// Kept for its end alone.
    _running: Box<dyn Any + Send + Sync>,
}

impl Log {
    pub fn new(url: String, reader: TileReader, running: Box<dyn Any + Send + Sync>) -> Self {
        Self { url, reader, _running: running }
    }

    pub async fn post(&self, request: &Value) -> Answer {
        self.post_text(request.to_string()).await
    }

    pub async fn post_text(&self, body: impl Into<Vec<u8>>) -> Answer {
        let request =
            client::client().post(format!("{}{ENTRIES}", self.url)).header("content-type", "application/json");
        client::send(request.body(body.into())).await
    }

    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        client::send(client::client().request(method, format!("{}{path}", self.url))).await
    }

    /// Adds a new entry, and returns the answer.
    pub async fn add(&self) -> Value {
        created(self.post(&Signed::new(b"anything").request()).await)
    }

    /// Checks all that can be checked of the answer to an upload, given the leaves of the tree that it speaks of.
    #[track_caller]
    pub fn check(&self, entry: &Value, leaves: &[Vec<u8>]) {
        let body = unbase64(&entry["canonicalizedBody"]);
        let proof = &entry["inclusionProof"];
        let (index, size) = (number(&proof["logIndex"]), number(&proof["treeSize"]));
        assert_eq!(leaves[index], body);
        let hashes: Vec<Hash> = leaves[..size].iter().map(|leaf| leaf_hash(leaf)).collect();
        let root = root(&hashes);
        assert_eq!(self.reader.check(proof["checkpoint"]["envelope"].as_str().unwrap()), (size as u64, root));
        let expected = json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": base64(self.reader.log_id())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionPromise": null,
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": base64(root),
                "treeSize": size.to_string(),
                "hashes": path(index, &hashes).iter().map(base64).collect::<Vec<_>>(),
                "checkpoint": proof["checkpoint"],
            },
            "canonicalizedBody": base64(&body),
        });
        assert_eq!(*entry, expected);
        assert_eq!(proof["checkpoint"].as_object().unwrap().len(), 1);
    }
}

/// The entry of an answer that says it was added.
#[track_caller]
pub fn created(answer: Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (201, "application/json"), "{answer:?}");
    serde_json::from_slice(&answer.bytes).unwrap()
}

/// Asserts an error's status, its gRPC code and its message.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, code: u8, message: &str) {
    let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{answer:?}");
    assert_eq!(body, json!({"code": code, "message": message, "details": []}));
}

/// A client's key, the digest of what it signed, and the signature.
pub struct Signed {
    /// DER.
    pub key: Vec<u8>,
    pub digest: Vec<u8>,
    /// ASN.1 DER.
    pub signature: Vec<u8>,
}

impl Signed {
    /// A message, signed with a new key.
    pub fn new(message: &[u8]) -> Self {
        Self::by(EllipticCurve::P256, message)
    }

    pub fn by(curve: EllipticCurve, message: &[u8]) -> Self {
        let keys = EcdsaKeys::new(curve).unwrap();
        let signature = keys.to_signer().unwrap().sign(message).unwrap();
        Self { key: keys.public_key_to_der().unwrap(), digest: sha256(message), signature }
    }

    pub fn request(&self) -> Value {
        json!({"hashedRekordRequestV002": {
            "digest": base64(&self.digest),
            "signature": {
                "content": base64(&self.signature),
                "verifier": {"publicKey": {"rawBytes": base64(&self.key)}, "keyDetails": DETAILS},
            },
        }})
    }

    /// The leaf that Rekor makes of it: RFC 8785 JSON.
    pub fn leaf(&self) -> String {
        self.leaf_with(&self.signature, DETAILS)
    }

    pub fn leaf_with(&self, signature: &[u8], details: &str) -> String {
        format!(
            r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"SHA2_256","digest":"{}"}},"signature":{{"content":"{}","verifier":{{"keyDetails":"{details}","publicKey":{{"rawBytes":"{}"}}}}}}}}}}}}"#,
            base64(&self.digest),
            base64(signature),
            base64(&self.key),
        )
    }

    /// The signature's two numbers, each in `length` bytes.
    pub fn numbers(&self, length: usize) -> [Vec<u8>; 2] {
        let der = &self.signature;
        let r = &der[4..4 + usize::from(der[3])];
        let s = &der[4 + r.len() + 2..];
        [r, s].map(|number| {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            [&vec![0; length - (number.len() - zeros)], &number[zeros..]].concat()
        })
    }
}

pub fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub fn unbase64(text: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

/// A number that protobuf's JSON has as a string.
#[track_caller]
pub fn number(text: &Value) -> usize {
    text.as_str().unwrap().parse().unwrap()
}
