//! A log behind a proxy that can change its answers, drop them or hold them back: the embedded one, or the real Rekor v2.

use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tlogistry::config::LogConfig;
use tlogistry::deadline::Deadline;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::dsse::SignedPayload;
use tlogistry::image::{Digest, Tag};
use tlogistry::key::PublicKey;
use tlogistry::sighting::{Signer, parse_statement, subject_hash};
use tlogistry::tlog::{Checkpoint, LogKey, LogKeys, RekorApi};
use tokio::sync::{Semaphore, watch};

use super::super::rekor_tiles::RekorTiles;
use super::wire::{self, Wire};

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Upload,
    Entry,
    Search,
    Retrieve,
    Head,
    Tile,
}

/// A fault at a call.
#[derive(Clone)]
pub enum Fault {
    /// The connection closes; the log never sees the request.
    Dropped,
    /// The connection closes after the log has done what it was asked.
    AnswerLost,
    Answer(u16, Vec<(&'static str, &'static str)>, &'static str),
    CutShort,
    Endless,
    TarPit,
    Silent,
    /// The answer, changed.
    Edited(Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// The log is asked once the gate has a permit.
    Gate(Arc<Semaphore>),
}

/// The change to a checkpoint on its way out.
type Cosign = Arc<dyn Fn(&str) -> String + Send + Sync>;

struct Rule {
    call: Option<Call>,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    asked: Vec<Call>,
    cosign: Option<Cosign>,
}

/// The log behind the proxy.
#[derive(Clone)]
enum Behind {
    Embedded(Devlog),
    Rekor(Arc<RekorTiles>),
}

impl Behind {
    fn api(&self) -> RekorApi {
        match self {
            Self::Embedded(log) => log.api(),
            Self::Rekor(_) => RekorApi::V2,
        }
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self {
            Self::Embedded(log) => log.handle(request).await,
            Self::Rekor(log) => log.handle(request).await,
        }
    }
}

/// Clones are one log.
#[derive(Clone)]
pub struct Log {
    behind: Behind,
    address: String,
    state: Arc<Mutex<State>>,
    calls: watch::Receiver<Vec<Call>>,
}

impl Log {
    pub async fn start() -> Self {
        Self::of(Devlog::open(None, Options::default()).await.unwrap()).await
    }

    /// One with the API of Rekor v2.
    pub async fn v2() -> Self {
        let options = Options { api: RekorApi::V2, ..Options::default() };
        Self::of(Devlog::open(None, options).await.unwrap()).await
    }

    pub async fn of(devlog: Devlog) -> Self {
        Self::before(Behind::Embedded(devlog)).await
    }

    /// The real Rekor v2.
    pub async fn rekor(log: Arc<RekorTiles>) -> Self {
        Self::before(Behind::Rekor(log)).await
    }

    async fn before(behind: Behind) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (served, rules) = (behind.clone(), state.clone());
        let (told, calls) = watch::channel(Vec::new());
        let address = wire::serve(move |request| {
            told.send_modify(|calls| calls.push(call(&request)));
            answer(served.clone(), rules.clone(), request)
        });
        Self { behind, address: address.await, state, calls }
    }

    pub fn config(&self) -> LogConfig {
        match &self.behind {
            Behind::Embedded(log) => super::super::log::config(log, &self.url()),
            Behind::Rekor(log) => {
                let key = PublicKey::from_pem(&log.public_key).unwrap();
                let keys = LogKeys::new(vec![LogKey::v2(key, &log.origin).unwrap()]).unwrap();
                LogConfig::v2(self.url().parse().unwrap(), keys)
            }
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn public_key_pem(&self) -> &str {
        match &self.behind {
            Behind::Embedded(log) => log.public_key_pem(),
            Behind::Rekor(log) => &log.public_key,
        }
    }

    pub fn fails(&self, call: Call, fault: Fault) {
        self.rule(Some(call), usize::MAX, fault);
    }

    pub fn fails_once(&self, call: Call, fault: Fault) {
        self.rule(Some(call), 1, fault);
    }

    /// Every call fails so.
    pub fn is_down(&self, fault: Fault) {
        self.rule(None, usize::MAX, fault);
    }

    /// Each entry that the log answers to `call` is changed.
    pub fn edits(&self, call: Call, edit: impl Fn(&mut Value) + Send + Sync + 'static) {
        let edited = move |answer: &mut Value| match answer {
            Value::Array(items) => items.iter_mut().for_each(|item| entry_of(item).into_iter().for_each(&edit)),
            item => entry_of(item).into_iter().for_each(&edit),
        };
        self.fails(call, Fault::Edited(Arc::new(edited)));
    }

    fn rule(&self, call: Option<Call>, times: usize, fault: Fault) {
        self.state.lock().unwrap().rules.push(Rule { call, times, fault });
    }

    pub fn heals(&self) {
        self.state.lock().unwrap().rules.clear();
    }

    /// The checkpoints of a Rekor v2 are published as `cosign` makes them, from now on.
    pub fn is_cosigned(&self, cosign: impl Fn(&str) -> String + Send + Sync + 'static) {
        self.state.lock().unwrap().cosign = Some(Arc::new(cosign));
    }

    /// The name in the checkpoints of a Rekor v2.
    pub fn origin(&self) -> String {
        let keys = self.config().keys;
        keys.iter().find_map(|key| key.origin()).expect("a Rekor v2").to_owned()
    }

    /// Waits until there has been such a call.
    pub async fn asks(&self, call: Call) {
        self.calls.clone().wait_for(|calls| calls.contains(&call)).await.unwrap();
    }

    /// Waits for the next such call from now on.
    pub fn next(&self, call: Call) -> impl Future<Output = ()> + use<> {
        self.next_calls(call, 1)
    }

    /// Waits for so many such calls from now on.
    pub fn next_calls(&self, call: Call, times: usize) -> impl Future<Output = ()> + use<> {
        let (mut calls, before) = (self.calls.clone(), self.calls.borrow().len());
        let count = move |calls: &Vec<Call>| calls[before..].iter().filter(|one| **one == call).count();
        async move { drop(calls.wait_for(|calls| count(calls) >= times).await.unwrap()) }
    }

    /// The calls since this was called last.
    pub fn asked(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The answer to a request for its head, asked behind the proxy.
    pub async fn head(&self) -> String {
        let request = Request::get("/api/v1/log").body(Bytes::new()).unwrap();
        String::from_utf8(self.behind.handle(request).await.into_body().to_vec()).unwrap()
    }

    /// The number of entries, asked behind the proxy.
    pub async fn size(&self) -> u64 {
        match self.behind.api() {
            RekorApi::V1 => self.ask(Method::GET, "/api/v1/log", Value::Null).await["treeSize"].as_u64().unwrap(),
            RekorApi::V2 => Checkpoint::parse(&self.checkpoint().await).unwrap().size(),
        }
    }

    /// The checkpoint of a Rekor v2, asked behind the proxy.
    pub async fn checkpoint(&self) -> String {
        let request = Request::get("/api/v2/checkpoint").body(Bytes::new()).unwrap();
        String::from_utf8(self.behind.handle(request).await.into_body().to_vec()).unwrap()
    }

    /// Adds a signed payload to a Rekor v2 past the proxy. Returns the status.
    pub async fn add(&self, signed: &SignedPayload<'_>) -> u16 {
        let request = Request::post("/api/v2/log/entries").header("content-type", "application/json");
        let body = signed.proposed_digest().into();
        self.behind.handle(request.body(body).unwrap()).await.status().as_u16()
    }

    /// Records that a tag was seen at a digest, past the product and the proxy. Returns the log index.
    pub async fn record(&self, signer: &Signer, tag: &Tag, digest: &Digest) -> u64 {
        let deadline = Deadline::after(std::time::Duration::from_secs(60));
        let statement = signer.sign(tag, digest, deadline).await.unwrap();
        self.upload(&statement.signed_payload().proposed_entry()).await["logIndex"].as_u64().unwrap()
    }

    /// Adds a proposed entry past the proxy, and returns what the log answers about it.
    pub async fn upload(&self, proposed: &[u8]) -> Value {
        let mut answer = self.upload_whole(proposed).await;
        entry_of(&mut answer).unwrap().take()
    }

    /// The same, with the entry's id around it.
    pub async fn upload_whole(&self, proposed: &[u8]) -> Value {
        let proposed = serde_json::from_slice(proposed).unwrap();
        self.ask(Method::POST, "/api/v1/log/entries", proposed).await
    }

    /// Every sighting of a tag that a search finds, by log index: what anyone can read of it.
    pub async fn recorded(&self, tag: &Tag) -> Vec<(u64, Digest)> {
        let ids = self.ask(Method::POST, "/api/v1/index/retrieve", json!({"hash": subject_hash(tag)})).await;
        let query = json!({"entryUUIDs": ids});
        let mut entries = self.ask(Method::POST, "/api/v1/log/entries/retrieve", query).await;
        let mut found = Vec::new();
        for item in entries.as_array_mut().unwrap() {
            let entry = entry_of(item).unwrap();
            let statement = BASE64_STANDARD.decode(entry["attestation"]["data"].as_str().unwrap()).unwrap();
            if let Some((about, digest)) = parse_statement(&statement)
                && about == *tag
            {
                found.push((entry["logIndex"].as_u64().unwrap(), digest));
            }
        }
        found.sort_by_key(|(index, _)| *index);
        found
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = self.behind.handle(request.body(body.into()).unwrap()).await;
        serde_json::from_slice(answer.body()).unwrap()
    }
}

/// The entry in an object whose one key is its id, or the entry itself as Rekor v2 answers it.
pub fn entry_of(item: &mut Value) -> Option<&mut Value> {
    if item.get("canonicalizedBody").is_some() {
        return Some(item);
    }
    item.as_object_mut()?.values_mut().next().filter(|entry| entry.get("body").is_some())
}

fn call(request: &Request<Bytes>) -> Call {
    match request.uri().path() {
        "/api/v1/log/entries" => Call::Upload,
        "/api/v1/log/entries/retrieve" => Call::Retrieve,
        "/api/v1/index/retrieve" => Call::Search,
        "/api/v2/log/entries" => Call::Upload,
        "/api/v1/log" | "/api/v2/checkpoint" => Call::Head,
        path if path.starts_with("/api/v2/tile/") => Call::Tile,
        _ => Call::Entry,
    }
}

async fn answer(behind: Behind, state: Arc<Mutex<State>>, request: Request<Bytes>) -> Wire {
    let (fault, cosign) = {
        let call = call(&request);
        let mut state = state.lock().unwrap();
        state.asked.push(call);
        let fits = |rule: &&mut Rule| rule.times > 0 && rule.call.is_none_or(|one| one == call);
        let fault = state.rules.iter_mut().find(fits).map(|rule| {
            rule.times -= 1;
            rule.fault.clone()
        });
        (fault, state.cosign.clone())
    };
    match fault {
        None => wire::whole(handled(&behind, cosign, request).await),
        Some(Fault::Dropped) => wire::dropped(),
        Some(Fault::AnswerLost) => {
            handled(&behind, cosign, request).await;
            wire::dropped()
        }
        Some(Fault::Answer(status, headers, body)) => wire::whole(wire::status(status, &headers, body)),
        Some(Fault::CutShort) => wire::cut_short(handled(&behind, cosign, request).await),
        Some(Fault::Endless) => {
            let (head, _) = answer_head(StatusCode::OK);
            wire::endless(head, Bytes::from(vec![b' '; 64 << 10]))
        }
        Some(Fault::TarPit) => wire::tar_pit(answer_head(StatusCode::OK).0),
        Some(Fault::Silent) => wire::silent().await,
        Some(Fault::Edited(edit)) => {
            let answer = handled(&behind, cosign, request).await;
            let (head, body) = answer.into_parts();
            let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
                return wire::whole(Response::from_parts(head, body));
            };
            edit(&mut value);
            wire::whole(Response::from_parts(head, value.to_string().into()))
        }
        Some(Fault::Gate(gate)) => {
            gate.acquire().await.unwrap().forget();
            wire::whole(handled(&behind, cosign, request).await)
        }
    }
}

/// The log's answer, with its checkpoint cosigned.
async fn handled(behind: &Behind, cosign: Option<Cosign>, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let answer = behind.handle(request).await;
    let Some(cosign) = cosign.filter(|_| answer.status().is_success()) else { return answer };
    answer.map(|body| match (&*path, serde_json::from_slice::<Value>(&body)) {
        ("/api/v2/checkpoint", _) => cosign(str::from_utf8(&body).unwrap()).into(),
        ("/api/v2/log/entries", Ok(mut entry)) => {
            let checkpoint = &mut entry["inclusionProof"]["checkpoint"]["envelope"];
            *checkpoint = cosign(checkpoint.as_str().unwrap()).into();
            entry.to_string().into()
        }
        _ => body,
    })
}

fn answer_head(status: StatusCode) -> (http::response::Parts, ()) {
    let mut response = Response::new(());
    *response.status_mut() = status;
    response.into_parts()
}
