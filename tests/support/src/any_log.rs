//! A log that holds whatever leaf a test gives it, under any hash, with proofs that hold: Rekor's side is the test's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tlogistry::cli::listen;
use tlogistry::config::LogConfig;
use tlogistry::tlog::LogKeys;
use tokio::sync::watch;

use crate::filed::{Filed, Key};

type Hash = [u8; 32];

const TREE_ID: u64 = 0x1122_3344_5566_7788;
const HOST: &str = "any.log.test";
/// Indexes count over all shards.
const FIRST_INDEX: usize = 5_000;
/// Ids that Rekor takes in one retrieval.
const RETRIEVE_LIMIT: usize = 10;

/// A fault of every answer that holds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plight {
    /// It is left out.
    Missing,
    /// The whole answer is no JSON.
    Broken,
    /// Its time is not the one that the log signed.
    Altered,
}

struct Leaf {
    bytes: Vec<u8>,
    hash: Hash,
    attestation: Option<Vec<u8>>,
}

struct State {
    key: Key,
    leaves: Vec<Leaf>,
    listed: HashMap<String, Vec<String>>,
    plights: HashMap<String, Plight>,
    /// Retrievals that are answered before the log fails, and those that there must have been by then.
    fails_after: Option<(usize, usize)>,
    uploads: usize,
    /// Entries as they are answered while nothing is added: the largest take a while.
    rendered: HashMap<String, Arc<str>>,
}

/// Clones are one log.
#[derive(Clone)]
pub struct AnyLog {
    state: Arc<Mutex<State>>,
    /// The ids of each retrieval.
    retrieved: watch::Receiver<Vec<Vec<String>>>,
    pub url: String,
}

impl AnyLog {
    pub async fn start() -> Self {
        let state = State {
            key: Key::generate(),
            leaves: Vec::new(),
            listed: HashMap::new(),
            plights: HashMap::new(),
            fails_after: None,
            uploads: 0,
            rendered: HashMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let (served, (told, retrieved)) = (state.clone(), watch::channel(Vec::new()));
        let told = Arc::new(told);
        let handler = move |request| {
            let (state, told, mut retrieved) = (served.clone(), told.clone(), told.subscribe());
            async move {
                let request = match listen::read(request, 1 << 20).await {
                    Ok(request) => request,
                    Err(refusal) => return refusal,
                };
                let ids = ids_to_retrieve(&request);
                let Some(ids) = ids else { return state.lock().unwrap().answer(&request).map(Full::new) };
                told.send_modify(|retrieved| retrieved.push(ids.clone()));
                let due = state.lock().unwrap().failure_due();
                if let Some(asked) = due {
                    retrieved.wait_for(|retrieved| retrieved.len() >= asked).await.unwrap();
                    return Response::builder().status(500).body(Full::default()).unwrap();
                }
                state.lock().unwrap().retrieval(&ids).map(Full::new)
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        Self { state, retrieved, url: format!("http://{address}") }
    }

    pub fn config(&self) -> LogConfig {
        let key = self.state.lock().unwrap().key.public.clone();
        LogConfig::v1(self.url.parse().unwrap(), LogKeys::v1(vec![key]).unwrap())
    }

    /// PEM.
    pub fn public_key(&self) -> String {
        self.state.lock().unwrap().key.pem()
    }

    /// Takes an entry in, and lists it under these sha256 (hexadecimal). Returns its id.
    pub fn file(&self, filed: &Filed, under: &[&str]) -> String {
        let bytes = serde_json_canonicalizer::to_vec(&filed.leaf).unwrap();
        self.state.lock().unwrap().file(bytes, filed.attestation.clone(), under)
    }

    pub fn spoil(&self, id: &str, plight: Plight) {
        let mut state = self.state.lock().unwrap();
        state.plights.insert(id.to_owned(), plight);
        state.rendered.remove(id);
    }

    /// From now on the log answers so many retrievals and fails the others, once it was asked `asked` in all.
    pub fn fails_after(&self, answered: usize, asked: usize) {
        let before = self.retrieved.borrow().len();
        self.state.lock().unwrap().fails_after = Some((answered, before + asked));
    }

    pub fn heals(&self) {
        self.state.lock().unwrap().fails_after = None;
    }

    /// The ids of each retrieval until now.
    pub fn retrieved(&self) -> Vec<Vec<String>> {
        self.retrieved.borrow().clone()
    }

    pub fn uploads(&self) -> usize {
        self.state.lock().unwrap().uploads
    }
}

fn ids_to_retrieve(request: &Request<Bytes>) -> Option<Vec<String>> {
    if request.uri().path() != "/api/v1/log/entries/retrieve" {
        return None;
    }
    let query: Value = serde_json::from_slice(request.body()).unwrap();
    Some(query["entryUUIDs"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect())
}

impl State {
    /// If a retrieval is to fail: how many there must have been by then.
    fn failure_due(&mut self) -> Option<usize> {
        let (left, asked) = self.fails_after.as_mut()?;
        if *left == 0 {
            return Some(*asked);
        }
        *left -= 1;
        None
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/api/v1/index/retrieve") => {
                let query: Value = serde_json::from_slice(request.body()).unwrap();
                let hash = query["hash"].as_str().unwrap().strip_prefix("sha256:").unwrap();
                let listed = self.listed.get(hash).cloned().unwrap_or_default();
                answer(200, json!(listed))
            }
            (&Method::POST, "/api/v1/log/entries") => self.upload(request.body()),
            (&Method::GET, "/api/v1/log") => {
                let root = hex::encode(self.root(0, self.leaves.len()));
                answer(
                    200,
                    json!({
                        "rootHash": root, "treeSize": self.leaves.len(), "signedTreeHead": self.checkpoint(),
                        "treeID": TREE_ID.to_string(), "inactiveShards": [],
                    }),
                )
            }
            (&Method::GET, path) => {
                let id = path.strip_prefix("/api/v1/log/entries/").unwrap_or_else(|| panic!("{path} is asked for"));
                match self.entry(id) {
                    Some(entry) => Response::new(Bytes::copy_from_slice(entry.as_bytes())),
                    None => answer(404, json!({"code": 404, "message": "not found"})),
                }
            }
            (method, path) => panic!("{method} {path} is asked for"),
        }
    }

    fn retrieval(&mut self, ids: &[String]) -> Response<Bytes> {
        if ids.len() > RETRIEVE_LIMIT {
            return answer(422, json!({"code": 422, "message": "entryUUIDs in body should have at most 10 items"}));
        }
        if ids.iter().any(|id| self.plights.get(id) == Some(&Plight::Broken)) {
            return Response::new(Bytes::from_static(b"[{"));
        }
        let entries: Vec<Arc<str>> = ids.iter().filter_map(|id| self.entry(id)).collect();
        Response::new(format!("[{}]", entries.join(",")).into())
    }

    fn file(&mut self, bytes: Vec<u8>, attestation: Option<Vec<u8>>, under: &[&str]) -> String {
        let hash = Sha256::digest([&[0], &bytes[..]].concat()).into();
        let id = id(&hash);
        self.leaves.push(Leaf { bytes, hash, attestation });
        self.rendered.clear();
        for hash in under {
            self.listed.entry((*hash).to_owned()).or_default().push(id.clone());
        }
        id
    }

    /// As Rekor does with `intoto` 0.0.2, and with nothing else.
    fn upload(&mut self, body: &[u8]) -> Response<Bytes> {
        self.uploads += 1;
        let mut entry: Value = serde_json::from_slice(body).unwrap();
        let envelope = entry.pointer_mut("/spec/content/envelope").unwrap().as_object_mut().unwrap();
        let payload = BASE64_STANDARD.decode(envelope.remove("payload").unwrap().as_str().unwrap()).unwrap();
        let payload = BASE64_STANDARD.decode(payload).unwrap();
        let hash = hex::encode(Sha256::digest(&payload));
        entry["spec"]["content"]["payloadHash"] = json!({"algorithm": "sha256", "value": hash});
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        let subjects = statement["subject"].as_array().unwrap().iter();
        let mut under: Vec<&str> = subjects.map(|subject| subject["digest"]["sha256"].as_str().unwrap()).collect();
        under.push(&hash);
        let id = self.file(serde_json_canonicalizer::to_vec(&entry).unwrap(), Some(payload), &under);
        let mut entry = self.render(self.leaves.len() - 1);
        entry[&id].as_object_mut().unwrap().remove("attestation");
        answer(201, entry)
    }

    fn entry(&mut self, asked: &str) -> Option<Arc<str>> {
        if self.plights.get(asked) == Some(&Plight::Missing) {
            return None;
        }
        if let Some(rendered) = self.rendered.get(asked) {
            return Some(rendered.clone());
        }
        let number = self.leaves.iter().position(|leaf| id(&leaf.hash) == asked)?;
        let mut rendered = self.render(number);
        if self.plights.get(asked) == Some(&Plight::Altered) {
            rendered[asked]["integratedTime"] = json!(1_600_000_000);
        }
        let rendered: Arc<str> = rendered.to_string().into();
        self.rendered.insert(asked.to_owned(), rendered.clone());
        Some(rendered)
    }

    fn render(&self, number: usize) -> Value {
        let leaf = &self.leaves[number];
        let mut entry = json!({
            "body": BASE64_STANDARD.encode(&leaf.bytes),
            "integratedTime": 1_700_000_000 + number,
            "logID": hex::encode(self.key.public.id()),
            "logIndex": FIRST_INDEX + number,
        });
        let timestamp = self.key.sign(&serde_json_canonicalizer::to_vec(&entry).unwrap());
        let size = self.leaves.len();
        entry["verification"] = json!({
            "signedEntryTimestamp": BASE64_STANDARD.encode(timestamp),
            "inclusionProof": {
                "checkpoint": self.checkpoint(),
                "hashes": self.path(number, 0, size).iter().map(hex::encode).collect::<Vec<_>>(),
                "logIndex": number,
                "rootHash": hex::encode(self.root(0, size)),
                "treeSize": size,
            },
        });
        if let Some(attestation) = &leaf.attestation {
            entry["attestation"] = json!({"data": BASE64_STANDARD.encode(attestation)});
        }
        json!({id(&leaf.hash): entry})
    }

    /// The Merkle tree hash of the leaves from `start` to `end` (RFC 6962 section 2.1).
    fn root(&self, start: usize, end: usize) -> Hash {
        match end - start {
            0 => Sha256::digest([]).into(),
            1 => self.leaves[start].hash,
            size => {
                let middle = start + split(size);
                let (left, right) = (self.root(start, middle), self.root(middle, end));
                Sha256::digest([&[1][..], &left, &right].concat()).into()
            }
        }
    }

    /// The audit path of one of them (RFC 6962 section 2.1.1).
    fn path(&self, number: usize, start: usize, end: usize) -> Vec<Hash> {
        if end - start == 1 {
            return Vec::new();
        }
        let middle = start + split(end - start);
        let (mut path, other) = if number < middle {
            (self.path(number, start, middle), self.root(middle, end))
        } else {
            (self.path(number, middle, end), self.root(start, middle))
        };
        path.push(other);
        path
    }

    /// A signed note, with Rekor's key hint.
    fn checkpoint(&self) -> String {
        let root = BASE64_STANDARD.encode(self.root(0, self.leaves.len()));
        let text = format!("{HOST} - {TREE_ID}\n{}\n{root}\n", self.leaves.len());
        let signature = [&self.key.public.id()[..4], &self.key.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} {HOST} {}\n", BASE64_STANDARD.encode(signature))
    }
}

fn answer(status: u16, body: Value) -> Response<Bytes> {
    Response::builder().status(status).body(body.to_string().into()).unwrap()
}

fn id(leaf_hash: &Hash) -> String {
    format!("{TREE_ID:016x}{}", hex::encode(leaf_hash))
}

/// The largest power of two that is smaller.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}
