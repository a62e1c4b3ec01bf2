//! A registry that can lie and fail on demand, and counts what it is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use tlogistry::image::Digest;
use tokio::sync::{Semaphore, watch};

use super::wire::{self, Wire};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TOKEN: &str = "an-anonymous-token";

/// A fault at a request.
#[derive(Clone)]
pub enum Fault {
    /// Answers, with this header set or, with `None`, left out.
    Header(&'static str, Option<String>),
    /// Announces one manifest and sends this.
    OtherBytes(Bytes),
    Status(u16, Vec<(&'static str, String)>, &'static str),
    /// The right bytes without `Content-Length`.
    Unannounced,
    Endless,
    TarPit,
    Silent,
    Dropped,
    CutShort,
    /// Half of the body, and then nothing.
    Stalled,
    /// Answers well once the gate has a permit.
    Gate(Arc<Semaphore>),
}

/// Asks how this can be served: the first rule that fits is followed.
struct Rule {
    method: Option<Method>,
    path: &'static str,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    manifests: HashMap<String, Bytes>,
    tags: HashMap<String, String>,
    blobs: HashMap<String, Bytes>,
    rules: Vec<Rule>,
    wants_token: bool,
    asked: Vec<(Method, String)>,
    authorizations: Vec<String>,
}

/// Clones are one registry.
#[derive(Clone)]
pub struct Registry {
    pub address: String,
    state: Arc<Mutex<State>>,
    paths: watch::Receiver<Vec<String>>,
}

impl Registry {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let serving = state.clone();
        let (told, paths) = watch::channel(Vec::new());
        let address = wire::serve(move |request| {
            told.send_modify(|paths| paths.push(request.uri().path().to_owned()));
            answer(serving.clone(), request)
        });
        Self { address: address.await, state, paths }
    }

    /// Pushes a manifest under a tag, or moves the tag to it.
    pub fn push(&self, tag: &str, manifest: impl Into<Bytes>) -> Digest {
        let manifest = manifest.into();
        let digest = Digest::sha256(&manifest);
        let mut state = self.state.lock().unwrap();
        state.manifests.insert(digest.to_string(), manifest);
        state.tags.insert(tag.to_owned(), digest.to_string());
        digest
    }

    pub fn push_blob(&self, blob: impl Into<Bytes>) -> Digest {
        let blob = blob.into();
        let digest = Digest::sha256(&blob);
        self.state.lock().unwrap().blobs.insert(digest.to_string(), blob);
        digest
    }

    /// Each request whose path holds `path` fails so from now on.
    pub fn fails(&self, path: &'static str, fault: Fault) {
        self.rule(None, path, usize::MAX, fault);
    }

    pub fn method_fails(&self, method: Method, path: &'static str, fault: Fault) {
        self.rule(Some(method), path, usize::MAX, fault);
    }

    pub fn fails_once(&self, path: &'static str, fault: Fault) {
        self.rule(None, path, 1, fault);
    }

    fn rule(&self, method: Option<Method>, path: &'static str, times: usize, fault: Fault) {
        self.state.lock().unwrap().rules.push(Rule { method, path, times, fault });
    }

    pub fn heals(&self) {
        self.state.lock().unwrap().rules.clear();
    }

    /// From now on a token is needed, which this registry gives to anyone at `/token`.
    pub fn wants_token(&self) {
        self.state.lock().unwrap().wants_token = true;
    }

    /// Waits until paths that end so have been asked for as often as that.
    pub async fn asks(&self, end: &str, times: usize) {
        let count = |paths: &Vec<String>| paths.iter().filter(|path| path.ends_with(end)).count();
        self.paths.clone().wait_for(|paths| count(paths) >= times).await.unwrap();
    }

    /// Waits for the next request from now on whose path holds `part`.
    pub fn next(&self, part: &str) -> impl Future<Output = ()> + use<> {
        let (mut paths, before, part) = (self.paths.clone(), self.paths.borrow().len(), part.to_owned());
        let asked = move |paths: &Vec<String>| paths[before..].iter().any(|path| path.contains(&part));
        async move { drop(paths.wait_for(asked).await.unwrap()) }
    }

    /// The requests since this was called last, as `HEAD manifests/v1`.
    pub fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.state.lock().unwrap().asked);
        let short = |path: &str| path.rsplitn(3, '/').take(2).collect::<Vec<_>>().join("\n");
        let swap = |text: String| match text.split_once('\n') {
            Some((last, kind)) => format!("{kind}/{last}"),
            None => text,
        };
        asked.iter().map(|(method, path)| format!("{method} {}", swap(short(path)).trim_start_matches('/'))).collect()
    }

    /// Every `Authorization` that came.
    pub fn authorizations(&self) -> Vec<String> {
        self.state.lock().unwrap().authorizations.clone()
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Bytes>) -> Wire {
    let (answer, fault) = {
        let mut state = state.lock().unwrap();
        let path = request.uri().path().to_owned();
        state.asked.push((request.method().clone(), path.clone()));
        if let Some(value) = request.headers().get("authorization") {
            state.authorizations.push(value.to_str().unwrap().to_owned());
        }
        (state.answer(&request), state.fault(request.method(), &path))
    };
    let Some(fault) = fault else { return wire::whole(answer) };
    match fault {
        Fault::Header(name, value) => {
            let mut answer = answer;
            answer.headers_mut().remove(name);
            let value = value.map(|value| http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
            answer.headers_mut().extend(value.map(|value| (http::HeaderName::from_static(name), value)));
            wire::whole(answer)
        }
        Fault::OtherBytes(bytes) => wire::whole(answer.map(|_| bytes)),
        Fault::Status(status, headers, body) => {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            wire::whole(wire::status(status, &headers, body))
        }
        Fault::Unannounced => wire::unannounced(answer),
        Fault::Endless => {
            let (head, _) = answer.into_parts();
            wire::endless(head, Bytes::from(vec![b' '; 64 << 10]))
        }
        Fault::TarPit => wire::tar_pit(answer.into_parts().0),
        Fault::Silent => wire::silent().await,
        Fault::Dropped => wire::dropped(),
        Fault::CutShort => wire::cut_short(answer),
        Fault::Stalled => wire::stalled(answer),
        Fault::Gate(gate) => {
            gate.acquire().await.unwrap().forget();
            wire::whole(answer)
        }
    }
}

impl State {
    fn fault(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let fits = |rule: &&mut Rule| {
            rule.times > 0 && path.contains(rule.path) && rule.method.as_ref().is_none_or(|one| one == method)
        };
        let rule = self.rules.iter_mut().find(fits)?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        if path == "/token" {
            return wire::status(200, &[], format!(r#"{{"token":"{TOKEN}","expires_in":300}}"#));
        }
        let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        if self.wants_token && bearer != Some(&format!("Bearer {TOKEN}")) {
            let host = request.headers()["host"].to_str().unwrap();
            let challenge = format!(r#"Bearer realm="http://{host}/token",service="registry",scope="a:b:pull""#);
            return wire::status(401, &[("www-authenticate", &challenge)], "");
        }
        let mut parts = path.rsplitn(3, '/');
        let (last, kind) = (parts.next().unwrap(), parts.next().unwrap_or_default());
        if kind == "blobs" {
            return match self.blobs.get(last) {
                Some(blob) => wire::status(200, &[], blob.clone()),
                None => error(404, "BLOB_UNKNOWN"),
            };
        }
        if kind == "tags" {
            let tags: Vec<&String> = self.tags.keys().collect();
            return wire::status(200, &[], serde_json::json!({"name": "demo/app", "tags": tags}).to_string());
        }
        let digest = self.tags.get(last).map_or(last, String::as_str);
        match self.manifests.get(digest) {
            Some(bytes) => {
                let headers = [("content-type", OCI_MANIFEST), ("docker-content-digest", digest)];
                wire::status(200, &headers, bytes.clone())
            }
            None => error(404, "MANIFEST_UNKNOWN"),
        }
    }
}

fn error(status: u16, code: &str) -> Response<Bytes> {
    wire::status(status, &[], format!(r#"{{"errors":[{{"code":"{code}","message":"not here"}}]}}"#))
}
