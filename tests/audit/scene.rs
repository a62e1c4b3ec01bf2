//! A registry and a log in this process, and keys that sign for it.
#![allow(dead_code)] // Each test program uses a part of this.

use std::ops::Deref;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testing::checked_log::CheckedLog;
use testing::client::get;
use testing::process::{Ended, Process, cli};
use testing::tags::{Tags, tag};
use tlogistry::deadline::Deadline;
use tlogistry::devlog::{Devlog, Indexing, Options};
use tlogistry::image::Digest;
use tlogistry::key::PublicKey;
use tlogistry::rekor::Uploaded;
use tlogistry::sighting::{LocalKey, Sighting, Signer};
use tlogistry::tlog::LogKeys;

pub struct Scene {
    log: CheckedLog,
    /// The log's.
    pub url: String,
    pub tags: Tags,
}

impl Deref for Scene {
    type Target = CheckedLog;

    fn deref(&self) -> &CheckedLog {
        &self.log
    }
}

impl Scene {
    pub async fn set() -> Self {
        let devlog = Devlog::open(None, Options::default()).await.unwrap();
        Self::with_log(devlog).await
    }

    pub async fn with_log(devlog: Devlog) -> Self {
        let log = CheckedLog::serve(devlog).await;
        let url = log.config.url.as_str().trim_end_matches('/').to_owned();
        Self { log, url, tags: Tags::start().await }
    }

    /// From now on the log has lost the statement of the entry with this index.
    pub fn lose_statement(&self, index: u64) {
        self.alter(move |path, response| {
            if !path.ends_with("/entries/retrieve") {
                return response;
            }
            let mut entries: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(response.body()).unwrap();
            for entry in entries.iter_mut().flat_map(|named| named.values_mut()) {
                if entry["logIndex"] == index {
                    entry.as_object_mut().unwrap().remove("attestation");
                }
            }
            response.map(|_| serde_json::to_vec(&entries).unwrap().into())
        });
    }

    /// From now on whole texts in the log's answers are replaced.
    pub fn replace(&self, from: String, to: String) {
        self.alter(move |_, response| {
            response.map(|body| String::from_utf8(body.into()).unwrap().replace(&from, &to).into())
        });
    }

    /// Records what the key that counts says.
    pub async fn record(&self, name: &str, digest: &Digest) -> Uploaded {
        self.record_by(&self.signer, name, digest).await
    }

    /// Pushes and records a tag.
    pub async fn seen(&self, name: &str) -> (Digest, Uploaded) {
        let digest = self.tags.push(name, name);
        let uploaded = self.record(name, &digest).await;
        (digest, uploaded)
    }

    pub async fn record_by(&self, signer: &Signer, name: &str, digest: &Digest) -> Uploaded {
        let deadline = Deadline::after(Duration::from_secs(60));
        let statement = signer.sign(&tag(name), digest, deadline).await.unwrap();
        self.upload(&statement).await
    }

    /// As after an upload that timed out: the entry is in the log and in no index, and its statement is lost.
    pub async fn record_unfiled(&self, name: &str, digest: &Digest) -> Uploaded {
        self.devlog.set_indexing(Indexing::Never);
        let uploaded = self.record(name, digest).await;
        self.devlog.set_indexing(Indexing::AtOnce);
        uploaded
    }

    /// A command with the log, its key and the key that counts.
    pub fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut cli = cli();
        cli.arg(command).args(["--rekor", &self.url, "--rekor-key"]).arg(self.file("log.pub.pem"));
        if !arguments.contains(&"--key") {
            cli.arg("--key").arg(self.file("key.pub.pem"));
        }
        cli.env("INSECURE_REGISTRIES", format!("registry.test={}", self.tags.address));
        cli.args(arguments);
        cli
    }

    pub fn start(&self, command: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        Process::start(self.command(command, arguments).envs(environment.iter().copied()))
    }

    pub fn run(&self, command: &str, arguments: &[&str]) -> Ended {
        self.start(command, arguments, &[]).finish()
    }

    /// Runs a command. Returns the peak of its resident memory, in KiB, too.
    pub fn run_measured(&self, command: &str, arguments: &[&str]) -> (Ended, u64) {
        let mut running = self.start(command, arguments, &[]);
        let status = format!("/proc/{}/status", running.id().as_raw_nonzero());
        let mut peak = 0;
        while !running.has_ended() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(20));
        }
        (running.finish(), peak)
    }

    /// The entry that an upload made.
    pub fn sighting(&self, name: &str, digest: &Digest, uploaded: Uploaded) -> Sighting {
        let keys = LogKeys::v1(vec![PublicKey::from_pem(self.devlog.public_key_pem()).unwrap()]).unwrap();
        let entry = uploaded.entry.verify(&keys).unwrap();
        Sighting::check(entry, tag(name), digest.clone(), &[self.key().public_key().clone()]).unwrap()
    }

    pub fn key(&self) -> &LocalKey {
        let Signer::Local(key) = &self.signer else { unreachable!("the key is a local one") };
        key
    }

    /// Writes a list of tags, each with its repository. Returns its path.
    pub fn list(&self, names: &[&str]) -> String {
        let lines: Vec<String> = names.iter().map(|name| format!("registry.test/app:{name}\n")).collect();
        let path = self.file("tags");
        std::fs::write(&path, lines.concat()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The log's tree, and how many entries it has.
    pub async fn head(&self) -> (String, u64) {
        let head = get(&format!("{}/api/v1/log", self.url)).await;
        let head: serde_json::Value = serde_json::from_slice(&head.bytes).unwrap();
        (head["treeID"].as_str().unwrap().to_owned(), head["treeSize"].as_u64().unwrap())
    }

    /// The entry's URL.
    pub fn entry_url(&self, uploaded: &Uploaded) -> String {
        format!("{}/api/v1/log/entries/{}", self.url, uploaded.entry.id())
    }

    /// The sha256 of the key that counts, as it is printed.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.key().public_key().id())
    }
}

/// A key that nobody named.
pub fn stranger() -> Signer {
    Signer::Local(LocalKey::generate().unwrap())
}
