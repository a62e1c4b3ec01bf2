//! A log, a ledger, a bucket with topics, and the auditor under Lambda's emulator.

use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;
use testing::bucket_and_topics::{BucketAndTopics, Told};
use testing::faulty::log::Log;
use testing::instance::Instance;
use testing::process::{Ended, Process};
use testing::table::Table;
use tlogistry::deadline::Deadline;
use tlogistry::devlog::Devlog;
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{DynamoDbLedger, Lease, Ledger, Row};
use tlogistry::sighting::{LocalKey, Sighting, Signer};
use tlogistry::tlog::RekorApi;

pub struct Scene {
    pub log: Log,
    pub table: Table,
    pub aws: BucketAndTopics,
    /// The key that counts.
    pub signer: Signer,
    ledger: Ledger,
    /// Its contents have no meaning.
    event: tempfile::NamedTempFile,
}

/// The end of a run, and what it has written.
#[derive(Debug)]
pub struct Ran {
    /// The answer of one that did not fail.
    pub answer: Value,
    /// True if it wrote the metric whose absence is an alarm.
    pub counted: bool,
}

impl Scene {
    pub async fn set() -> Self {
        Self::around(Log::start().await, Signer::Local(LocalKey::generate().unwrap())).await
    }

    pub async fn with_log(devlog: Devlog) -> Self {
        Self::around(Log::of(devlog).await, Signer::Local(LocalKey::generate().unwrap())).await
    }

    /// With a log that has tiles.
    pub async fn v2() -> Self {
        Self::around(Log::v2().await, Signer::Local(LocalKey::generate().unwrap())).await
    }

    pub async fn signed_by(signer: Signer) -> Self {
        Self::around(Log::start().await, signer).await
    }

    async fn around(log: Log, signer: Signer) -> Self {
        let table = Table::start().await;
        let ledger = Ledger::DynamoDb(DynamoDbLedger::new(table.client.clone(), table.name.clone()));
        let event = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(event.path(), "{}").unwrap();
        Self { log, table, aws: BucketAndTopics::start(), signer, ledger, event }
    }

    pub fn tag(&self, name: &str) -> Tag {
        format!("registry.test/app:{name}").parse().unwrap()
    }

    /// Records a tag in the log and in the ledger.
    pub async fn seen(&self, name: &str) -> Digest {
        let (deadline, digest) = (Deadline::after(Duration::from_secs(60)), Digest::sha256(name.as_bytes()));
        let statement = self.signer.sign(&self.tag(name), &digest, deadline).await.unwrap();
        let config = self.log.config();
        let log = config.clients().unwrap().written;
        let uploaded = log.upload(&statement.signed_payload(), deadline).await.unwrap();
        let entry = uploaded.entry.verify(&config.keys).unwrap();
        let key = self.signer.public_key(deadline).await.unwrap().clone();
        let sighting = Sighting::check(entry, self.tag(name), digest.clone(), &[key]).unwrap();
        self.insert(&Row::recorded(&sighting)).await;
        digest
    }

    /// Records another digest in the log.
    pub async fn seen_elsewhere(&self, name: &str, text: &str) -> Digest {
        let digest = Digest::sha256(text.as_bytes());
        if self.log.config().api == RekorApi::V2 {
            let deadline = Deadline::after(Duration::from_secs(60));
            let statement = self.signer.sign(&self.tag(name), &digest, deadline).await.unwrap();
            assert_eq!(self.log.add(&statement.signed_payload()).await, 201);
        } else {
            self.log.record(&self.signer, &self.tag(name), &digest).await;
        }
        digest
    }

    /// A row with a statement that is not in the log.
    pub async fn pending(&self, name: &str, text: &str) -> Digest {
        let (deadline, digest) = (Deadline::after(Duration::from_secs(60)), Digest::sha256(text.as_bytes()));
        let statement = self.signer.sign(&self.tag(name), &digest, deadline).await.unwrap();
        self.insert(&Row::pending(&statement, Lease::starting_now(Duration::ZERO))).await;
        digest
    }

    async fn insert(&self, row: &Row) {
        assert!(self.ledger.insert(row, Deadline::after(Duration::from_secs(60))).await.unwrap());
    }

    /// The variables of an auditor of the ledger that begins a new audit as soon as the last has ended.
    pub async fn environment(&self) -> Vec<(String, String)> {
        let key = self.signer.public_key(Deadline::after(Duration::from_secs(60))).await.unwrap().pem().to_owned();
        let own = [
            ("REKOR_URL", self.log.config().url.to_string()),
            ("REKOR_PUBLIC_KEYS", self.log.public_key_pem().to_owned()),
            ("TRUSTED_KEYS", key),
            ("AUDIT_INTERVAL_HOURS", "0".to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let v2 = [("REKOR_API_VERSION", "2"), ("TIMESTAMP_URL", "none"), ("AUDIT_WAIT_SECONDS", "0")];
        let is_v2 = self.log.config().api == RekorApi::V2;
        let v2 = v2.iter().filter(|_| is_v2).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        [own.to_vec(), v2.collect(), self.table.environment(), self.aws.environment()].concat()
    }

    /// An auditor with these variables beside its usual ones, or in their place; an empty one is unset.
    pub async fn auditor_with(&self, variables: &[(&str, &str)]) -> Instance {
        let own = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Instance::auditor(&[self.environment().await, own.collect()].concat())
    }

    pub async fn auditor(&self) -> Instance {
        self.auditor_with(&[]).await
    }

    pub fn start_run(&self, auditor: &Instance) -> Process {
        auditor.start_to_invoke(self.event.path())
    }

    /// Runs the auditor once, which must not fail.
    #[track_caller]
    pub fn run(&self, auditor: &Instance) -> Ran {
        finished(self.start_run(auditor).finish())
    }

    /// Runs the auditor once, which must fail in a way that Lambda counts. Returns the error, as its line has it.
    #[track_caller]
    pub fn fails(&self, auditor: &Instance) -> String {
        let before = auditor.process().count(|line| error_in(line).is_some());
        let ended = self.start_run(auditor).finish();
        assert!(ended.code != Some(0) && ended.stderr.contains("Error: "), "{ended:?}");
        let seen = Cell::new(0);
        auditor.wait_for(|line| {
            let error = error_in(line)?;
            seen.set(seen.get() + 1);
            (seen.get() > before).then_some(error)
        })
    }

    pub async fn state(&self) -> Value {
        serde_json::from_slice(&self.aws.state().await.expect("there is no state")).unwrap()
    }

    /// Every message but the one that tells of the beginning.
    pub async fn told(&self) -> Vec<Told> {
        let mut told = self.aws.told().await;
        told.retain(|told| !told.message.contains("this is the first audit"));
        told
    }

    /// The number of searches that the log was asked for since this was called last.
    pub fn searches(&self) -> usize {
        self.log.asked().into_iter().filter(|call| *call == testing::faulty::log::Call::Search).count()
    }
}

/// The error that a line of the function's log holds.
fn error_in(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["type"] == "error").then(|| line["detail"].as_str().unwrap().to_owned())
}

#[track_caller]
pub fn finished(ended: Ended) -> Ran {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let counted = answer["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] == "AuditorRan";
    Ran { answer, counted }
}

impl Ran {
    #[track_caller]
    pub fn assert(&self, outcome: &str, checked: u64) {
        assert_eq!((&self.answer["outcome"], &self.answer["checked"]), (&outcome.into(), &checked.into()), "{self:?}");
        assert_eq!(self.counted, matches!(outcome, "complete" | "cut-short" | "not-due"), "{self:?}");
    }
}
