//! `ledger export` and `ledger import` of a table with rows of a Rekor v1 and a Rekor v2.

use std::path::Path;

use testing::faulty::log::Log;
use testing::process::{Ended, Process, cli};
use testing::service;
use testing::table::Table;
use tlogistry::config::LogConfig;

use crate::moving_over::moved;
use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull, tag};

fn run(arguments: &[&str], table: &Table) -> Ended {
    Process::start(cli().args(arguments).args(["--ledger-table", &table.name]).envs(table.environment())).finish()
}

fn import(export: &Path, key: &Path, log: &[&str], to: &Table) -> Ended {
    let files = [export.to_str().unwrap(), "--key", key.to_str().unwrap()];
    run(&[&["ledger", "import"], &files[..], log].concat(), to)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_both_logs_are_carried_and_hold_in_the_new_table() {
    let (scene, old, folder) = (Scene::set().await, Log::start().await, tempfile::tempdir().unwrap());
    let first = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "v1").await, &first);
    let second = scene.tags.push("v2", "two");
    let instance = scene.instance_with(moved(&scene, &old));
    assert_first_seen(&pull(&instance, "v2").await, &second);
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let key = file("key.pem", scene.key().public_key().pem().as_bytes());
    let root = file("root.json", &service::get(&instance, "/trusted-root.json").await.bytes);
    let exported = run(&["ledger", "export"], &scene.table);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let export = file("export.jsonl", exported.stdout.as_bytes());

    // Without the key of one of the logs, its row does not verify.
    for log in [&old, &scene.log] {
        let one = service::get(&scene.instance_with(log.config()), "/trusted-root.json").await;
        let one = file("one.json", &one.bytes);
        let half = import(&export, &key, &["--trusted-root", one.to_str().unwrap()], &Table::start().await);
        assert!(half.code.is_some_and(|code| code != 0), "{half:?}");
    }

    let to = Table::start().await;
    let imported = import(&export, &key, &["--trusted-root", root.to_str().unwrap()], &to);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    // Nobody asks a log for what is there.
    let version = |log: LogConfig| {
        let instance = service::with_log(log).registry(&scene.tags.address).ledger(to.ledger()).key(scene.key());
        instance.build()
    };
    old.asked();
    scene.log.asked();
    let instance = version(moved(&scene, &old));
    assert_unchanged(&pull(&instance, "v1").await, &first);
    assert_unchanged(&pull(&instance, "v2").await, &second);
    assert!(old.asked().is_empty() && scene.log.asked().is_empty(), "{}", tag("v1"));
    scene.tags.push("v2", "moved");
    assert_refused(&pull(&instance, "v2").await, 403, second.as_str());
}
