//! `tlogistry-cli serve`, with its ledger in a file, and what its users run: the same on every log.

use std::path::{Path, PathBuf};

use testing::client::{Answer, get};
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::tags::{self, Tags, tag};
use tlogistry::evidence::trusted_root;

use crate::scene::{assert_first_seen, assert_refused, assert_unchanged};

/// A log, a registry, and a folder for what an instance and its users keep.
struct Scene {
    log: testing::faulty::log::Log,
    tags: Tags,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        Self { log: crate::new_log().await, tags: Tags::start().await, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An instance with its key and ledger in this folder.
    fn serve(&self, state: &str) -> Instance {
        let environment = [
            ("INSECURE_REGISTRIES", format!("registry.test={}", self.tags.address)),
            ("REKOR_URL", self.log.url()),
            ("REKOR_API_VERSION", "2".to_owned()),
            ("REKOR_PUBLIC_KEYS", self.log.public_key_pem().to_owned()),
            ("TIMESTAMP_URL", "none".to_owned()),
        ];
        Instance::serve(&self.path(state), &environment.map(|(name, value)| (name.to_owned(), value)))
    }

    /// Fetches what an instance says of itself, for its users, and its evidence of a tag.
    async fn fetch(&self, instance: &Instance, name: &str) {
        let evidence = format!("/sightings/{}", tag(name));
        for (path, file) in
            [("/key.pem", "key.pem"), ("/trusted-root.json", "root.json"), (&*evidence, "sighting.json")]
        {
            let answer = get(&instance.at(path)).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            std::fs::write(self.path(file), &answer.bytes).unwrap();
        }
    }

    async fn write_root_of_another_log(&self, name: &str) {
        let (url, other) = (self.log.config().url, crate::new_log().await);
        std::fs::write(self.path(name), trusted_root(&other.config().keys, |_| &url)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = cli();
        command.args(arguments).current_dir(self.folder.path());
        command.env("INSECURE_REGISTRIES", format!("registry.test={}", self.tags.address));
        Process::start(&mut command).finish()
    }

    /// Runs a command about a tag, by the evidence of an instance.
    fn about(&self, command: &str, name: &str, instance: &Instance, root: &str) -> Ended {
        let (tag, url) = (tag(name).to_string(), instance.at(""));
        let log = self.log.url();
        let mut arguments = vec![command, &tag, "--instance", &url, "--key", "key.pem", "--trusted-root", root];
        if command == "history" {
            arguments.extend(["--rekor", &log]);
        }
        self.run(&arguments)
    }
}

async fn pull(instance: &Instance, name: &str) -> Answer {
    get(&instance.at(&tags::manifest(name))).await
}

fn ledger(state: &Path) -> String {
    state.join("ledger.redb").to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_check_a_tag_by_the_evidence_of_an_instance() {
    let scene = Scene::set().await;
    let instance = scene.serve("state");
    let [before, digest] = ["v0", "v1"].map(|name| scene.tags.push(name, name));
    assert_first_seen(&pull(&instance, "v0").await, &before);
    assert_first_seen(&pull(&instance, "v1").await, &digest);
    scene.fetch(&instance, "v1").await;

    let verified = scene.about("verify", "v1", &instance, "root.json");
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let said =
        format!("{} holds\n\n  digest    {digest}\n  recorded  at a time that nobody signed, log index 1\n", tag("v1"));
    assert!(verified.stdout.contains(&said), "{verified:?}");
    let resolved = scene.about("resolve", "v1", &instance, "root.json");
    let expected = format!("registry.test/app@{digest}\n");
    assert_eq!((resolved.code, resolved.stdout), (Some(0), expected), "{}", resolved.stderr);
    let history = scene.about("history", "v1", &instance, "root.json");
    assert_eq!(history.code, Some(0), "{history:?}");
    assert!(history.stdout.starts_with(&format!("{}: 1 entry\n\n1  sighting  {digest}\n", tag("v1"))), "{history:?}");
    let entry = scene.run(&["verify-entry", "--trusted-root", "root.json", "sighting.json"]);
    let said = format!("sighting.json: holds (log index 1): {} was {digest}, by the key sha256:", tag("v1"));
    assert!(entry.code == Some(0) && entry.stdout.starts_with(&said), "{entry:?}");

    // By another log's key nothing holds.
    scene.write_root_of_another_log("other.json").await;
    let refused = scene.about("verify", "v1", &instance, "other.json");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stdout.contains("its log entry does not verify"), "{refused:?}");
    assert_ne!(scene.about("resolve", "v1", &instance, "other.json").code, Some(0));
    assert_eq!(scene.run(&["verify-entry", "--trusted-root", "other.json", "sighting.json"]).code, Some(1));

    // The tag moves, and its history says where to.
    let moved = scene.tags.push("v1", "moved");
    assert_refused(&pull(&instance, "v1").await, 403, digest.as_str());
    for command in ["verify", "resolve"] {
        let refused = scene.about(command, "v1", &instance, "root.json");
        assert_eq!(refused.code, Some(1), "{refused:?}");
    }
    let history = scene.about("history", "v1", &instance, "root.json");
    assert!(history.stdout.contains(moved.as_str()), "{history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_carried_to_another_machine_and_forgets_nothing() {
    let scene = Scene::set().await;
    let instance = scene.serve("first");
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&instance, "v1").await, &digest);
    scene.fetch(&instance, "v1").await;
    drop(instance);

    let [first, second] = ["first", "second"].map(|name| scene.path(name));
    let exported = scene.run(&["ledger", "export", "--ledger-file", &ledger(&first)]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    std::fs::write(scene.path("export.jsonl"), &exported.stdout).unwrap();
    // The other machine has the key, and no log of its own.
    std::fs::create_dir(&second).unwrap();
    for file in std::fs::read_dir(&first).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().unwrap() != "ledger.redb" && file.is_file() {
            std::fs::copy(&file, second.join(file.file_name().unwrap())).unwrap();
        }
    }
    let to = ledger(&second);
    let import = |root: &str| {
        let trust = ["--key", "key.pem", "--trusted-root", root];
        scene.run(&[&["ledger", "import", "export.jsonl", "--ledger-file", &to], &trust[..]].concat())
    };
    scene.write_root_of_another_log("other.json").await;
    assert_ne!(import("other.json").code, Some(0), "rows of another log are no rows");
    let imported = import("root.json");
    assert_eq!(imported.code, Some(0), "{imported:?}");

    scene.log.asked();
    let instance = scene.serve("second");
    assert_unchanged(&pull(&instance, "v1").await, &digest);
    scene.tags.push("v1", "two");
    assert_refused(&pull(&instance, "v1").await, 403, digest.as_str());
    assert!(scene.log.asked().is_empty(), "the row is all that is needed");
    assert_eq!(scene.log.size().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_starts_again_knows_its_tags_from_its_file() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.serve("state"), "v1").await, &digest);
    let instance = scene.serve("state");
    scene.tags.push("v1", "two");
    assert_refused(&pull(&instance, "v1").await, 403, digest.as_str());
    scene.tags.push("v1", "one");
    assert_unchanged(&pull(&instance, "v1").await, &digest);
    assert_eq!(scene.log.size().await, 1);
}
