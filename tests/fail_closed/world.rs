//! A registry, a log and tlogistry between them, on free ports.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use testing::faulty::log::Log;
use testing::faulty::registry::Registry;
use testing::service;
use tlogistry::deadline::Deadline;
use tlogistry::http::{Body, Service};
use tlogistry::image::{Digest, Tag};
use tlogistry::sighting::{LocalKey, Signer};

/// The name that the registry stand-in is known by.
pub const REGISTRY: &str = "registry.test";
/// The time of a request in tests of slowness, by a [`testing::clock::Clock`].
pub const SHORT: Duration = Duration::from_secs(2);
/// The most that such a request takes: a fraction of the 25 s that it would have otherwise.
pub const IN_TIME: Duration = Duration::from_secs(3);

pub struct World {
    pub registry: Registry,
    pub log: Log,
    pub service: Arc<Service>,
    key: TempDir,
}

impl World {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these environment variables besides.
    pub async fn with(vars: &[(&str, &str)]) -> Self {
        Self::before(Registry::start().await, vars, |address| format!("{REGISTRY}={address}")).await
    }

    /// Before this registry, with the registries opened that `opened` makes of its address.
    pub async fn before(registry: Registry, vars: &[(&str, &str)], opened: impl Fn(&str) -> String) -> Self {
        let opened = opened(&registry.address);
        let vars = &[&[("INSECURE_REGISTRIES", opened.as_str())], vars].concat();
        let (log, key) = (Log::start().await, tempfile::tempdir().unwrap());
        let signer = signer_in(&key);
        let service = service(&registry, &log, signer, vars);
        Self { registry, log, service, key }
    }

    /// With little time for a request.
    pub async fn impatient() -> Self {
        Self::with(&[("REQUEST_TIMEOUT_MS", &SHORT.as_millis().to_string())]).await
    }

    /// With another signer.
    pub async fn signing_with(signer: Signer, vars: &[(&str, &str)]) -> Self {
        let mut world = Self::start().await;
        world.service = service(&world.registry, &world.log, signer, vars);
        world
    }

    /// Forgets what the registry and the log were asked.
    pub fn forget(&self) {
        self.registry.asked();
        self.log.asked();
    }

    /// The same key, log and registry; an empty memory and an empty ledger.
    pub fn restart(&mut self) {
        self.service = self.another();
    }

    /// [`World::restart`], with these environment variables besides.
    pub fn restart_with(&mut self, vars: &[(&str, &str)]) {
        self.service = service(&self.registry, &self.log, self.signer(), vars);
    }

    /// Another instance with the same key and a ledger of its own, as two that do not share one would be.
    pub fn another(&self) -> Arc<Service> {
        service(&self.registry, &self.log, self.signer(), &[])
    }

    /// The instance's own key.
    pub fn signer(&self) -> Signer {
        signer_in(&self.key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        ask(&self.service, Method::GET, path).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        ask(&self.service, Method::HEAD, path).await
    }

    /// Pulls `demo/app` by tag or digest.
    pub async fn pull(&self, reference: impl std::fmt::Display) -> Answer {
        self.get(&manifest(reference)).await
    }

    /// Digests that anyone can read in the log about a tag of `demo/app`.
    pub async fn recorded(&self, name: &str) -> Vec<Digest> {
        self.log.recorded(&tag(name)).await.into_iter().map(|(_, digest)| digest).collect()
    }
}

fn signer_in(key: &TempDir) -> Signer {
    Signer::Local(LocalKey::open_or_generate(&key.path().join("key.pem")).unwrap())
}

/// A stranger's key.
pub fn stranger() -> Signer {
    Signer::Local(LocalKey::generate().unwrap())
}

fn service(registry: &Registry, log: &Log, signer: Signer, vars: &[(&str, &str)]) -> Arc<Service> {
    let builder = service::with_log(log.config()).registry(&registry.address).signer(signer);
    Arc::new(vars.iter().fold(builder, |builder, (name, value)| builder.set(name, value)).build())
}

pub fn manifest(reference: impl std::fmt::Display) -> String {
    format!("/v2/{REGISTRY}/demo/app/manifests/{reference}")
}

pub fn blob(digest: impl std::fmt::Display) -> String {
    format!("/v2/{REGISTRY}/demo/app/blobs/{digest}")
}

/// For what a test does itself.
pub fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub fn tag(name: &str) -> Tag {
    format!("{REGISTRY}/demo/app:{name}").parse().unwrap()
}

pub async fn ask(service: &Service, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(()).unwrap();
    let (parts, body) = service.handle(&request).await.into_parts();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Bytes(bytes) => bytes,
            Body::OfLength(length) => panic!("a HEAD's answer of {length} bytes"),
        }
    }

    pub fn error(&self) -> Value {
        let body: Value = serde_json::from_slice(self.bytes()).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
        body["errors"][0].clone()
    }

    /// Asserts that the manifest with this digest was served.
    #[track_caller]
    pub fn assert_serves(&self, digest: &Digest) -> &Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.header("docker-content-digest"), Some(digest.as_str()));
        if let Body::Bytes(bytes) = &self.body {
            assert!(digest.matches(bytes), "the bytes are of another digest");
        }
        self
    }

    #[track_caller]
    pub fn assert_first_seen(&self, digest: &Digest) -> &Self {
        self.assert_serves(digest);
        assert_eq!(self.header("tlog-first-seen"), Some("true"), "{self:?}");
        self
    }

    /// Asserts that the manifest was served with a record that was there before.
    #[track_caller]
    pub fn assert_unchanged(&self, digest: &Digest) -> &Self {
        self.assert_serves(digest);
        assert_eq!(self.header("tlog-first-seen"), None, "{self:?}");
        assert!(self.header("tlog-logindex").is_some(), "{self:?}");
        self
    }

    /// Asserts the error, with all `parts` in its message, and that nothing of an image came with it.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str, parts: &[&str]) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        let error = self.error();
        assert_eq!(error["code"], code, "{error}");
        let message = error["message"].as_str().unwrap();
        for part in parts {
            assert!(message.contains(part), "'{part}' is not in '{message}'");
        }
        assert_eq!(self.header("content-type"), Some("application/json"));
        for name in ["docker-content-digest", "etag", "tlog-uuid", "tlog-logindex", "tlog-entry", "tlog-first-seen"] {
            assert_eq!(self.header(name), None, "{name}");
        }
        self
    }

    /// Asserts that there is no verdict, for a reason that `parts` of the message tell, and that it may be tried again.
    #[track_caller]
    pub fn assert_no_verdict(&self, parts: &[&str]) -> &Self {
        self.assert_refused(503, "UNAVAILABLE", &["nothing is served by tag unchecked, pulling by digest works"]);
        self.assert_refused(503, "UNAVAILABLE", parts);
        assert_eq!(self.header("retry-after"), Some("30"));
        self
    }

    #[track_caller]
    pub fn assert_moved(&self, recorded: &Digest, current: &Digest) -> &Self {
        self.assert_refused(403, "DENIED", &["has moved and is refused", recorded.as_str(), current.as_str()]);
        let detail = &self.error()["detail"];
        assert_eq!((&detail["recorded"], &detail["current"]), (&recorded.as_str().into(), &current.as_str().into()));
        self
    }
}
