//! A registry, a log, a table and a key, and instances of the service that share them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use testing::table::Table;
use testing::{log, registry};
use tlogistry::config::{Config, LogConfig};
use tlogistry::http::{Body, Service};
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{DynamoDbLedger, Ledger};
use tlogistry::setup;
use tlogistry::sighting::{LocalKey, Signer};

pub struct Scene {
    pub table: Table,
    pub log_config: LogConfig,
    pub folder: tempfile::TempDir,
    tags: Arc<Mutex<HashMap<String, Bytes>>>,
    pub registry: String,
}

/// The answer to a pull by tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub first_seen: bool,
    /// Of the manifest that was served.
    pub digest: Option<Digest>,
    /// Of the refusal.
    pub message: String,
}

impl Scene {
    pub async fn set() -> Self {
        let (_, log_config) = log::start().await;
        let tags: Arc<Mutex<HashMap<String, Bytes>>> = Arc::default();
        let served = tags.clone();
        let registry = registry::start(move |tag| served.lock().unwrap().get(tag).cloned()).await;
        Self { table: Table::start().await, log_config, folder: tempfile::tempdir().unwrap(), tags, registry }
    }

    pub fn push(&self, name: &str, text: &str) -> Digest {
        let manifest = registry::image(text);
        let digest = Digest::sha256(&manifest);
        self.tags.lock().unwrap().insert(name.to_owned(), manifest);
        digest
    }

    pub fn tag(&self, name: &str) -> Tag {
        format!("registry.test/app:{name}").parse().unwrap()
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::DynamoDb(DynamoDbLedger::new(self.table.client.clone(), self.table.name.clone()))
    }

    pub fn key(&self) -> LocalKey {
        LocalKey::open_or_generate(&self.folder.path().join("key.pem")).unwrap()
    }

    /// A new instance: it remembers nothing, and knows only what the table and `log` tell.
    pub fn instance_with(&self, log: &LogConfig, request_timeout: Duration) -> Service {
        let config = Config::read(|name| match name {
            "INSECURE_REGISTRIES" => Some(format!("registry.test={}", self.registry)),
            "REQUEST_TIMEOUT_MS" => Some(request_timeout.as_millis().to_string()),
            _ => None,
        });
        setup::service(&config.unwrap(), self.ledger(), Signer::Local(self.key()), log.clone()).unwrap()
    }

    pub fn instance(&self) -> Service {
        self.instance_with(&self.log_config, Duration::from_secs(25))
    }

    /// Pulls a tag through a new instance.
    pub async fn pull(&self, name: &str) -> Answer {
        pull(&self.instance(), name).await
    }
}

/// The body of what an instance answers.
pub async fn ask(instance: &Service, path: &str) -> Bytes {
    let request = Request::builder().method(Method::GET).uri(path).body(()).unwrap();
    let Body::Bytes(body) = instance.handle(&request).await.into_body() else { panic!("a GET is answered with bytes") };
    body
}

pub async fn pull(instance: &Service, name: &str) -> Answer {
    let path = format!("/v2/registry.test/app/manifests/{name}");
    let request = Request::builder().method(Method::GET).uri(path).body(()).unwrap();
    let response = instance.handle(&request).await;
    let status = response.status().as_u16();
    let first_seen = response.headers().contains_key("tlog-first-seen");
    let Body::Bytes(body) = response.into_body() else { panic!("a GET is answered with bytes") };
    if status == 200 {
        return Answer { status, first_seen, digest: Some(Digest::sha256(&body)), message: String::new() };
    }
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let message = error["errors"][0]["message"].as_str().unwrap().to_owned();
    Answer { status, first_seen, digest: None, message }
}
