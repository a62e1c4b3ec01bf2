//! `ledger reindex`: rows of versions that listed no sightings get their place.

use std::path::Path;

use redb::{Builder, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use testing::process::{Ended, Process, cli};
use testing::service;
use testing::table::Table;
use testing::tags::tag;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Lease, Ledger, Row};
use tlogistry::sighting::Signer;

use crate::carried::{Place, export};
use crate::scene::{Scene, pull};
use crate::version::soon;

const BY_LOG: TableDefinition<(&str, u64, &str), ()> = TableDefinition::new("by-log");

/// Runs the command on a table or a file.
fn reindex(scene: &Scene, of: Place<'_>, more: &[&str]) -> Ended {
    let (public, log) = (scene.path("public.pem"), scene.path("log.pem"));
    std::fs::write(&public, scene.key().public_key().pem()).unwrap();
    std::fs::write(&log, scene.log_config.keys.iter().next().unwrap().public_key().pem()).unwrap();
    let mut command = cli();
    command.args(["ledger", "reindex"]).arg("--key").arg(&public).arg("--rekor-key").arg(&log).args(more);
    match of {
        Place::Table(table) => drop(command.args(["--ledger-table", &table.name]).envs(table.environment())),
        Place::File(path) => drop(command.arg("--ledger-file").arg(path)),
    }
    Process::start(&mut command).finish()
}

/// The tags of the list, of an instance with this ledger.
async fn listed(scene: &Scene, ledger: Ledger) -> Vec<String> {
    let mut version = scene.version("key", &[]);
    version.ledger = ledger;
    let answer = service::get(&version.start(), "/sightings/").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = std::str::from_utf8(&answer.bytes).unwrap().lines();
    let line =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["tag"].as_str().unwrap().to_owned();
    lines.map(line).collect()
}

/// Takes from a table's rows what a version before the list did not write.
async fn forget_places(table: &Table) {
    for mut item in table.items().await {
        for name in ["log", "logIndex", "time"] {
            item.remove(name);
        }
        table.client.put_item().table_name(&table.name).set_item(Some(item)).send().await.unwrap();
    }
}

/// A table with three recorded rows, a pending one, and one that was told to have moved.
async fn filled() -> (Scene, Vec<String>) {
    let scene = Scene::set().await;
    let names = ["v1", "v2", "moved"];
    for name in names {
        scene.tags.push(name, name);
        assert!(scene.pull(name).await.first_seen);
    }
    scene.tags.push("moved", "elsewhere");
    let instance = scene.instance();
    assert_eq!(pull(&instance, "moved").await.status, 403);
    instance.finish().await;
    let statement = Signer::Local(scene.key()).sign(&tag("pending"), &Digest::sha256(b"p"), soon()).await.unwrap();
    assert!(scene.ledger().insert(&Row::pending(&statement, Lease(7)), soon()).await.unwrap());
    (scene, names.map(|name| tag(name).to_string()).to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_earlier_versions_get_their_place_and_nothing_else_of_them_changes() {
    let (scene, names) = filled().await;
    let whole = export(Place::Table(&scene.table));
    assert_eq!(listed(&scene, scene.ledger()).await, names);
    forget_places(&scene.table).await;
    assert_eq!(listed(&scene, scene.ledger()).await, Vec::<String>::new());

    for placed in [4, 0] {
        let ended = reindex(&scene, Place::Table(&scene.table), &[]);
        let expected = format!("4 tags' rows: {placed} put into their place, 0 written meanwhile, 0 left out\n");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), expected.as_str()), "{ended:?}");
        assert_eq!(listed(&scene, scene.ledger()).await, names);
    }
    // But for what the operator was told, which another write would tell again.
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["Item"].as_object_mut().map(|item| item.remove("last_move"));
        line.to_string()
    };
    let sorted = |export: &str| {
        let mut lines: Vec<String> = export.lines().map(line).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&export(Place::Table(&scene.table))), sorted(&whole));

    // A wrong place is put right, and a row that does not verify stays where nobody lists it.
    for (name, attribute, value) in [("v1", "logIndex", "77"), ("v2", "signature", "?")] {
        let mut row = scene.table.row(&tag(name)).await.unwrap();
        let value = value.to_owned();
        let value = if attribute == "logIndex" {
            aws_sdk_dynamodb::types::AttributeValue::N(value)
        } else {
            aws_sdk_dynamodb::types::AttributeValue::S(value)
        };
        row.insert(attribute.to_owned(), value);
        scene.table.client.put_item().table_name(&scene.table.name).set_item(Some(row)).send().await.unwrap();
    }
    let ended = reindex(&scene, Place::Table(&scene.table), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{}: left out: its signature does not verify\n", tag("v2"))), "{ended:?}");
    assert!(
        ended.stdout.ends_with("4 tags' rows: 1 put into their place, 0 written meanwhile, 1 left out\n"),
        "{ended:?}"
    );
    assert_eq!(listed(&scene, scene.ledger()).await, [names[0].clone(), names[2].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_gives_rows_their_place_whatever_they_had() {
    let (scene, names) = filled().await;
    forget_places(&scene.table).await;
    let mut row = scene.table.row(&tag("v1")).await.unwrap();
    row.insert("log".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S("00".repeat(32)));
    row.insert("logIndex".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned()));
    scene.table.client.put_item().table_name(&scene.table.name).set_item(Some(row)).send().await.unwrap();
    let (from, file) = (export(Place::Table(&scene.table)), scene.path("imported.redb"));
    assert_eq!(scene.import(&from, Place::File(&file)).code, Some(0));
    assert_eq!(listed(&scene, Place::File(&file).ledger()).await, names);
    let other = Table::start().await;
    assert_eq!(scene.import(&from, Place::Table(&other)).code, Some(0));
    assert_eq!(listed(&scene, other.ledger()).await, names);
}

/// Makes of a file what an earlier version had: no index by log.
fn drop_index(path: &Path) {
    let database = Builder::new().open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(BY_LOG).unwrap());
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_files_index_is_made_when_it_is_missing_and_rows_without_a_place_get_one() {
    let (scene, names) = filled().await;
    let whole = scene.path("whole.redb");
    assert_eq!(scene.import(&export(Place::Table(&scene.table)), Place::File(&whole)).code, Some(0));
    drop_index(&whole);
    assert_eq!(listed(&scene, Place::File(&whole).ledger()).await, names, "made of the rows");

    // A file of an earlier version, whose rows have no place.
    let items: TableDefinition<&str, &[u8]> = TableDefinition::new("items");
    drop_index(&whole);
    {
        let database = Builder::new().open(&whole).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut items = transaction.open_table(items).unwrap();
            for name in &names {
                let json = items.get(name.as_str()).unwrap().unwrap().value().to_vec();
                let mut item: serde_json::Value = serde_json::from_slice(&json).unwrap();
                for attribute in ["log", "logIndex", "time"] {
                    item.as_object_mut().unwrap().remove(attribute);
                }
                items.insert(name.as_str(), item.to_string().as_bytes()).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    assert_eq!(listed(&scene, Place::File(&whole).ledger()).await, Vec::<String>::new());
    for placed in [3, 0] {
        let ended = reindex(&scene, Place::File(&whole), &[]);
        let expected = format!("4 tags' rows: {placed} put into their place, 0 written meanwhile, 0 left out\n");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), expected.as_str()), "{ended:?}");
        assert_eq!(listed(&scene, Place::File(&whole).ledger()).await, names);
    }
    let ended = reindex(&scene, Place::File(&whole), &["--after", &names[0]]);
    assert!(ended.stdout.starts_with("1 tags' rows: 0 put"), "'v2' alone comes after 'v1': {ended:?}");
    let ended = reindex(&scene, Place::File(&scene.path("missing.redb")), &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    drop(FileLedger::open(&whole).unwrap());
    assert!(Builder::new().open(&whole).unwrap().begin_read().unwrap().open_table(BY_LOG).is_ok());
}
