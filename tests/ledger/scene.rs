//! A log, and instances of the service that share it, a registry, a table and a key.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testing::shared::Shared;
use testing::{log, service, tags};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Ledger, MemoryLedger};

pub struct Scene {
    shared: Shared,
    pub log_config: LogConfig,
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

impl Deref for Scene {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Scene {
    pub async fn set() -> Self {
        Self { shared: Shared::set().await, log_config: log::start().await.1 }
    }

    /// A new ledger in a file of this name.
    pub fn file(&self, name: &str) -> Ledger {
        Ledger::File(FileLedger::open_or_create(&self.folder.path().join(name)).unwrap())
    }

    /// A ledger of each kind, of which the same must hold. Those beside the table are empty.
    pub fn each_kind(&self) -> [Ledger; 3] {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let file = format!("{}.redb", FILES.fetch_add(1, Ordering::Relaxed));
        [self.ledger(), self.file(&file), Ledger::Memory(MemoryLedger::default())]
    }

    /// A new instance: it remembers nothing, and knows only what the table and `log` tell.
    pub fn instance_with(&self, log: &LogConfig, request_timeout: Duration) -> Service {
        self.on(log.clone()).set("REQUEST_TIMEOUT_MS", request_timeout.as_millis()).build()
    }

    pub fn instance(&self) -> Service {
        self.instance_with(&self.log_config, Duration::from_secs(25))
    }

    /// Pulls a tag through a new instance, which ends its work.
    pub async fn pull(&self, name: &str) -> Answer {
        let instance = self.instance();
        let answer = pull(&instance, name).await;
        instance.finish().await;
        answer
    }
}

pub async fn pull(instance: &Service, name: &str) -> Answer {
    let answer = service::get(instance, &tags::manifest(name)).await;
    let (status, first_seen) = (answer.status, answer.find("tlog-first-seen").is_some());
    if status == 200 {
        return Answer { status, first_seen, digest: Some(Digest::sha256(&answer.bytes)), message: String::new() };
    }
    Answer { status, first_seen, digest: None, message: answer.error().1 }
}
