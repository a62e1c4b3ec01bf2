//! A log that holds anything, a registry, and what the command line and the function make of a tag.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use testing::any_log::AnyLog;
use testing::filed::{Case, Filed};
use testing::process::{Ended, Process, cli};
use testing::tags::tag;
use testing::{registry, service};
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, subject_hash};

pub struct Scene {
    pub log: AnyLog,
    folder: tempfile::TempDir,
    registry: String,
    case: Case,
    tags: usize,
}

impl Scene {
    /// The registry serves what was seen, whatever the tag.
    pub async fn set() -> Self {
        let manifest = registry::image("seen");
        let seen = Digest::sha256(&manifest);
        Self::serving(manifest, seen).await
    }

    pub async fn serving(manifest: Bytes, seen: Digest) -> Self {
        let registry = registry::start(move |_| Some(manifest.clone())).await;
        let (log, folder) = (AnyLog::start().await, tempfile::tempdir().unwrap());
        let case = Case::new(seen, Digest::sha256(&registry::image("other")));
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("key.pem", case.ours.pem());
        write("signing-key.pem", case.ours.private_pem());
        write("log.pem", log.public_key());
        Self { log, folder, registry, case, tags: 0 }
    }

    /// Goes on to a tag that nothing was filed for.
    pub fn next(&mut self) -> &Case {
        self.tags += 1;
        self.case.tag = tag(&format!("v{}", self.tags));
        &self.case
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its address.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    pub fn case(&self) -> &Case {
        &self.case
    }

    /// Files an entry under the current tag. Returns its id.
    pub fn file(&self, filed: &Filed) -> String {
        self.log.file(filed, &[&subject_hash(&self.case.tag)])
    }

    pub fn file_sighting(&self) -> String {
        self.file(&self.case.sighting())
    }

    pub fn run(&self, command: &str, arguments: &[&str]) -> Ended {
        let mut cli = cli();
        cli.arg(command).args(["--rekor", &self.log.url, "--rekor-key"]).arg(self.path("log.pem"));
        cli.arg("--key").arg(self.path("key.pem")).args(arguments);
        let insecure = format!("registry.test={}", self.registry);
        Process::start(cli.env("INSECURE_REGISTRIES", insecure)).finish()
    }

    /// A command's words on the current tag, and its exit code.
    #[track_caller]
    pub fn say(&self, command: &str) -> (Value, i32) {
        let ended = self.run(command, &[&self.case.tag.to_string(), "--json"]);
        let said = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (said, ended.code.unwrap())
    }

    /// An audit's findings on the current tag, in order, and its exit code.
    #[track_caller]
    pub fn audit(&self) -> (Vec<String>, i32) {
        let list = self.path("tags");
        std::fs::write(&list, format!("{}\n", self.case.tag)).unwrap();
        let ended = self.run("audit", &["--tags", list.to_str().unwrap(), "--json"]);
        let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let issues = lines.filter(|line| line["type"] == "tag").map(|line| line["issue"].as_str().unwrap().to_owned());
        (issues.collect(), ended.code.unwrap_or_else(|| panic!("{ended:?}")))
    }

    /// Asserts that a tag with an honest sighting holds by every command, and how each of its entries stands. Entries by
    /// strangers are counted by `verify`.
    #[track_caller]
    pub fn assert_holds(&self, name: &str, standings: &[&str]) {
        let (said, code) = self.say("history");
        let listed: Vec<&str> =
            said["entries"].as_array().unwrap().iter().map(|entry| entry["standing"].as_str().unwrap()).collect();
        assert_eq!((&listed[..], code), (standings, 0), "history {name}: {said}");
        let (said, code) = self.say("verify");
        assert_eq!((said["verdict"].as_str(), code), (Some("holds"), 0), "verify {name}: {said}");
        let foreign = standings.iter().filter(|standing| **standing == "foreign").count();
        assert_eq!(said["foreignEntries"], foreign, "verify {name}: {said}");
        assert_eq!(self.audit(), (Vec::new(), 0), "audit {name}");
    }

    /// An instance with an empty ledger.
    pub fn instance(&self) -> Service {
        let key = LocalKey::open(&self.path("signing-key.pem")).unwrap();
        service::with_log(self.log.config()).registry(&self.registry).key(key).build()
    }

    /// Pulls the current tag.
    pub async fn pull(&self, instance: &Service) -> Pulled {
        let name = self.case.tag.to_string();
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let answer = service::get(instance, &format!("/v2/{repository}/manifests/{tag}")).await;
        let first_seen = answer.find("tlog-first-seen").is_some();
        Pulled { status: answer.status, first_seen, body: answer.text().to_owned() }
    }
}

#[derive(Debug)]
pub struct Pulled {
    pub status: u16,
    pub first_seen: bool,
    pub body: String,
}
