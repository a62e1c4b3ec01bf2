//! The ledger file: it outlasts its process, belongs to one at a time, and is refused where it is damaged.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableDatabase as _, TableDefinition};
use testing::process::built;
use testing::tags::tag;
use tlogistry::config::LogConfig;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Lease, Ledger, LedgerFileError, Row, UsedKeys};
use tlogistry::sighting::Signer;

use crate::scene::{Scene, pull};
use crate::version::soon;

const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
const ITEMS: TableDefinition<&str, &[u8]> = TableDefinition::new("items");

fn open(path: &Path) -> Result<Ledger, LedgerFileError> {
    FileLedger::open_or_create(path).map(Ledger::File)
}

fn fault(path: &Path) -> String {
    open(path).unwrap_err().to_string()
}

/// A ledger file with a row of each of these tags.
async fn filled(scene: &Scene, name: &str, tags: &[&str]) -> (PathBuf, Vec<Row>) {
    let (path, ledger, signer) = (scene.folder.path().join(name), scene.file(name), Signer::Local(scene.key()));
    let mut rows = Vec::new();
    for name in tags {
        let statement = signer.sign(&tag(name), &Digest::sha256(name.as_bytes()), soon()).await.unwrap();
        rows.push(Row::pending(&statement, Lease(7)));
        assert!(ledger.insert(rows.last().unwrap(), soon()).await.unwrap());
    }
    (path, rows)
}

/// Returns whether the ledger has exactly these rows.
async fn has(ledger: &Ledger, rows: &[Row]) -> bool {
    for row in rows {
        match ledger.get(&row.tag.parse().unwrap(), soon()).await {
            Ok(found) if found.as_ref() == Some(row) => {}
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_new_process_knows_a_tag_from_the_file_without_the_log() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "a");
    let file = FileLedger::open_or_create(&scene.folder.path().join("ledger.redb")).unwrap();
    let start = |log: LogConfig| {
        let mut version = scene.version("a", &[]);
        (version.ledger, version.log) = (Ledger::File(file.clone()), log);
        version.start()
    };
    assert!(pull(&start(scene.log_config.clone()), "v1").await.first_seen);
    // Nobody listens on this port any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = LogConfig::v1(format!("http://{closed}").parse().unwrap(), scene.log_config.keys.clone());
    let again = pull(&start(gone.clone()), "v1").await;
    assert_eq!((again.status, again.first_seen, again.digest), (200, false, Some(digest)));
    scene.tags.push("v1", "b");
    assert_eq!(pull(&start(gone), "v1").await.status, 403);
    let used = Ledger::File(file).used_keys(soon()).await.unwrap().unwrap();
    assert_eq!((used.signing, used.log.len()), ([scene.fingerprint("a")].into(), 1));
}

#[tokio::test]
async fn a_used_key_beside_a_new_file_is_refused() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    scene.tags.push("new", "b");
    for (file, status) in [("one.redb", 200), ("two.redb", 503)] {
        let mut version = scene.version("a", &[]);
        version.ledger = scene.file(file);
        let instance = version.start();
        for tag in ["new", "v1"] {
            let answer = pull(&instance, tag).await;
            assert_eq!(answer.status, status, "{answer:?}");
            if status == 503 {
                assert!(answer.message.contains("the ledger does not know this instance"), "{answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_belongs_to_one_process_at_a_time_and_to_its_owner() {
    let scene = Scene::set().await;
    let (path, rows) = filled(&scene, "ledger.redb", &["v1"]).await;
    let first = open(&path).unwrap();
    assert_eq!(fault(&path), format!("{}: another process has this ledger open", path.display()));
    drop(first);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(has(&open(&path).unwrap(), &rows).await);

    for mode in [0o660, 0o606] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(fault(&path).contains(&format!("others can write it (mode {mode:o})")), "{}", fault(&path));
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let link = scene.folder.path().join("link.redb");
    symlink(&path, &link).unwrap();
    assert!(fault(&link).contains("it is not a file"), "{}", fault(&link));

    let missing = scene.folder.path().join("missing.redb");
    let error = FileLedger::open(&missing).unwrap_err().to_string();
    assert_eq!(error, format!("{}: No such file or directory (os error 2)", missing.display()));
    assert!(!missing.exists());
}

#[tokio::test]
async fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let scene = Scene::set().await;
    let (whole, _) = filled(&scene, "whole.redb", &["v1", "v2"]).await;
    let whole = fs::read(whole).unwrap();
    let path = scene.folder.path().join("ledger.redb");
    let another = {
        let path = scene.folder.path().join("another.redb");
        Database::create(&path).unwrap();
        fs::read(path).unwrap()
    };
    for (what, bytes) in [
        ("an empty file", &[][..]),
        ("one byte", b"r"),
        ("a text", b"{}\n".repeat(1000).as_slice()),
        ("zeros", vec![0; whole.len()].as_slice()),
        ("half of it", &whole[..whole.len() / 2]),
        ("its header", &whole[..4096]),
        ("another database", &another),
    ] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let told = fault(&path);
        let expected = format!("{}: this ledger file is damaged (", path.display());
        assert!(told.starts_with(&expected) && told.contains("It was left as it is."), "{what}: {told}");
        if what != "another database" {
            assert!(fs::read(&path).unwrap() == bytes, "{what} was written to");
        }
    }
}

#[tokio::test]
async fn a_damaged_byte_anywhere_is_noticed_or_harmless() {
    let scene = Scene::set().await;
    let (path, rows) = filled(&scene, "ledger.redb", &["v1", "v2", "v3"]).await;
    let whole = fs::read(&path).unwrap();
    // Of the header each byte, and of the rest those that are no zeros, with gaps.
    let rest = (4096..whole.len()).filter(|at| whole[*at] != 0).step_by(97);
    let (mut refused, mut harmless) = (0, 0);
    for at in (0..320).chain(rest) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        match open(&path) {
            Ok(ledger) => {
                assert!(has(&ledger, &rows).await, "byte {at} took a row away");
                harmless += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error, LedgerFileError::Damaged { .. } | LedgerFileError::Newer { .. }),
                    "byte {at}: {error}"
                );
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(refused > 100, "{refused}");
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    let scene = Scene::set().await;
    let (path, rows) = filled(&scene, "ledger.redb", &["v1"]).await;
    let set_format = |format| {
        let database = Builder::new().open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        assert!(transaction.open_table(ABOUT).unwrap().insert("format", format).unwrap().is_some());
        transaction.commit().unwrap();
    };
    set_format(2);
    let told = fault(&path);
    let expected = "a later version of tlogistry wrote this ledger (its format is 2, and this version knows 1)";
    assert!(told.contains(expected), "{told}");
    set_format(1);
    assert!(has(&open(&path).unwrap(), &rows).await);
}

/// The item is DynamoDB's, to the byte, so that an attribute of a later version stays.
#[tokio::test]
async fn what_this_version_does_not_know_of_the_instance_stays() {
    let scene = Scene::set().await;
    let ledger = scene.file("ledger.redb");
    let [one, two] = ["a", "b"].map(|key| UsedKeys { signing: [scene.fingerprint(key)].into(), log: [].into() });
    assert!(ledger.claim(&one, soon()).await.unwrap());
    drop(ledger);
    let path = scene.folder.path().join("ledger.redb");
    let stored = |change: Option<(&str, &str)>| {
        let database = Builder::new().open(&path).unwrap();
        let items = database.begin_read().unwrap().open_table(ITEMS).unwrap();
        let json = String::from_utf8(items.get("@instance").unwrap().unwrap().value().to_vec()).unwrap();
        let Some((from, to)) = change else { return json };
        let transaction = database.begin_write().unwrap();
        let changed = json.replacen(from, to, 1);
        transaction.open_table(ITEMS).unwrap().insert("@instance", changed.as_bytes()).unwrap();
        transaction.commit().unwrap();
        json
    };
    stored(Some(("{", r#"{"later":{"S":"x"},"#)));
    let ledger = scene.file("ledger.redb");
    assert_eq!(ledger.add_used_keys(&two, soon()).await.unwrap().signing.len(), 2);
    drop(ledger);
    let json = stored(None);
    assert!(json.contains(r#""later":{"S":"x"}"#), "{json}");
    for key in ["a", "b"] {
        assert!(json.contains(&scene.fingerprint(key).to_string()), "{json}");
    }
}

/// A function's size is a part of its cold start. The names of symbols, which only a release strips, tell what is in it.
#[test]
fn the_functions_are_linked_without_the_database() {
    let has_database = |program: &str| memchr::memmem::find(&fs::read(built(program)).unwrap(), b"4redb10tree_store");
    assert!(has_database("tlogistry-cli").is_some());
    for function in ["tlogistry", "tlogistry-auditor"] {
        assert_eq!(has_database(function), None, "{function}");
    }
}
