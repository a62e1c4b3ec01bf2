//! A ledger with a part of another's rows: no instance takes it for a new one, with whatever key.

use testing::table::Table;
use testing::tags::tag;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Lease, Ledger, LedgerError, Row, UsedKeys};
use tlogistry::sighting::Signer;

use crate::carried::{Place, export, is_half_imported};
use crate::scene::{Scene, pull};
use crate::version::soon;

#[tokio::test(flavor = "multi_thread")]
async fn a_half_imported_ledger_is_nobodys_until_the_whole_export_was_imported() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "a");
    scene.tags.push("v2", "b");
    assert!(scene.pull("v1").await.first_seen && scene.pull("v2").await.first_seen);
    let whole = export(Place::Table(&scene.table));
    // The row of v1 and its end are missing.
    let cut: String = whole
        .lines()
        .filter(|line| !line.contains("registry.test/app:v1") && !line.contains("\"End\""))
        .map(|line| format!("{line}\n"))
        .collect();
    scene.tags.push("v1", "moved");
    let (file, table) = (scene.path("target.redb"), Table::start().await);
    for to in [Place::File(&file), Place::Table(&table)] {
        let ended = scene.import(&cut, to);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stdout.contains("(1 new,") && ended.stdout.contains("no instance serves a tag"), "{ended:?}");
        for (key, name) in [("another", "v1"), ("another", "v2"), ("key", "v1"), ("key", "v2")] {
            let mut version = scene.version(key, &[]);
            version.ledger = to.ledger();
            let instance = version.start();
            let answer = pull(&instance, name).await;
            instance.finish().await;
            assert_eq!((answer.status, answer.first_seen), (503, false), "{key}, {name}: {answer:?}");
            assert!(answer.message.contains("the ledger has a part of its rows"), "{answer:?}");
        }
        assert!(is_half_imported(&to.ledger()).await);
        let another = UsedKeys { signing: [scene.fingerprint("another")].into(), log: [].into() };
        assert!(!to.ledger().claim(&another, soon()).await.unwrap());
        let added = to.ledger().add_used_keys(&another, soon()).await;
        assert!(matches!(added, Err(LedgerError::Importing)), "{added:?}");

        // Its rows are no export to go on from.
        let third = scene.path("third.redb");
        let ended = scene.import(&export(to), Place::File(&third));
        assert!(ended.code == Some(1) && ended.stdout.contains("@instance: refused: it is of a ledger"), "{ended:?}");
        std::fs::remove_file(third).unwrap();

        for new in [1, 0] {
            let ended = scene.import(&whole, to);
            assert!(ended.code == Some(0) && ended.stdout.contains(&format!("({new} new,")), "{ended:?}");
        }
        assert_eq!(to.ledger().used_keys(soon()).await.unwrap(), scene.used_keys().await);
        let mut version = scene.version("key", &[]);
        version.ledger = to.ledger();
        let instance = version.start();
        assert_eq!((pull(&instance, "v1").await.status, pull(&instance, "v2").await.status), (403, 200));
        instance.finish().await;
        drop(instance);
        let row = to.ledger().get(&tag("v1"), soon()).await;
        assert_eq!(row.unwrap().unwrap().digest, digest.to_string());
    }
    assert!(!table.item("@instance").await.unwrap().contains_key("importing"));
}

/// A version that does not know the mark refuses a row without signing keys.
#[tokio::test]
async fn the_mark_of_an_import_has_no_signing_keys() {
    let (scene, table) = (Scene::set().await, Table::start().await);
    assert_eq!(scene.import("", Place::Table(&table)).code, Some(2));
    let mark = table.item("@instance").await.unwrap();
    let mut names: Vec<&str> = mark.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["importing", "tag"]);
}

#[tokio::test]
async fn a_file_that_has_rows_and_no_instance_is_not_claimed() {
    let scene = Scene::set().await;
    scene.tags.push("v2", "b");
    let ledger = FileLedger::open_or_create(&scene.path("ledger.redb")).unwrap();
    let statement = Signer::Local(scene.key()).sign(&tag("v1"), &Digest::sha256(b"a"), soon()).await.unwrap();
    let row = Row::pending(&statement, Lease(7));
    assert!(Ledger::File(ledger.clone()).insert(&row, soon()).await.unwrap());
    let mut version = scene.version("another", &[]);
    version.ledger = Ledger::File(ledger.clone());
    let answer = pull(&version.start(), "v2").await;
    assert!(answer.status == 503 && answer.message.contains("row '@instance' is missing"), "{answer:?}");
    assert_eq!(Ledger::File(ledger).used_keys(soon()).await.unwrap(), None);
}
