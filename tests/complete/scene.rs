//! A Rekor v2, a key, and an instance's list of sightings.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use testing::checked_log::CheckedLog;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::sightings_list::SightingsList;
use testing::tags::{Tags, tag};
use tlogistry::deadline::Deadline;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, SignedStatement, Signer};
use tlogistry::tlog::RekorApi;

pub struct Scene {
    log: CheckedLog,
    pub list: SightingsList,
}

impl Deref for Scene {
    type Target = CheckedLog;

    fn deref(&self) -> &CheckedLog {
        &self.log
    }
}

impl Scene {
    pub async fn set() -> Self {
        Self::with_log(Devlog::open(None, Options::of(RekorApi::V2)).await.unwrap()).await
    }

    pub async fn with_log(devlog: Devlog) -> Self {
        Self { log: CheckedLog::serve(devlog).await, list: SightingsList::start().await }
    }

    /// An instance that records in the log what the registry with these tags serves.
    pub fn instance(&self, state: &Path, tags: &Tags) -> Instance {
        let variables = [
            ("REKOR_URL", self.config.url.to_string()),
            ("REKOR_API_VERSION", "2".to_owned()),
            ("REKOR_PUBLIC_KEYS", std::fs::read_to_string(self.file("log.pub.pem")).unwrap()),
            ("TIMESTAMP_URL", "none".to_owned()),
            ("INSECURE_REGISTRIES", format!("registry.test={}", tags.address)),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Instance::serve(state, &variables)
    }

    /// The log's id.
    pub fn log_id(&self) -> String {
        hex::encode(self.config.keys.iter().next().unwrap().id())
    }

    pub async fn sign(&self, name: &str, content: &str) -> SignedStatement {
        sign_by(&self.signer, name, content).await
    }

    /// Uploads a statement, and returns the entry's index.
    pub async fn upload(&self, signed: &SignedStatement) -> u64 {
        self.log.upload(signed).await.entry.log_index()
    }

    /// A sighting that is in the log and in the list.
    pub async fn seen(&self, name: &str) -> SignedStatement {
        let signed = self.sign(name, name).await;
        let index = self.upload(&signed).await;
        self.list.add(&signed, &self.log_id(), index);
        signed
    }

    /// Sightings by somebody else's key.
    pub async fn others(&self, count: usize) {
        let stranger = Signer::Local(LocalKey::generate().unwrap());
        for number in 0..count {
            self.upload(&sign_by(&stranger, "v1", &number.to_string()).await).await;
        }
    }

    pub fn file(&self, name: &str) -> String {
        self.log.file(name).to_str().unwrap().to_owned()
    }

    pub fn start(&self, arguments: &[&str]) -> Process {
        let mut command = cli();
        command.args(["audit", "--complete", "--rekor", self.config.url.as_str(), "--rekor-api", "v2"]);
        command.args(["--rekor-key", &self.file("log.pub.pem"), "--key", &self.file("key.pub.pem")]);
        Process::start(command.args(arguments))
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).finish()
    }

    /// Audits with the instance's list, and does not wait for what it does not explain.
    pub fn audit(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["--instance", &self.list.url, "--wait", "0"], arguments].concat())
    }

    /// The same with the state, as JSON lines.
    pub fn audit_with_state(&self) -> (Option<i32>, Vec<Value>) {
        let ended = self.audit(&["--state", &self.file("state.json"), "--json"]);
        (ended.code, json_lines(&ended))
    }
}

/// The lines of output.
pub fn json_lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ended:?}"))).collect()
}

/// The findings: what each is about, and its kind.
pub fn found(lines: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.iter().filter(|line| line["type"] == "tag").map(|line| (text(&line["tag"]), text(&line["issue"]))).collect()
}

pub async fn sign_by(signer: &Signer, name: &str, content: &str) -> SignedStatement {
    signer.sign(&tag(name), &Digest::sha256(content.as_bytes()), soon()).await.unwrap()
}

pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// Opens a log of API version 2 in a folder.
pub async fn log_in(folder: &Path) -> Devlog {
    Devlog::open(Some(folder), Options::of(RekorApi::V2)).await.unwrap()
}

/// The index and the leaf that an entry's evidence names.
pub fn evidence(line: &Value) -> (u64, String) {
    let entry = &line["evidence"];
    let leaf = BASE64_STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
    (entry["logIndex"].as_str().unwrap().parse().unwrap(), String::from_utf8(leaf).unwrap())
}
