//! The answers of `verify`, `history` and `audit` for a Rekor v2, which lists nothing and signs no time.

use std::ops::Deref;
use std::path::PathBuf;

use serde_json::Value;
use testing::devlog_folder::copy;
use testing::faulty::log::Log;
use testing::faulty::timestamp_authority::StandInAuthority;
use testing::process::{Ended, Process, cli};
use testing::service;
use testing::shared::Shared;
use testing::tags::{self, tag};
use testing::witness::Witness;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::sighting::LocalKey;
use tlogistry::tlog::{LogKeys, RekorApi};

use crate::served::answering;

const TAG: &str = "registry.test/app:v1";

struct Scene {
    shared: Shared,
}

impl Deref for Scene {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Scene {
    async fn set() -> Self {
        Self { shared: Shared::set().await }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An instance that records in this log, with the scene's key and table.
    fn instance(&self, log: LogConfig) -> Service {
        std::fs::write(self.file("key.pub.pem"), self.key().public_key().pem()).unwrap();
        self.on(log).build()
    }

    /// Pushes and records a tag.
    async fn seen(&self, instance: &Service, name: &str) -> Digest {
        let digest = self.tags.push(name, name);
        let answer = service::get(instance, &tags::manifest(name)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        digest
    }

    /// The instance's trusted root, in a file.
    async fn trusted_root(&self, instance: &Service) -> PathBuf {
        let answer = service::get(instance, "/trusted-root.json").await;
        let file = self.file("trusted-root.json");
        std::fs::write(&file, &answer.bytes).unwrap();
        file
    }

    /// A server that answers with the instance's evidence of a tag.
    async fn serves(&self, instance: &Service, name: &str) -> String {
        let bundle = service::get(instance, &format!("/sightings/{}", tag(name))).await;
        assert_eq!(bundle.status, 200, "{bundle:?}");
        answering(200, bundle.bytes).await
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = cli();
        command.args(arguments).arg("--key").arg(self.file("key.pub.pem"));
        command.env("INSECURE_REGISTRIES", format!("registry.test={}", self.tags.address));
        command.envs(self.table.environment());
        Process::start(&mut command).finish()
    }

    fn audit(&self, log: &[&str]) -> Ended {
        self.run(&[&["audit", "--ledger-table", &self.table.name], log].concat())
    }
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines about tags: the tag, and what was found.
fn issues(ended: &Ended) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = lines(ended).into_iter().filter(|line| line["type"] == "tag");
    lines.map(|line| (text(&line["tag"]), text(&line["issue"]))).collect()
}

/// The configuration after a move: `log` is written, `earlier` is searched.
fn moved(log: &Log, earlier: &Log) -> LogConfig {
    let (new, old) = (log.config(), earlier.config());
    let keys = new.keys.iter().chain(old.keys.iter()).cloned().collect();
    LogConfig { keys: LogKeys::new(keys).unwrap(), earlier: vec![old.url], ..new }
}

/// A Rekor v2 kept in a folder.
async fn log_in(folder: &std::path::Path) -> Log {
    let options = Options { api: RekorApi::V2, ..Options::default() };
    Log::of(Devlog::open(Some(folder), options).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sighting_is_verified_by_what_an_instance_has_and_no_time_is_claimed() {
    let (scene, log) = (Scene::set().await, Log::v2().await);
    let instance = scene.instance(log.config());
    let digest = scene.seen(&instance, "v1").await;
    let root = scene.trusted_root(&instance).await;
    let root = ["--trusted-root", root.to_str().unwrap()];
    let served = scene.serves(&instance, "v1").await;

    let ended = scene.run(&[&["verify", TAG, "--instance", &served], &root[..]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    for said in [
        &*format!("{TAG} holds\n\n  digest    {digest}\n  recorded  at a time that nobody signed, log index 0\n"),
        "  - the log holds the entry: the inclusion proof from the entry's own bytes to the root hash of a\n",
        "Not shown: when it was signed or recorded; this log signs no time\n",
        "Not checked: whether the log has other entries for this tag",
    ] {
        assert!(ended.stdout.contains(said), "'{said}' is not in {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("signed timestamp"), "{}", ended.stdout);
    let ended = scene.run(&[&["verify", TAG, "--json", "--instance", &served], &root[..]].concat());
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&shown["verdict"], &shown["entries"][0]["logIndex"]), (&"holds".into(), &0.into()), "{shown}");
    assert!(shown["entries"][0].get("integratedTime").is_none(), "{shown}");
    let young = scene.run(&[&["verify", TAG, "--min-age", "1s", "--instance", &served], &root[..]].concat());
    assert_eq!(young.code, Some(2), "{young:?}");
    let said =
        "--min-age cannot tell: nobody signed the time at which it was recorded; --policy takes the time of witnesses";
    assert!(young.stdout.contains(said), "{young:?}");

    scene.tags.push("v1", "moved");
    let ended = scene.run(&[&["verify", TAG, "--instance", &served], &root[..]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    // Another log's key, and the built-in one.
    let other = scene.instance(Log::v2().await.config());
    let root = scene.trusted_root(&other).await;
    for keys in [&["--trusted-root", root.to_str().unwrap()][..], &[]] {
        let ended = scene.run(&[&["verify", TAG, "--instance", &served], keys].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stdout.contains("its log entry does not verify"), "{ended:?}");
    }
}

/// A log whose new entries the authority stamps.
fn stamped(log: &Log, authority: &StandInAuthority) -> LogConfig {
    let config = log.config();
    let keys = config.keys.with_authorities(authority.authorities());
    LogConfig { keys, authority: Some(authority.url()), ..config }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_says_no_later_than_and_is_no_age() {
    let (scene, log, authority) = (Scene::set().await, Log::v2().await, StandInAuthority::start().await);
    let instance = scene.instance(stamped(&log, &authority));
    scene.seen(&instance, "v1").await;
    let root = scene.trusted_root(&instance).await;
    let served = scene.serves(&instance, "v1").await;
    let verify = |more: &[&str]| {
        let own = ["verify", TAG, "--instance", &served, "--trusted-root", root.to_str().unwrap()];
        scene.run(&[&own, more].concat())
    };
    let ended = verify(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("\n  recorded  signed no later than 20"), "{}", ended.stdout);
    assert!(ended.stdout.contains("  - a time-stamping authority saw your key's signature at the time above\n"));
    let shown: Value = serde_json::from_str(&verify(&["--json"]).stdout).unwrap();
    assert!(shown["entries"][0]["signedNoLaterThan"].is_string(), "{shown}");
    // It proves that it was signed, and not that it was published: neither young nor old enough.
    for age in ["0s", "52w"] {
        let unknown = verify(&["--min-age", age]);
        let said = format!(
            "{TAG} could not be checked: --min-age cannot tell: a time stamp alone shows when it was signed, not when it was \
             recorded; --policy takes the time of witnesses\n"
        );
        assert_eq!((unknown.code, unknown.stdout.starts_with(&said)), (Some(2), true), "{unknown:?}");
    }
    let own = ["resolve", TAG, "--min-age", "0s", "--instance", &served, "--trusted-root", root.to_str().unwrap()];
    let resolved = scene.run(&own);
    assert_eq!((resolved.code, &*resolved.stdout), (Some(2), ""), "{resolved:?}");
}

/// A stamp that is older says nothing: it may be of a statement that was kept back.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_time_stamp_too_the_time_of_witnesses_is_the_age() {
    let (scene, log, authority) = (Scene::set().await, Log::v2().await, StandInAuthority::start().await);
    let instance = scene.instance(stamped(&log, &authority));
    let (witness, policy) = (Witness::new("w.test"), scene.file("policy"));
    std::fs::write(&policy, format!("witness w {}\nquorum w\n", witness.vkey())).unwrap();
    let root = scene.trusted_root(&instance).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let week = 7 * 86_400;
    for (tag, time, code, said) in
        [("v1", now + week, 1, "is too young: first seen by witnesses 0s ago, on "), ("v2", now - week, 0, "holds")]
    {
        let by = witness.clone();
        log.is_cosigned(move |note| by.cosign(note, time));
        scene.seen(&instance, tag).await;
        let served = scene.serves(&instance, tag).await;
        let name = format!("registry.test/app:{tag}");
        let own = ["verify", &name, "--instance", &served, "--trusted-root", root.to_str().unwrap()];
        let demanded = ["--min-age", "6d", "--policy", policy.to_str().unwrap()];
        let ended = scene.run(&[&own[..], &demanded].concat());
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.starts_with(&format!("{name} {said}")), "{ended:?}");
        // The same sighting without the witnesses.
        assert_eq!(scene.run(&[&own[..], &demanded[..2]].concat()).code, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_instance_or_a_ledger_it_is_said_that_nothing_can_be_searched() {
    let (scene, log) = (Scene::set().await, Log::v2().await);
    let instance = scene.instance(log.config());
    scene.seen(&instance, "v1").await;
    let (root, url) = (scene.trusted_root(&instance).await, log.config().url.to_string());
    let trust = ["--trusted-root", root.to_str().unwrap(), "--rekor", &url];
    for api in [&[][..], &["--rekor-api", "2"]] {
        let trust = [&trust[..], api].concat();
        let ended = scene.run(&[&["verify", TAG, "--no-registry"], &trust[..]].concat());
        let said = format!(
            "{TAG} could not be checked: a log of API version 2 cannot be searched for a tag: name the instance that recorded \
             it, with --instance\n"
        );
        assert_eq!((ended.code, ended.stdout), (Some(2), said));
        let ended = scene.run(&[&["history", TAG], &trust[..]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("lists no entries of a tag: --instance shows"), "{ended:?}");
        let list = scene.file("tags.txt");
        std::fs::write(&list, TAG).unwrap();
        let ended = scene.run(&[&["audit", "--tags", list.to_str().unwrap()], &trust[..]].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("name the ledger, with --ledger-table or --ledger-file"), "{ended:?}");
        let key = scene.file("key.pem");
        let repair = ["--repair", "--signing-key", key.to_str().unwrap()];
        let ended = scene.audit(&[&trust[..], &repair].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("a log of API version 2 lists none"), "{ended:?}");
    }
    let ended = scene.run(&[&["verify", TAG, "--rekor-api", "3"], &trust[..]].concat());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("it is neither 1 nor 2"), "{ended:?}");
    // The key of a Rekor v1 does not make the log one.
    let ended = scene.run(&[
        "verify",
        TAG,
        "--rekor",
        &url,
        "--rekor-api",
        "2",
        "--rekor-key",
        "tests/data/another-log.pub.pem",
    ]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("must hold the Ed25519 key of"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_shows_the_entry_that_an_instance_has_and_says_that_there_may_be_others() {
    let (scene, log) = (Scene::set().await, Log::v2().await);
    let instance = scene.instance(log.config());
    let digest = scene.seen(&instance, "v1").await;
    let (root, url) = (scene.trusted_root(&instance).await, log.config().url.to_string());
    let served = scene.serves(&instance, "v1").await;
    let trust = ["--trusted-root", root.to_str().unwrap(), "--rekor", &url, "--instance", &served];
    let ended = scene.run(&[&["history", TAG], &trust[..]].concat());
    assert!(ended.stdout.starts_with(&format!("{TAG}: 1 entry\n\n0  sighting  {digest}\n")), "{ended:?}");
    assert!(ended.stdout.contains("The log of version 2 cannot be searched for others."), "{ended:?}");
    // The server has no moves, which the exit code tells.
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_both_logs_are_audited_in_one_table_and_both_logs_only_grew() {
    let (scene, old, new) = (Scene::set().await, Log::start().await, Log::v2().await);
    for name in ["a", "b"] {
        scene.seen(&scene.instance(old.config()), name).await;
    }
    let instance = scene.instance(moved(&new, &old));
    for name in ["c", "d", "e"] {
        scene.seen(&instance, name).await;
    }
    let root = scene.trusted_root(&instance).await;
    let (state, root) = (scene.file("state.json"), root.to_str().unwrap().to_owned());
    let (new_url, old_url) = (new.config().url.to_string(), old.config().url.to_string());
    let options = ["--trusted-root", &root, "--rekor", &new_url, "--earlier-log", &old_url, "--state"];
    let options = [&options[..], &[state.to_str().unwrap(), "--json"]].concat();

    let ended = scene.audit(&options);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(issues(&ended), []);
    let trees = |ended: &Ended| -> Vec<(Value, Value)> {
        let trees = lines(ended).into_iter().filter(|line| line["type"] == "tree");
        trees.map(|tree| (tree["size"].clone(), tree["from"].clone())).collect()
    };
    assert_eq!(trees(&ended), [(3.into(), Value::Null), (2.into(), Value::Null)]);

    scene.seen(&instance, "f").await;
    let ended = scene.audit(&options);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(trees(&ended), [(4.into(), 3.into()), (2.into(), 2.into())]);

    let ended = scene.audit(&["--rekor", &old_url, "--rekor-api", "1", "--trusted-root", &root, "--json"]);
    assert_eq!(ended.code, Some(0), "rows of the log that is not asked hold by their own proofs: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_the_log_lost_is_found_and_a_log_of_another_history_too() {
    let (scene, folders) = (Scene::set().await, tempfile::tempdir().unwrap());
    let (kept, empty) = (folders.path().join("kept"), folders.path().join("empty"));
    let log = log_in(&kept).await;
    // A log with the same key that never took an entry.
    copy(&kept, &empty);
    let instance = scene.instance(log.config());
    for name in ["a", "b", "c"] {
        scene.seen(&instance, name).await;
    }
    let root = scene.trusted_root(&instance).await;
    let state = scene.file("state.json");
    let audit = |url: &str, more: &[&str]| {
        scene.audit(&[&["--trusted-root", root.to_str().unwrap(), "--rekor", url, "--json"], more].concat())
    };
    let with_state = ["--state", state.to_str().unwrap()];
    let ended = audit(log.config().url.as_str(), &with_state);
    assert_eq!((ended.code, issues(&ended)), (Some(0), vec![]), "{ended:?}");

    let shorter = log_in(&empty).await;
    let lacks = |names: &[&str]| -> Vec<(String, String)> {
        names.iter().map(|name| (format!("registry.test/app:{name}"), "log-lacks".to_owned())).collect()
    };
    let mut found = issues(&audit(shorter.config().url.as_str(), &[]));
    found.sort();
    assert_eq!(found, lacks(&["a", "b", "c"]), "its tree does not reach so far");
    // The same place holds another leaf.
    let other = service::with_log(shorter.config()).registry(&scene.tags.address);
    let other = other.key(LocalKey::generate().unwrap()).build();
    for name in ["x", "y", "z"] {
        scene.seen(&other, name).await;
    }
    let ended = audit(shorter.config().url.as_str(), &[]);
    let mut found = issues(&ended);
    found.sort();
    assert_eq!((ended.code, found), (Some(1), lacks(&["a", "b", "c"])), "{ended:?}");
    // Whoever saw the first history before has the evidence.
    let ended = audit(shorter.config().url.as_str(), &with_state);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(lines(&ended)[0]["type"], "contradiction", "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_shard_that_has_ended_holds_by_its_own_proof() {
    let shard = async |hostname: &str| {
        let options = Options { api: RekorApi::V2, hostname: hostname.to_owned(), ..Options::default() };
        Log::of(Devlog::open(None, options).await.unwrap()).await
    };
    let (scene, first, second) = (Scene::set().await, shard("log1.test").await, shard("log2.test").await);
    let state = scene.file("state.json");
    let instance = scene.instance(first.config());
    for name in ["a", "b"] {
        scene.seen(&instance, name).await;
    }
    let keys = |logs: &[&Log]| {
        let keys = logs.iter().flat_map(|log| log.config().keys.iter().cloned().collect::<Vec<_>>());
        LogKeys::new(keys.collect()).unwrap()
    };
    // The new shard's key first, as its configuration has it.
    let instance = scene.instance(LogConfig::v2(second.config().url, keys(&[&second, &first])));
    let root = scene.trusted_root(&instance).await;
    let audit = |log: &Log| {
        let url = log.config().url.to_string();
        let options =
            ["--trusted-root", root.to_str().unwrap(), "--rekor", &url, "--rekor-api", "2", "--json", "--state"];
        scene.audit(&[&options[..], &[state.to_str().unwrap()]].concat())
    };
    let ended = audit(&first);
    assert_eq!((ended.code, issues(&ended)), (Some(0), vec![]), "{ended:?}");
    first.is_down(testing::faulty::log::Fault::Dropped);
    // Known tags are served, and lead to the shard that they stand in.
    let known = service::get(&instance, &tags::manifest("a")).await;
    assert_eq!((known.status, known.find("tlog-entry")), (200, Some("https://log1.test/api/v2/tile/entries/000.p/1")));
    scene.seen(&instance, "c").await;
    let ended = audit(&second);
    assert_eq!(
        (ended.code, issues(&ended)),
        (Some(0), vec![]),
        "the first shard is not asked, and is not missed: {ended:?}"
    );
}
