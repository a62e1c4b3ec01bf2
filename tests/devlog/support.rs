//! A client of the log, envelopes to send it, and what checks its answers.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
use sigstore::crypto::signing_key::ecdsa::ec::EcdsaKeys;
use sigstore::crypto::signing_key::{KeyPair, Signer};
use sigstore::crypto::{CosignVerificationKey, Signature, SigningScheme};
use sigstore::rekor::models::checkpoint::SignedCheckpoint;
use sigstore::rekor::models::inclusion_proof::InclusionProof;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::transparency_log::{self, TransparencyLog};
use testing::{client, process::PATIENCE, rekor};
use tlogistry::devlog::{Devlog, Options};

pub const HOSTNAME: &str = "log.example";
pub const FIRST_INDEX: u32 = 4_163_431;
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
pub const ENTRIES: &str = "/api/v1/log/entries";
pub const SEARCH: &str = "/api/v1/index/retrieve";
pub const RETRIEVE: &str = "/api/v1/log/entries/retrieve";

pub fn options() -> Options {
    Options { hostname: HOSTNAME.to_owned(), first_index: FIRST_INDEX, ..Options::default() }
}

/// The log that is asked.
#[derive(Clone)]
pub enum Log {
    Embedded(Devlog),
    /// With its key and what it is called.
    Rekor(Arc<TransparencyLog>),
}

impl From<Devlog> for Log {
    fn from(devlog: Devlog) -> Self {
        Self::Embedded(devlog)
    }
}

impl Log {
    pub fn public_key_pem(&self) -> &str {
        match self {
            Self::Embedded(devlog) => devlog.public_key_pem(),
            Self::Rekor(log) => &log.public_key,
        }
    }

    pub fn hostname(&self) -> &str {
        match self {
            Self::Embedded(_) => HOSTNAME,
            Self::Rekor(_) => rekor::HOSTNAME,
        }
    }

    /// The `logIndex` of the first entry.
    pub fn first_index(&self) -> u64 {
        match self {
            Self::Embedded(_) => FIRST_INDEX.into(),
            Self::Rekor(_) => 0,
        }
    }
}

/// A new log of the kind that the tests are run against: the embedded one in memory, or the real Rekor.
pub async fn new_log() -> Log {
    if transparency_log::is_rekor() { Log::Rekor(Arc::new(TransparencyLog::rekor())) } else { embedded().await }
}

/// The embedded log, whatever the tests are run against: for what it alone does.
pub async fn embedded() -> Log {
    Devlog::open(None, options()).await.unwrap().into()
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The id and the entry of an answer that is one entry.
    pub fn entry(&self) -> (String, Value) {
        one_entry(&self.json())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Asserts Rekor's error body, whole.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: u16, message: &str) {
        assert_eq!(self.error(status, code), message);
    }

    /// The message of Rekor's error body.
    #[track_caller]
    pub fn error(&self, status: u16, code: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let body = self.json();
        assert_eq!((&body["code"], body.as_object().map(|body| body.len())), (&code.into(), Some(2)), "{body}");
        assert_eq!(self.header("content-type"), "application/json");
        body["message"].as_str().unwrap().to_owned()
    }
}

pub fn one_entry(answer: &Value) -> (String, Value) {
    let entries = answer.as_object().unwrap();
    assert_eq!(entries.len(), 1);
    let (id, entry) = entries.iter().next().unwrap();
    (id.clone(), entry.clone())
}

pub async fn get(log: &Log, path: &str) -> Answer {
    send(log, Request::get(path).body(Bytes::new()).unwrap()).await
}

pub async fn post(log: &Log, path: &str, body: &Value) -> Answer {
    post_bytes(log, path, body.to_string().into()).await
}

pub async fn post_bytes(log: &Log, path: &str, body: Bytes) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    send(log, request.body(body).unwrap()).await
}

pub async fn send(log: &Log, request: Request<Bytes>) -> Answer {
    match log {
        Log::Embedded(devlog) => {
            let (parts, bytes) = devlog.handle(request).await.into_parts();
            Answer { status: parts.status, headers: parts.headers, bytes }
        }
        Log::Rekor(rekor) => {
            let (parts, body) = request.into_parts();
            let url = format!("{}{}", rekor.url, parts.uri);
            let request = client::client().request(parts.method, url).headers(parts.headers).body(body);
            let client::Answer { status, headers, bytes } = client::send(request).await;
            Answer { status: StatusCode::from_u16(status).unwrap(), headers, bytes }
        }
    }
}

/// Uploads a statement about `name`, newly signed, and returns its id and entry.
pub async fn upload(log: &Log, name: &str) -> (String, Value) {
    let answer = post(log, ENTRIES, &Client::new().propose(&statement(name))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.entry()
}

/// An entry, once its attestation is shown: Rekor stores it after its answer to the upload.
pub async fn attested_entry(log: &Log, id: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, entry) = get(log, &format!("{ENTRIES}/{id}")).await.entry();
        if entry.get("attestation").is_some() {
            return entry;
        }
        assert!(Instant::now() < deadline, "no attestation is shown: {entry}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The ids that a search answers, once there are `count`: Rekor indexes an entry after its answer to the upload.
pub async fn search(log: &Log, query: &Value, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = post(log, SEARCH, query).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let found: Vec<String> = serde_json::from_slice(&answer.bytes).unwrap();
        if found.len() == count {
            return found;
        }
        assert!(Instant::now() < deadline, "{query}: {found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A statement that names the sha256 of `name`.
pub fn statement(name: &str) -> Vec<u8> {
    let subject = json!([{ "name": name, "digest": { "sha256": sha256_hex(name) } }]);
    json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicate": {} }).to_string().into()
}

pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub fn unbase64(text: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

/// A client's key, and proposals signed with it.
pub struct Client {
    keys: EcdsaKeys,
    pub pem: String,
}

impl Client {
    pub fn new() -> Self {
        let keys = EcdsaKeys::new(EllipticCurve::P256).unwrap();
        let pem = keys.public_key_to_pem().unwrap().replace("\r\n", "\n");
        Self { keys, pem }
    }

    /// A proposed entry of kind `intoto` 0.0.2, signed over the payload's PAE.
    pub fn propose(&self, payload: &[u8]) -> Value {
        let pae = [format!("DSSEv1 28 {IN_TOTO} {} ", payload.len()).as_bytes(), payload].concat();
        let sig = self.keys.to_signer().unwrap().sign(&pae).unwrap();
        proposal(payload, &base64(sig), &self.pem)
    }
}

/// A proposed entry as a client builds it: payload and signature in base64 of base64.
pub fn proposal(payload: &[u8], sig: &str, pem: &str) -> Value {
    json!({ "apiVersion": "0.0.2", "kind": "intoto", "spec": { "content": {
        "envelope": {
            "payload": base64(base64(payload)),
            "payloadType": IN_TOTO,
            "signatures": [{ "publicKey": base64(pem), "sig": base64(sig) }],
        },
        "hash": { "algorithm": "sha256", "value": sha256_hex(sig) },
    }}})
}

pub fn log_key(log: &Log) -> CosignVerificationKey {
    let pem = log.public_key_pem().as_bytes();
    CosignVerificationKey::from_pem(pem, &SigningScheme::ECDSA_P256_SHA256_ASN1).unwrap()
}

/// sha256 of the log key's DER.
pub fn log_id(log: &Log) -> [u8; 32] {
    let pem = log.public_key_pem();
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let der = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
    Sha256::digest(der).into()
}

/// Checks everything that a client can check about an entry but its attestation: id, log id,
/// SET, inclusion in the tree whose root the checkpoint signs, and the checkpoint's text.
#[track_caller]
pub fn assert_verifies(log: &Log, id: &str, entry: &Value) {
    let body = unbase64(&entry["body"]);
    let leaf = Sha256::new().chain_update([0]).chain_update(&body).finalize();
    assert_eq!(id[16..], hex::encode(leaf));
    assert_eq!(entry["logID"], hex::encode(log_id(log)));

    let signed = format!(
        r#"{{"body":{},"integratedTime":{},"logID":{},"logIndex":{}}}"#,
        entry["body"], entry["integratedTime"], entry["logID"], entry["logIndex"]
    );
    let verification = &entry["verification"];
    let set = unbase64(&verification["signedEntryTimestamp"]);
    let set = log_key(log).verify_signature(Signature::Raw(&set), signed.as_bytes());
    set.expect("the signed entry timestamp verifies");

    let proof = &verification["inclusionProof"];
    let (index, size) = (proof["logIndex"].as_u64(), proof["treeSize"].as_u64());
    assert_eq!(entry["logIndex"].as_u64(), index.map(|index| index + log.first_index()));
    let root = unhex(&proof["rootHash"]);
    let hashes = proof["hashes"].as_array().unwrap();
    let checkpoint: SignedCheckpoint = serde_json::from_value(proof["checkpoint"].clone()).unwrap();
    InclusionProof::new(
        index.unwrap() as i64,
        root,
        size.unwrap(),
        hashes.iter().map(unhex).collect(),
        Some(checkpoint),
    )
    .verify(&body, &log_key(log))
    .expect("the leaf is in the tree");
    let tree_id = u64::from_str_radix(&id[..16], 16).unwrap();
    assert_checkpoint(log, &proof["checkpoint"], tree_id, size.unwrap(), &root);
}

/// Checks a checkpoint's text to the byte, and its signature.
#[track_caller]
pub fn assert_checkpoint(log: &Log, text: &Value, tree_id: u64, size: u64, root: &[u8]) {
    let text = text.as_str().unwrap();
    let hostname = log.hostname();
    let note = format!("{hostname} - {tree_id}\n{size}\n{}\n", base64(root));
    let line = text.strip_prefix(&note).unwrap_or_else(|| panic!("{text}"));
    let line = line.strip_prefix(&format!("\n— {hostname} ")).unwrap();
    let signature = BASE64_STANDARD.decode(line.strip_suffix('\n').unwrap());
    let signature = signature.unwrap();
    assert_eq!(signature[..4], log_id(log)[..4], "the key hint");
    let verified = log_key(log).verify_signature(Signature::Raw(&signature[4..]), note.as_bytes());
    verified.expect("the checkpoint verifies");
}

pub fn unhex(text: &Value) -> [u8; 32] {
    let bytes = hex::decode(text.as_str().unwrap()).unwrap();
    bytes.try_into().unwrap()
}
