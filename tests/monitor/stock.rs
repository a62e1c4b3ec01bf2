//! Sigstore's rekor-monitor itself on the planted logs, told the key's fingerprint: what it finds, and where a complete audit
//! finds something else. `TLOGISTRY_REKOR_MONITOR` names the program, which no package registry here has.

mod planted;
mod shard;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testing::filed::der::Certificate;
use testing::process::{Ended, Process, clean};
use testing::tuf::{self, TufRepository};
use tlogistry::evidence::trusted_root;
use tlogistry::tlog::LogKeys;

use planted::{BY_BARE_KEY, Planted, assert_audited, at, findings, verifier};
use shard::Shard;

/// rekor-monitor, in a folder of its own that it keeps its checkpoint in.
struct Monitor<'a> {
    planted: &'a Planted,
    tuf: TufRepository,
    folder: tempfile::TempDir,
}

/// A run, and the entries that it found.
struct Run {
    ended: Ended,
    found: Vec<u64>,
}

impl<'a> Monitor<'a> {
    async fn of(planted: &'a Planted) -> Self {
        let shards = [(&planted.older, "2025-01-01T00:00:00Z"), (&planted.newest, "2025-07-01T00:00:00Z")];
        let keys = shards.iter().flat_map(|(shard, _)| shard.keys().iter().cloned().collect::<Vec<_>>());
        let keys = LogKeys::new(keys.collect()).unwrap();
        let services: Vec<Value> = shards
            .iter()
            .map(|(shard, start)| {
                json!({"url": shard.url, "majorApiVersion": 2, "validFor": {"start": start}, "operator": "test"})
            })
            .collect();
        let signing_config = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [], "oidcUrls": [], "tsaUrls": [],
            "rekorTlogUrls": services, "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"},
        });
        let url = planted.newest.url.parse().unwrap();
        let root = trusted_root(&keys, |_| &url);
        let targets = [("trusted_root.json", root), ("signing_config.v0.2.json", signing_config.to_string())];
        Self { planted, tuf: tuf::serve(&targets).await, folder: tempfile::tempdir().unwrap() }
    }

    /// Asks for the entries behind `from`: -1 for all. Without, for those behind the checkpoint of the run before.
    fn run(&self, from: Option<i64>) -> Run {
        let program = std::env::var_os("TLOGISTRY_REKOR_MONITOR").expect("TLOGISTRY_REKOR_MONITOR names rekor-monitor");
        let home: &Path = self.folder.path();
        std::fs::write(home.join("root.json"), &self.tuf.root).unwrap();
        let mut config = json!({"monitoredValues": {"fingerprints": [self.planted.fingerprint()]}});
        if let Some(from) = from {
            config["startIndex"] = from.into();
        }
        let mut command = clean(PathBuf::from(program));
        command.env("HOME", home).current_dir(home).args(["--once", "--file", "checkpoint", "--url"]);
        command.args([&self.planted.newest.url, "--tuf-repository", &self.tuf.url, "--tuf-root-path", "root.json"]);
        // JSON is YAML.
        let ended = Process::start(command.args(["--config", &config.to_string()])).finish();
        let words = ended.stderr.lines().filter_map(|line| line.strip_prefix("Found "));
        let words = words.map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found = words.map(|words| {
            assert_eq!(words[0], self.planted.fingerprint(), "{ended:?}");
            words[1].parse().unwrap()
        });
        let found = found.collect();
        Run { ended, found }
    }

    fn checkpoint(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("checkpoint")).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_the_entries_of_the_newest_shard_that_name_the_bare_key() {
    let planted = Planted::plant().await;
    let run = Monitor::of(&planted).await.run(Some(-1));
    assert_eq!(run.found, BY_BARE_KEY, "{:?}", run.ended);
    // It judges none of them, and says with no exit code that it found any.
    assert_eq!(run.ended.code, Some(0), "{:?}", run.ended);
    assert_audited(&planted);
}

/// The first index of a range is not part of it.
#[tokio::test(flavor = "multi_thread")]
async fn it_looks_behind_its_start_and_behind_its_checkpoint_and_a_first_run_looks_at_nothing() {
    let planted = Planted::plant().await;
    let monitor = Monitor::of(&planted).await;
    assert_eq!(monitor.run(Some(0)).found, BY_BARE_KEY[1..], "all but the first");
    let monitor = Monitor::of(&planted).await;
    let first = monitor.run(None);
    assert!(first.found.is_empty(), "{:?}", first.ended);
    assert!(first.ended.stderr.contains("no start index set and no log checkpoint, just saving checkpoint"));
    assert!(monitor.checkpoint().contains(&format!("\\n{}\\n", at::COUNT)), "{}", monitor.checkpoint());
    let bare = verifier("publicKey", planted.key.public.der());
    let index = planted.newest.add(b"new", &planted.key.sign(b"new"), &bare).await;
    assert_eq!(monitor.run(None).found, [index]);
    // A complete audit begins with the first entry.
    let (_, lines) = planted.audit();
    let read = lines.iter().find(|line| line["type"] == "read").unwrap();
    assert_eq!((&read["from"], &read["size"]), (&json!(0), &json!(at::COUNT + 1)));
}

/// It proves that checkpoints follow each other, and not that the entries which it is shown are in them.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_not_those_of_the_checkpoint_are_taken_for_them() {
    let planted = Planted::plant().await;
    let monitor = Monitor::of(&planted).await;
    planted.exchange_the_key();
    let run = monitor.run(Some(-1));
    assert_eq!((run.found, run.ended.code), (vec![at::KEY_ENCODED_OTHERWISE], Some(0)), "all others are hidden");
    let (code, lines) = planted.audit();
    assert_eq!(code, Some(1), "{lines:?}");
    assert!(planted.run(&[]).stdout.contains("rewritten: the log's entries do not lead to the root that it signed"));
}

/// It knows no list of what was seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_listed_sighting_that_is_not_in_the_log_is_nothing_to_it() {
    let planted = Planted::plant().await;
    let lost = planted.sign("v9", "lost").await;
    planted.list.add(&lost, &planted.newest.log_id(), at::STRANGER);
    assert_eq!(Monitor::of(&planted).await.run(Some(-1)).found, BY_BARE_KEY);
    let (code, lines) = planted.audit();
    let lacks = ("registry.test/app:v9".to_owned(), "log-lacks".to_owned());
    assert!(code == Some(1) && findings(&lines).contains(&lacks), "{lines:?}");
}

/// A kind of entry that it does not know ends the search of all others. A complete audit reads on.
#[tokio::test(flavor = "multi_thread")]
async fn one_entry_that_it_cannot_read_keeps_it_from_finding_any() {
    let folder = tempfile::tempdir().unwrap();
    let planted = embedded(folder.path()).await;
    let monitor = Monitor::of(&planted).await;
    assert_eq!(monitor.run(Some(-1)).found, [0], "the embedded log is read as the real one");
    let later = json!({"apiVersion": "1", "kind": "later", "spec": {"laterV1": {"of": "anyone"}}});
    planted.newest.append([later.to_string()]).await;
    let run = monitor.run(Some(-1));
    assert_eq!((run.found, run.ended.code), (vec![], Some(0)), "{}", run.ended.stderr);
    assert!(run.ended.stderr.contains("failed to parse entry"), "{}", run.ended.stderr);
    let (code, lines) = planted.audit();
    let about = (format!("log {} index 0", planted.newest.origin), "unexplained".to_owned());
    assert_eq!((code, findings(&lines)), (Some(1), vec![about]), "{lines:?}");
}

/// In `dsse`, which servers took once: an entry by the bare key and by a certificate that leads to no trusted authority is
/// passed over as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_anyones_beside_the_key_hides_an_entry_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let planted = embedded(folder.path()).await;
    let bare = verifier("publicKey", planted.key.public.der());
    let certificate = Certificate { subject: "anyone", ..Default::default() };
    let certified = verifier("x509Certificate", &certificate.around(planted.stranger.public.der(), &planted.stranger));
    planted.newest.append([planted::dsse(b"1", &[&bare]), planted::dsse(b"2", &[&bare, &certified])]).await;
    let run = Monitor::of(&planted).await.run(Some(-1));
    assert_eq!(run.found, [0, 1], "{}", run.ended.stderr);
    assert!(run.ended.stderr.contains("Certificate chain for log entry (Index: 2) could not be verified"));
    let (code, lines) = planted.audit();
    assert_eq!((code, findings(&lines).len(), &lines.last().unwrap()["byKeys"]), (Some(1), 3, &json!(3)), "{lines:?}");
}

/// Two embedded logs in a folder, each with an entry by the key that is no sighting.
async fn embedded(folder: &Path) -> Planted {
    let [newest, older] = ["newest", "older"].map(|name| folder.join(name));
    let planted = Planted::unplanted(Shard::embedded(&newest).await, Shard::embedded(&older).await).await;
    let bare = verifier("publicKey", planted.key.public.der());
    for log in [&planted.older, &planted.newest] {
        log.add(b"a file", &planted.key.sign(b"a file"), &bare).await;
    }
    planted
}
