//! Proxies between an instance and its log or its table: they count calls, change answers, or fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::dynamodb_call::{DynamoDbCall, access_denied, proxy};
use testing::table::Table;
use tlogistry::cli::listen;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::key::PublicKey;
use tlogistry::ledger::Ledger;
use tlogistry::tlog::LogKeys;
use tokio::sync::Notify;

/// A log that can file entries of strangers, which no log has to verify, under any hash.
#[derive(Clone)]
pub struct Log {
    devlog: Devlog,
    pub config: LogConfig,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// A search that names this hash fails.
    failing: Option<String>,
    /// Ids of strangers' entries by the hash that they are filed under.
    filed: BTreeMap<String, Vec<String>>,
    /// Strangers' entries by id.
    entries: BTreeMap<String, Value>,
    searches: Vec<String>,
}

impl Log {
    pub async fn start() -> Self {
        let devlog = Devlog::open(None, Options::default()).await.unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let (behind, shared) = (devlog.clone(), state.clone());
        let handler = move |request| {
            let (behind, shared) = (behind.clone(), shared.clone());
            async move {
                let request: Request<Bytes> = listen::read(request, 1 << 20).await.unwrap();
                answer(&behind, &shared, request).await.map(Full::new)
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        let keys = LogKeys::v1(vec![PublicKey::from_pem(devlog.public_key_pem()).unwrap()]).unwrap();
        Self { devlog, config: LogConfig::v1(format!("http://{address}").parse().unwrap(), keys), state }
    }

    /// From now on a search for this hash fails, or none.
    pub fn fail(&self, hash: Option<&str>) {
        self.state.lock().unwrap().failing = hash.map(str::to_owned);
    }

    /// Files `count` entries of another kind, with a leaf of `size` bytes at least each, under a hash.
    pub fn file(&self, hash: &str, count: usize, size: usize) {
        let mut state = self.state.lock().unwrap();
        for number in state.entries.len()..state.entries.len() + count {
            let leaf =
                json!({"kind": "stranger", "apiVersion": "1", "n": number, "text": "x".repeat(size)}).to_string();
            let id = hex::encode(Sha256::digest([&[0], leaf.as_bytes()].concat()));
            let body = BASE64_STANDARD.encode(leaf);
            let entry = json!({"body": body, "integratedTime": 1, "logID": "ab", "logIndex": number});
            state.entries.insert(id.clone(), json!({&id: entry}));
            state.filed.entry(hash.to_owned()).or_default().push(id);
        }
    }

    /// Counts the searches for a hash.
    pub fn searches(&self, hash: &str) -> usize {
        self.state.lock().unwrap().searches.iter().filter(|searched| *searched == hash).count()
    }

    /// Entries that were uploaded.
    pub async fn size(&self) -> u64 {
        let request = Request::get("/api/v1/log").body(Bytes::new()).unwrap();
        let answer: Value = serde_json::from_slice(self.devlog.handle(request).await.body()).unwrap();
        answer["treeSize"].as_u64().unwrap()
    }
}

async fn answer(behind: &Devlog, shared: &Mutex<State>, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    if path.ends_with("/index/retrieve") {
        let hash = asked["hash"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        let filed = {
            let mut state = shared.lock().unwrap();
            state.searches.push(hash.clone());
            if state.failing.as_ref() == Some(&hash) {
                return with_status(StatusCode::INTERNAL_SERVER_ERROR);
            }
            state.filed.get(&hash).cloned().unwrap_or_default()
        };
        let answer = behind.handle(request).await;
        return extended(answer, filed.into_iter().map(Value::from));
    }
    if path.ends_with("/entries/retrieve") {
        let (strangers, known): (Vec<Value>, Vec<Value>) = {
            let state = shared.lock().unwrap();
            let ids = asked["entryUUIDs"].as_array().unwrap().iter().cloned();
            ids.partition(|id| state.entries.contains_key(id.as_str().unwrap()))
        };
        let found: Vec<Value> = {
            let state = shared.lock().unwrap();
            strangers.iter().map(|id| state.entries[id.as_str().unwrap()].clone()).collect()
        };
        let answer = match known.is_empty() {
            true => Response::new(Bytes::from_static(b"[]")),
            false => {
                let body = Bytes::from(json!({"entryUUIDs": known}).to_string());
                behind.handle(request.map(|_| body)).await
            }
        };
        return extended(answer, found.into_iter());
    }
    behind.handle(request).await
}

fn extended(answer: Response<Bytes>, more: impl Iterator<Item = Value>) -> Response<Bytes> {
    let mut list: Vec<Value> = serde_json::from_slice(answer.body()).unwrap();
    list.extend(more);
    answer.map(|_| Bytes::from(Value::from(list).to_string()))
}

fn with_status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Passes calls on to DynamoDB and keeps what they name.
pub struct Calls {
    endpoint: String,
    state: Arc<Mutex<CallsState>>,
}

#[derive(Default)]
struct CallsState {
    calls: Vec<String>,
    /// The next such call is carried out, and its answer is lost.
    losing: Option<String>,
    /// Calls of this operation are refused.
    refusing: Option<&'static str>,
    /// Calls that name a key with this part are refused.
    refusing_key: Option<String>,
    /// Such calls are not carried out until the gate opens.
    holding: Option<(String, Arc<Notify>)>,
}

impl Calls {
    pub async fn to(endpoint: &'static str) -> Self {
        let state: Arc<Mutex<CallsState>> = Arc::default();
        let shared = state.clone();
        let answer = move |own: DynamoDbCall| {
            let shared = shared.clone();
            async move {
                let (operation, asked) = (&own.operation, &own.asked);
                let key = asked["Key"]["tag"]["S"].as_str().or(asked["Item"]["tag"]["S"].as_str()).unwrap();
                let call = format!("{operation} {key}");
                let (is_refused, is_lost, gate) = {
                    let mut state = shared.lock().unwrap();
                    state.calls.push(call.clone());
                    let gate = state.holding.as_ref().filter(|(held, _)| *held == call).map(|(_, gate)| gate.clone());
                    let is_refused = state.refusing == Some(operation.as_str())
                        || state.refusing_key.as_ref().is_some_and(|part| call.contains(part));
                    (is_refused, state.losing.take_if(|losing| *losing == call).is_some(), gate)
                };
                if is_refused {
                    return access_denied();
                }
                if let Some(gate) = gate {
                    gate.notified().await;
                }
                let answer = own.forward().await;
                if is_lost { with_status(StatusCode::INTERNAL_SERVER_ERROR).map(Full::new) } else { answer }
            }
        };
        Self { endpoint: proxy(endpoint, answer).await, state }
    }

    /// A ledger in `table` whose calls pass here.
    pub fn ledger(&self, table: &Table) -> Ledger {
        table.ledger_through(&self.endpoint)
    }

    /// The next call of this operation that names this key is carried out, and its answer is lost.
    pub fn lose_answer(&self, operation: &str, key: &str) {
        self.state.lock().unwrap().losing = Some(format!("{operation} {key}"));
    }

    /// From now on calls of this operation are refused, as by a policy; with `None`, of none.
    pub fn refuse(&self, operation: Option<&'static str>) {
        self.state.lock().unwrap().refusing = operation;
    }

    /// From now on calls that name a key with this part are refused, as by a policy; with `None`, of none.
    pub fn refuse_key(&self, part: Option<&str>) {
        self.state.lock().unwrap().refusing_key = part.map(str::to_owned);
    }

    /// A call of this operation that names this key is not carried out until the gate is opened.
    pub fn hold(&self, operation: &str, key: &str) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.state.lock().unwrap().holding = Some((format!("{operation} {key}"), gate.clone()));
        gate
    }

    /// The calls since this was last asked that name this key, by their operation.
    pub fn of(&self, key: &str) -> Vec<String> {
        let calls = self.all();
        let operations = calls.iter().filter_map(|call| call.strip_suffix(key)?.strip_suffix(' '));
        operations.map(str::to_owned).collect()
    }

    /// The calls since this was last asked, each with its key.
    pub fn all(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }
}
