//! A Rekor v2, and instances of the service that share it, a registry, a table and a key.

use std::ops::Deref;

use testing::faulty::log::Log;
use testing::shared::Shared;
use testing::{service, tags};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{Lease, Row};

pub use testing::client::Answer;

pub struct Scene {
    shared: Shared,
    pub log: Log,
}

impl Deref for Scene {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Scene {
    pub async fn set() -> Self {
        Self::with(crate::new_log().await).await
    }

    pub async fn with(log: Log) -> Self {
        Self { shared: Shared::set().await, log }
    }

    /// A new instance that records in `log`: it remembers nothing, and knows only what the table and the logs tell.
    pub fn instance_with(&self, log: LogConfig) -> Service {
        self.on(log).build()
    }

    pub fn instance(&self) -> Service {
        self.instance_with(self.log.config())
    }

    /// Pulls a tag through a new instance.
    pub async fn pull(&self, name: &str) -> Answer {
        pull(&self.instance(), name).await
    }

    /// Makes the ledger the key's, by a first sight of another tag.
    pub async fn claim(&self) {
        let digest = self.tags.push("claimed", "claimed");
        assert_first_seen(&self.pull("claimed").await, &digest);
    }

    /// Signs that a tag is a digest, and leaves the row pending with a lease that has ended: a writer that crashed.
    pub async fn crash_before_upload(&self, name: &str, digest: &Digest) -> tlogistry::sighting::SignedStatement {
        let soon = tlogistry::deadline::Deadline::after(std::time::Duration::from_secs(60));
        let statement = self.signer().sign(&tag(name), digest, soon).await.unwrap();
        let row = Row::pending(&statement, Lease(0));
        assert!(self.ledger().insert(&row, soon).await.unwrap());
        statement
    }
}

pub fn tag(name: &str) -> Tag {
    tags::tag(name)
}

pub async fn pull(instance: &Service, name: &str) -> Answer {
    service::get(instance, &tags::manifest(name)).await
}

#[track_caller]
pub fn assert_first_seen(answer: &Answer, digest: &Digest) {
    assert_serves(answer, digest);
    assert_eq!(answer.find("tlog-first-seen"), Some("true"), "{answer:?}");
}

#[track_caller]
pub fn assert_unchanged(answer: &Answer, digest: &Digest) {
    assert_serves(answer, digest);
    assert_eq!(answer.find("tlog-first-seen"), None, "{answer:?}");
}

#[track_caller]
fn assert_serves(answer: &Answer, digest: &Digest) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(&Digest::sha256(&answer.bytes), digest);
    assert!(answer.find("tlog-logindex").is_some(), "{answer:?}");
}

/// Asserts that nothing was served, for a reason that `part` of the message tells.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let message = answer.error().1;
    assert!(message.contains(part), "'{part}' is not in '{message}'");
}
