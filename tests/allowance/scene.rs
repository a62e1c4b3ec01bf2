//! A log and counters, and instances of the service that share them, a registry, a ledger and a key.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use testing::clock::Slow;
use testing::service;
use testing::shared::Shared;
use testing::table::Table;
use testing::tags::manifest;
use tlogistry::cli::listen;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::http::{Body, Service};
use tlogistry::image::Digest;
use tlogistry::key::PublicKey;
use tlogistry::ledger::{Ledger, MemoryLedger};
use tlogistry::rate_limit::{SharedCounters, Source};
use tlogistry::tlog::LogKeys;

/// A number of whole minutes since the Unix epoch.
pub const MINUTE: u64 = 30_000_000;

/// Twenty and a half seconds into [`MINUTE`].
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(MINUTE * 60_000 + 20_500)
}

pub fn a_minute_later() -> SystemTime {
    now() + Duration::from_secs(60)
}

pub struct Scene {
    shared: Shared,
    pub counters: Table,
    pub log: Devlog,
    log_config: LogConfig,
    searches: Arc<AtomicUsize>,
    /// A draw has a second at the counters, which is little for another process on a busy machine.
    slow: Option<Slow>,
}

/// An answer, as far as limits change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Of the error, if it is one and was asked for by GET.
    pub code: Option<String>,
    pub retry_after: Option<String>,
    pub first_seen: bool,
}

impl Answer {
    pub fn is_refused(&self) -> bool {
        self.status == 429
    }
}

impl Deref for Scene {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Scene {
    pub async fn set() -> Self {
        let (shared, counters) = (Shared::set().await, Table::counters().await);
        let searches: Arc<AtomicUsize> = Arc::default();
        let (log, log_config) = counting_log(searches.clone(), shared.key().public_key()).await;
        Self { shared, counters, log, log_config, searches, slow: Some(Slow::down()) }
    }

    /// Lets the time pass as usual.
    pub fn with_usual_time(mut self) -> Self {
        self.slow = None;
        self
    }

    pub fn push(&self, name: &str) {
        self.push_as(name, name);
    }

    pub fn push_as(&self, name: &str, text: &str) {
        self.tags.push(name, text);
    }

    /// A new instance with these limits, which remembers nothing and counts in `counters`.
    pub fn instance_with(&self, counters: SharedCounters, overall: u32, per_source: u32) -> Service {
        self.builder(overall, per_source).counters(counters).build()
    }

    pub fn instance_at(&self, clock: fn() -> SystemTime, overall: u32, per_source: u32) -> Service {
        let counters = SharedCounters::new(self.counters.client.clone(), self.counters.name.clone());
        self.instance_with(counters.with_clock(clock), overall, per_source)
    }

    /// A new instance with these limits on pages of the list of sightings.
    pub fn listing(&self, clock: fn() -> SystemTime, overall: u32, per_source: u32) -> Service {
        let counters = SharedCounters::new(self.counters.client.clone(), self.counters.name.clone());
        let builder = self.builder(100, 100).counters(counters.with_clock(clock));
        builder
            .set("SIGHTING_PAGES_PER_MINUTE", overall)
            .set("SIGHTING_PAGES_PER_MINUTE_PER_SOURCE", per_source)
            .build()
    }

    pub fn instance(&self, overall: u32, per_source: u32) -> Service {
        self.instance_at(now, overall, per_source)
    }

    /// A new instance whose calls to ledger and counters go to `endpoint`.
    pub fn instance_through(&self, endpoint: &str) -> Service {
        self.instance_limited_through(endpoint, 100, 100)
    }

    pub fn instance_limited_through(&self, endpoint: &str, overall: u32, per_source: u32) -> Service {
        let client = testing::table::client(endpoint);
        let counters = SharedCounters::new(client, self.counters.name.clone()).with_clock(now);
        self.builder(overall, per_source).ledger(self.table.ledger_through(endpoint)).counters(counters).build()
    }

    /// As `serve` without any table.
    pub fn alone(&self, overall: u32, per_source: u32) -> Service {
        self.builder(overall, per_source).ledger(Ledger::Memory(MemoryLedger::default())).build()
    }

    fn builder(&self, overall: u32, per_source: u32) -> service::Builder {
        self.on(self.log_config.clone()).first_sights(overall, per_source)
    }

    /// Searches that the log was asked since this was called last, but for those that ask whether the key was used.
    pub fn searches(&self) -> usize {
        self.searches.swap(0, Ordering::SeqCst)
    }

    /// Entries in the log.
    pub async fn recorded(&self) -> u64 {
        let request = Request::get("/api/v1/log").body(Bytes::new()).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(self.log.handle(request).await.body()).unwrap();
        answer["treeSize"].as_u64().unwrap()
    }

    /// Draws of each counter of a kind ('total', 'source'), the least first.
    pub async fn drawn(&self, kind: &str) -> Vec<u64> {
        let items = self.counters.items().await.into_iter();
        let of_kind = items.filter(|item| item["counter"].as_s().unwrap().starts_with(kind));
        let mut drawn: Vec<u64> = of_kind.map(|item| item["drawn"].as_n().unwrap().parse().unwrap()).collect();
        drawn.sort_unstable();
        drawn
    }

    pub async fn total(&self) -> u64 {
        self.drawn("total").await.into_iter().sum()
    }

    /// Pulls new tags, which nobody has pulled yet, through one instance after the other until one is refused. Returns
    /// how many were not.
    pub async fn draw_all(&self, instances: &[Service], source: &str) -> usize {
        for (count, instance) in instances.iter().cycle().enumerate() {
            let name = format!("{}-{count}", source.replace(':', "_"));
            self.push(&name);
            let answer = pull(instance, &name, source).await;
            if answer.is_refused() {
                return count;
            }
            assert!(answer.first_seen, "{answer:?}");
        }
        unreachable!("it was never refused")
    }
}

pub async fn pull(instance: &Service, name: &str, source: &str) -> Answer {
    ask(instance, Method::GET, &manifest(name), source).await
}

pub fn sighting(name: &str) -> String {
    format!("/sightings/registry.test/app:{name}")
}

/// As if it came from the address `source`.
pub async fn ask(instance: &Service, method: Method, path: &str, source: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
    request.extensions_mut().insert(Source::from(source.parse::<IpAddr>().unwrap()));
    let response = instance.handle(&request).await;
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, retry_after) = (response.status().as_u16(), header("retry-after"));
    let first_seen = header("tlog-first-seen").is_some();
    let error: Option<serde_json::Value> = match response.into_body() {
        Body::Bytes(bytes) if status >= 400 => serde_json::from_slice(&bytes).ok(),
        _ => None,
    };
    let code = error.map(|error| error["errors"][0]["code"].as_str().unwrap().to_owned());
    Answer { status, code, retry_after, first_seen }
}

async fn counting_log(searches: Arc<AtomicUsize>, key: &PublicKey) -> (Devlog, LogConfig) {
    let of_key = Digest::sha256(key.pem().as_bytes()).hex().to_owned();
    let log = Devlog::open(None, Options::default()).await.unwrap();
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let served = log.clone();
    let handler = move |request: Request<hyper::body::Incoming>| {
        let (log, searches, of_key) = (served.clone(), searches.clone(), of_key.clone());
        async move {
            match listen::read(request, 1 << 20).await {
                Ok(request) => {
                    let is_search = request.uri().path() == "/api/v1/index/retrieve";
                    let is_of_key = String::from_utf8_lossy(request.body()).contains(&of_key);
                    searches.fetch_add(usize::from(is_search && !is_of_key), Ordering::SeqCst);
                    log.handle(request).await.map(Full::new)
                }
                Err(refusal) => refusal,
            }
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    let keys = LogKeys::v1(vec![PublicKey::from_pem(log.public_key_pem()).unwrap()]).unwrap();
    let url = format!("http://{address}").parse().unwrap();
    (log, LogConfig::v1(url, keys))
}
