//! The service in this process, without a front end.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use tlogistry::config::{Config, LogConfig};
use tlogistry::http::{Body, Service};
use tlogistry::ledger::{Ledger, MemoryLedger};
use tlogistry::rate_limit::{RateLimit, SharedCounters};
use tlogistry::setup;
use tlogistry::sighting::{LocalKey, Signer};

use super::client::Answer;

/// The parts of a service. Unless a test gives its own: a new key, an empty ledger in memory, the usual configuration.
pub struct Builder {
    log: LogConfig,
    variables: BTreeMap<String, String>,
    ledger: Ledger,
    signer: Option<Signer>,
    counters: Option<SharedCounters>,
}

/// Begins a service that records in `log`.
pub fn with_log(log: LogConfig) -> Builder {
    let ledger = Ledger::Memory(MemoryLedger::default());
    Builder { log, variables: BTreeMap::new(), ledger, signer: None, counters: None }
}

impl Builder {
    /// Names the address of `registry.test`.
    pub fn registry(self, address: &str) -> Self {
        self.set("INSECURE_REGISTRIES", format!("registry.test={address}"))
    }

    /// Sets an environment variable.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sets the limits on first sights per minute, of all sources and of each.
    pub fn first_sights(self, overall: u32, per_source: u32) -> Self {
        self.set("FIRST_SIGHTS_PER_MINUTE", overall).set("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", per_source)
    }

    pub fn ledger(self, ledger: Ledger) -> Self {
        Self { ledger, ..self }
    }

    pub fn signer(self, signer: Signer) -> Self {
        Self { signer: Some(signer), ..self }
    }

    pub fn key(self, key: LocalKey) -> Self {
        self.signer(Signer::Local(key))
    }

    /// Counts first sights here, together with others.
    pub fn counters(self, counters: SharedCounters) -> Self {
        Self { counters: Some(counters), ..self }
    }

    pub fn build(self) -> Service {
        let config = Config::read(|name| self.variables.get(name).cloned()).unwrap();
        let signer = self.signer.unwrap_or_else(|| Signer::Local(LocalKey::generate().unwrap()));
        let service = match self.counters {
            Some(counters) => {
                let limit = RateLimit::shared(config.first_sights, counters);
                setup::service_limited_by(limit, &config, self.ledger, signer, self.log)
            }
            None => setup::service(&config, self.ledger, signer, self.log),
        };
        service.unwrap()
    }
}

pub async fn get(service: &Service, path: &str) -> Answer {
    ask(service, &Request::builder().method(Method::GET).uri(path).body(()).unwrap()).await
}

/// Asks by HEAD, as a front end does that sends no body.
pub async fn head(service: &Service, path: &str) -> Answer {
    let request = Request::builder().method(Method::HEAD).uri(path).body(()).unwrap();
    let (parts, _) = service.handle(&request).await.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes: Bytes::new() }
}

/// Asks for what is answered with bytes: anything but the HEAD of a manifest.
pub async fn ask(service: &Service, request: &Request<()>) -> Answer {
    let (parts, body) = service.handle(request).await.into_parts();
    let Body::Bytes(bytes) = body else {
        panic!("an answer without its bytes to {} {}", request.method(), request.uri())
    };
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
}
