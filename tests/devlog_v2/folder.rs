//! A log kept in a folder: what survives, and what is refused.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tlogistry::devlog::{Devlog, OpenError, Options};
use tlogistry::tlog::RekorApi;

use crate::served;
use crate::support::*;

fn entries(folder: &TempDir) -> PathBuf {
    folder.path().join("entries.jsonl")
}

async fn open(folder: &TempDir) -> Result<Devlog, OpenError> {
    Devlog::open(Some(folder.path()), Options::of(RekorApi::V2)).await
}

#[track_caller]
fn error(opened: Result<Devlog, OpenError>) -> String {
    opened.err().expect("must not open").to_string()
}

/// A log with three entries, closed again, and its leaves.
async fn with_three_entries() -> (TempDir, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let devlog = open(&folder).await.unwrap();
    let leaves = add_three(&devlog).await;
    (folder, leaves)
}

/// Adds entries without a server, which would keep the log open.
async fn add_three(devlog: &Devlog) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    for _ in 0..3 {
        let signed = Signed::new(b"anything");
        assert_eq!(post(devlog, &signed).await.status(), 201);
        leaves.push(signed.leaf().into_bytes());
    }
    leaves
}

async fn post(devlog: &Devlog, signed: &Signed) -> http::Response<bytes::Bytes> {
    let request = http::Request::post(ENTRIES).body(signed.request().to_string().into());
    devlog.handle(request.unwrap()).await
}

#[tokio::test]
async fn a_log_opened_again_is_the_same_log() {
    let (folder, mut leaves) = with_three_entries().await;
    let devlog = open(&folder).await.unwrap();
    let (key, id) = (devlog.public_key_pem().to_owned(), devlog.log_id());
    drop(devlog);
    let log = served(open(&folder).await.unwrap()).await;
    assert_eq!((&log.reader.public_key, log.reader.log_id()), (&key, id));
    assert_eq!(log.reader.all().await, leaves);
    let entry = log.add().await;
    leaves.push(unbase64(&entry["canonicalizedBody"]));
    log.check(&entry, &leaves);
}

#[tokio::test]
async fn the_same_leaf_is_a_conflict_after_opening_again() {
    let (folder, _) = with_three_entries().await;
    let signed = Signed::new(b"twice");
    assert_eq!(post(&open(&folder).await.unwrap(), &signed).await.status(), 201);
    let again = post(&open(&folder).await.unwrap(), &signed).await;
    assert_eq!((again.status().as_u16(), &again.headers()["x-log-index"]), (409, &"3".parse().unwrap()));
}

#[tokio::test]
async fn an_incomplete_last_line_is_dropped() {
    let (folder, leaves) = with_three_entries().await;
    let whole = fs::read(entries(&folder)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for torn in [&b"0"[..], &[0; 9], &whole[last..whole.len() - 1]] {
        OpenOptions::new().append(true).open(entries(&folder)).unwrap().write_all(torn).unwrap();
        drop(open(&folder).await.unwrap());
        assert_eq!(fs::read(entries(&folder)).unwrap(), whole);
    }
    // The last entry's own line, cut by its line feed: the entry was never answered for.
    fs::write(entries(&folder), &whole[..whole.len() - 1]).unwrap();
    let log = served(open(&folder).await.unwrap()).await;
    assert_eq!(log.reader.all().await, leaves[..2]);
    assert_eq!(log.add().await["logIndex"], "2");
    assert_eq!(log.reader.all().await.len(), 3);
}

#[tokio::test]
async fn any_other_damage_refuses_to_open_and_names_the_line() {
    let (folder, _) = with_three_entries().await;
    let whole = fs::read_to_string(entries(&folder)).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let changed = lines[1].replacen("SHA2_256", "SHA2_257", 1);
    assert_ne!(lines[1], changed);
    for (what, damaged, line) in [
        ("a line changed", [lines[0], &changed, lines[2], lines[3]].concat(), 2),
        ("a line missing", [lines[0], lines[2], lines[3]].concat(), 2),
        ("the first line missing", lines[1..].concat(), 1),
        ("two lines exchanged", [lines[0], lines[2], lines[1], lines[3]].concat(), 2),
        ("a line that is none", format!("{whole}\n"), 5),
    ] {
        fs::write(entries(&folder), damaged).unwrap();
        let opened = open(&folder).await;
        // Without its first line the log is one of v1, or none.
        if line == 1 {
            assert!(opened.is_err(), "{what}");
            continue;
        }
        let message = format!("{}: line {line} is corrupt: its hash does not match", entries(&folder).display());
        assert_eq!(error(opened), message, "{what}");
    }
    fs::write(entries(&folder), &whole).unwrap();
    open(&folder).await.unwrap();
}

#[tokio::test]
async fn a_folder_is_open_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let devlog = open(&folder).await.unwrap();
    let message = format!("{}: another process has this log open", folder.path().display());
    assert_eq!(error(open(&folder).await), message);
    drop(devlog);
    open(&folder).await.unwrap();
}

#[tokio::test]
async fn a_folder_holds_a_log_of_one_api() {
    for (made, asked) in [(RekorApi::V1, RekorApi::V2), (RekorApi::V2, RekorApi::V1)] {
        let folder = tempfile::tempdir().unwrap();
        drop(Devlog::open(Some(folder.path()), Options::of(made)).await.unwrap());
        let files = || -> Vec<Vec<u8>> {
            ["key.pem", "entries.jsonl"].iter().map(|name| fs::read(folder.path().join(name)).unwrap()).collect()
        };
        let before = files();
        let message = format!("the log in {} has the API {made}, not {asked}", folder.path().display());
        assert_eq!(error(Devlog::open(Some(folder.path()), Options::of(asked)).await), message);
        assert_eq!(files(), before);
    }
}

#[tokio::test]
async fn a_log_keeps_its_name_and_key() {
    let (folder, leaves) = with_three_entries().await;
    let renamed = Options { hostname: "other.example".to_owned(), ..Options::of(RekorApi::V2) };
    let message = |what: &str| format!("the log in {} has {what}", folder.path().display());
    let opened = Devlog::open(Some(folder.path()), renamed).await;
    assert_eq!(error(opened), message("the hostname 127.0.0.1, not other.example"));
    let key = folder.path().join("key.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let pem = fs::read_to_string(&key).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    fs::remove_file(&key).unwrap();
    assert!(matches!(open(&folder).await.err(), Some(OpenError::KeyMissing(_))));
    assert!(!key.exists(), "no new key is made for an old log");
    write_key(&key, "no key");
    assert!(
        error(open(&folder).await).starts_with(&format!("{}: not a usable Ed25519 key in PKCS#8 PEM: ", key.display()))
    );
    for other in [RekorApi::V1, RekorApi::V2] {
        let another = tempfile::tempdir().unwrap();
        drop(Devlog::open(Some(another.path()), Options::of(other)).await.unwrap());
        write_key(&key, &fs::read_to_string(another.path().join("key.pem")).unwrap());
        let refused = open(&folder).await.err();
        assert!(matches!(refused, Some(OpenError::Changed { .. } | OpenError::Key(_))), "{refused:?}");
    }
    write_key(&key, &pem);
    assert_eq!(served(open(&folder).await.unwrap()).await.reader.all().await, leaves);
}

fn write_key(path: &Path, pem: &str) {
    fs::write(path, pem).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_log_is_not_named_with_spaces() {
    for hostname in ["", "a b", "a\nb", "a+b"] {
        let options = Options { hostname: hostname.to_owned(), ..Options::of(RekorApi::V2) };
        let opened = Devlog::open(None, options).await;
        assert!(matches!(opened.err(), Some(OpenError::Hostname(_))), "{hostname:?}");
    }
}
