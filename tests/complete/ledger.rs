//! The rows of a ledger in place of an instance's list.

use testing::table::Table;
use testing::tags::tag;
use tlogistry::ledger::{Lease, Row};
use tlogistry::sighting::Sighting;

use crate::scene::{Scene, found, json_lines, soon};

/// Records a tag in the table, as an instance does.
async fn recorded(scene: &Scene, table: &Table, name: &str) {
    let signed = scene.sign(name, name).await;
    let log = scene.config.clients().unwrap().written;
    let entry = log.upload(&signed.signed_payload(), soon()).await.unwrap().entry.verify(&scene.config.keys).unwrap();
    let sighting: Sighting = signed.recorded_by(entry).unwrap();
    assert!(table.ledger().insert(&Row::recorded(&sighting), soon()).await.unwrap());
}

fn audit(scene: &Scene, table: &Table) -> testing::process::Ended {
    let mut command = testing::process::cli();
    command.args(["audit", "--complete", "--rekor", scene.config.url.as_str(), "--rekor-api", "v2", "--json"]);
    command.args(["--rekor-key", &scene.file("log.pub.pem"), "--key", &scene.file("key.pub.pem")]);
    command.args(["--ledger-table", &table.name, "--wait", "0"]).envs(table.environment());
    testing::process::Process::start(&mut command).finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_a_table_explain_the_log_pending_ones_too_and_a_deleted_one_is_found() {
    let (scene, table) = (Scene::set().await, Table::start().await);
    for name in ["v1", "v2"] {
        recorded(&scene, &table, name).await;
    }
    let pending = scene.sign("v3", "3").await;
    scene.upload(&pending).await;
    assert!(table.ledger().insert(&Row::pending(&pending, Lease(0)), soon()).await.unwrap());
    let ended = audit(&scene, &table);
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(0), vec![]), "{ended:?}");
    let lines = json_lines(&ended);
    let end = lines.last().unwrap();
    assert_eq!((&end["listed"], &end["pending"], &end["complete"]), (&2.into(), &1.into(), &true.into()));

    table.delete(tag("v2").canonical()).await;
    let ended = audit(&scene, &table);
    let unexplained = vec![("log 127.0.0.1 index 1".to_owned(), "unexplained".to_owned())];
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), unexplained), "{ended:?}");
}
