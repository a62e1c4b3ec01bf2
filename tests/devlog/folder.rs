//! A log kept in a folder: what survives, and what is refused.

use crate::support::*;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tlogistry::devlog::{Devlog, OpenError, Options};

/// A folder of its own for each test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("devlog-{test}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn entries(&self) -> PathBuf {
        self.0.join("entries.jsonl")
    }

    async fn open(&self) -> Result<Log, OpenError> {
        self.open_with(options()).await
    }

    async fn open_with(&self, options: Options) -> Result<Log, OpenError> {
        Devlog::open(Some(&self.0), options).await.map(Log::from)
    }

    /// A log with three entries, closed again, and its last head.
    async fn with_three_entries(test: &str) -> (Self, Value) {
        let folder = Self::new(test);
        let log = folder.open().await.unwrap();
        for name in ["a", "b", "c"] {
            upload(&log, name).await;
        }
        let head = head(&log).await;
        (folder, head)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that must be the same after opening again: all but the signature, which is a new one.
async fn head(log: &Log) -> Value {
    let mut head = get(log, "/api/v1/log").await.json();
    head.as_object_mut().unwrap().remove("signedTreeHead");
    head
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[track_caller]
fn error(opened: Result<Log, OpenError>) -> String {
    opened.err().expect("must not open").to_string()
}

#[tokio::test]
async fn a_log_opened_again_is_the_same_log() {
    let (folder, before) = Folder::with_three_entries("again").await;
    let log = folder.open().await.unwrap();
    assert_eq!(head(&log).await, before);
    let (id, entry) = upload(&log, "d").await;
    assert_verifies(&log, &id, &entry);
    let found = post(&log, SEARCH, &json!({ "hash": sha256_hex("b") })).await.json();
    let id = found[0].as_str().unwrap();
    let (id, entry) = get(&log, &format!("{ENTRIES}/{id}")).await.entry();
    assert_verifies(&log, &id, &entry);
    assert_eq!(entry["logIndex"], FIRST_INDEX + 1);
    assert_eq!(unbase64(&entry["attestation"]["data"]), statement("b"));
    let path = "/api/v1/log/proof?firstSize=3&lastSize=4";
    assert_eq!(get(&log, path).await.status, 200);
}

#[tokio::test]
async fn the_same_leaf_is_a_conflict_after_opening_again() {
    let folder = Folder::new("conflict");
    let sent = Client::new().propose(&statement("a"));
    for status in [201, 409] {
        let log = folder.open().await.unwrap();
        assert_eq!(post(&log, ENTRIES, &sent).await.status, status);
    }
}

#[tokio::test]
async fn an_incomplete_last_line_is_dropped() {
    let (folder, before) = Folder::with_three_entries("torn").await;
    let whole = fs::read(folder.entries()).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for torn in [&b"0"[..], &[0; 9], &whole[last..whole.len() - 1]] {
        append(&folder.entries(), torn);
        let log = folder.open().await.unwrap();
        assert_eq!(head(&log).await, before);
        assert_eq!(fs::read(folder.entries()).unwrap(), whole);
    }
    // The last entry's own line, cut by its line feed: the entry was never answered for.
    fs::write(folder.entries(), &whole[..whole.len() - 1]).unwrap();
    let log = folder.open().await.unwrap();
    assert_eq!(head(&log).await["treeSize"], 2);
    let (id, entry) = upload(&log, "d").await;
    assert_verifies(&log, &id, &entry);
    drop(log);
    assert_eq!(head(&folder.open().await.unwrap()).await["treeSize"], 3);
}

#[tokio::test]
async fn any_other_damage_refuses_to_open_and_names_the_line() {
    let (folder, _) = Folder::with_three_entries("corrupt").await;
    let whole = fs::read_to_string(folder.entries()).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let changed = lines[1].replacen("\"integratedTime\":1", "\"integratedTime\":2", 1);
    assert_ne!(lines[1], changed);
    for (what, damaged, line) in [
        ("a line changed", [lines[0], &changed, lines[2], lines[3]].concat(), 2),
        ("a line missing", [lines[0], lines[2], lines[3]].concat(), 2),
        ("the first line missing", lines[1..].concat(), 1),
        ("two lines exchanged", [lines[0], lines[2], lines[1], lines[3]].concat(), 2),
        ("a line twice", [lines[0], lines[1], lines[1]].concat(), 3),
        ("a line that is none", format!("{whole}\n"), 5),
        ("a line too short", format!("{whole}abc\n"), 5),
    ] {
        fs::write(folder.entries(), damaged).unwrap();
        let message = format!("{}: line {line} is corrupt: its hash does not match", folder.entries().display());
        assert_eq!(error(folder.open().await), message, "{what}");
    }
    fs::write(folder.entries(), &whole).unwrap();
    folder.open().await.unwrap();
}

#[tokio::test]
async fn a_folder_is_open_once_at_a_time() {
    let folder = Folder::new("lock");
    let log = folder.open().await.unwrap();
    let message = format!("{}: another process has this log open", folder.0.display());
    assert_eq!(error(folder.open().await), message);
    drop(log);
    folder.open().await.unwrap();
}

#[tokio::test]
async fn a_log_keeps_its_name_numbering_and_key() {
    let (folder, before) = Folder::with_three_entries("kept").await;
    let hostname = Options { hostname: "other.example".to_owned(), ..options() };
    let first_index = Options { first_index: 7, ..options() };
    for (changed, message) in
        [(hostname, "the hostname log.example, not other.example"), (first_index, "the first index 4163431, not 7")]
    {
        let opened = folder.open_with(changed).await;
        let message = format!("the log in {} has {message}", folder.0.display());
        assert_eq!(error(opened), message);
    }
    let key = folder.0.join("key.pem");
    let pem = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert!(matches!(folder.open().await.err(), Some(OpenError::KeyMissing(_))));
    assert!(!key.exists(), "no new key is made for an old log");
    fs::write(&key, "no key").unwrap();
    assert!(matches!(folder.open().await.err(), Some(OpenError::Key { .. })));
    let other = Folder::new("kept-other");
    drop(other.open().await.unwrap());
    fs::copy(other.0.join("key.pem"), &key).unwrap();
    assert!(matches!(folder.open().await.err(), Some(OpenError::Changed { .. })));
    fs::write(&key, pem).unwrap();
    assert_eq!(head(&folder.open().await.unwrap()).await, before);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    folder.open().await.unwrap();
    let key = fs::metadata(folder.0.join("key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let pem = fs::read_to_string(folder.0.join("key.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[tokio::test]
async fn a_log_is_not_named_with_spaces() {
    for hostname in ["", "a b", "a\nb", "a+b"] {
        let options = Options { hostname: hostname.to_owned(), ..options() };
        let opened = Devlog::open(None, options).await;
        assert!(matches!(opened.err(), Some(OpenError::Hostname(_))), "{hostname:?}");
    }
}
