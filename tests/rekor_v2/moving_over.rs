//! The move of an instance from a Rekor v1 to a Rekor v2: nothing that the first log holds is forgotten.

use std::sync::Arc;

use serde_json::json;
use testing::dynamodb_call::{DynamoDbCall, access_denied, proxy};
use testing::faulty::log::{Call, Fault, Log};
use testing::service;
use testing::table::Table;
use tlogistry::config::LogConfig;
use tlogistry::ledger::Ledger;
use tlogistry::tlog::LogKeys;
use tokio::sync::Semaphore;

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull, tag};

/// The configuration after the move: the new log is written, the old one is searched.
pub fn moved(scene: &Scene, old: &Log) -> LogConfig {
    let (new, old) = (scene.log.config(), old.config());
    let keys = new.keys.iter().chain(old.keys.iter()).cloned().collect();
    LogConfig { keys: LogKeys::new(keys).unwrap(), earlier: vec![old.url], ..new }
}

#[tokio::test]
async fn rows_of_both_logs_stand_side_by_side() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let first = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "v1").await, &first);
    let second = scene.tags.push("v2", "two");
    let instance = scene.instance_with(moved(&scene, &old));
    assert_first_seen(&pull(&instance, "v2").await, &second);
    assert_unchanged(&pull(&instance, "v1").await, &first);
    assert_eq!((old.size().await, scene.log.size().await), (1, 1));
    let [v1, v2] = [pull(&instance, "v1").await, pull(&instance, "v2").await];
    assert!(v1.find("tlog-entry").unwrap().starts_with(old.config().url.as_str()), "{v1:?}");
    assert!(v2.find("tlog-entry").unwrap().starts_with(scene.log.config().url.as_str()), "{v2:?}");
    assert!(v1.find("tlog-integratedtime").is_some() && v2.find("tlog-integratedtime").is_none());
    scene.tags.push("v1", "moved");
    assert_refused(&pull(&instance, "v1").await, 403, first.as_str());
}

#[tokio::test]
async fn a_row_that_was_lost_is_found_in_the_old_log_and_served_once_it_is_stored() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let first = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "v1").await, &first);
    scene.table.delete(tag("v1").canonical()).await;
    let second = scene.tags.push("v1", "two");
    let instance = scene.instance_with(moved(&scene, &old));
    old.asked();
    let refused = pull(&instance, "v1").await;
    assert_refused(&refused, 403, first.as_str());
    assert_refused(&refused, 403, second.as_str());
    assert_eq!(old.asked()[0], Call::Search);
    assert_eq!(scene.log.size().await, 0, "nothing was recorded anew");
    // It is a row again: no log is asked.
    assert_refused(&pull(&scene.instance_with(moved(&scene, &old)), "v1").await, 403, first.as_str());
    assert!(old.asked().is_empty());
}

/// The ledger in a table that takes no new rows.
async fn without_room(table: &Table) -> Ledger {
    let answer =
        |call: DynamoDbCall| async { if call.operation == "PutItem" { access_denied() } else { call.forward().await } };
    table.ledger_through(&proxy(table.endpoint, answer).await)
}

#[tokio::test]
async fn a_sighting_of_a_log_that_is_not_written_is_served_once_its_row_is_stored() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "v1").await, &digest);
    scene.table.delete(tag("v1").canonical()).await;
    let beside = |log| service::with_log(log).registry(&scene.tags.address).key(scene.key());
    let instance = beside(moved(&scene, &old)).ledger(without_room(&scene.table).await).build();
    assert_refused(&pull(&instance, "v1").await, 503, "the ledger could not be reached");
    // If the log that is written lists it, any process finds it again.
    let instance = beside(old.config()).ledger(without_room(&scene.table).await).build();
    assert_unchanged(&pull(&instance, "v1").await, &digest);
    assert_eq!(scene.table.row(&tag("v1")).await, None);
}

#[tokio::test]
async fn instances_that_bring_a_row_over_at_the_same_time_both_serve_it() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "v1").await, &digest);
    scene.table.delete(tag("v1").canonical()).await;
    let gate = Arc::new(Semaphore::new(0));
    old.fails(Call::Retrieve, Fault::Gate(gate.clone()));
    let both_have_asked = old.next_calls(Call::Retrieve, 2);
    let [one, other] = [(); 2].map(|()| scene.instance_with(moved(&scene, &old)));
    let (one, other, ()) = tokio::join!(pull(&one, "v1"), pull(&other, "v1"), async {
        both_have_asked.await;
        gate.add_permits(2);
    });
    assert_unchanged(&one, &digest);
    assert_unchanged(&other, &digest);
}

#[tokio::test]
async fn a_row_of_another_digest_that_came_during_the_search_stops_the_verdict() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let known = scene.tags.push("known", "known");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "known").await, &known);
    old.record(&scene.signer(), &tag("v1"), &known).await;
    // The row comes from a table of the same key, beside which the log listed nothing.
    let (another, second) = (Table::start().await, scene.tags.push("v1", "two"));
    old.fails(Call::Search, Fault::Edited(Arc::new(|listed| *listed = json!([]))));
    let beside = service::with_log(old.config()).registry(&scene.tags.address).ledger(another.ledger());
    assert_first_seen(&pull(&beside.key(scene.key()).build(), "v1").await, &second);
    old.heals();

    let gate = Arc::new(Semaphore::new(0));
    old.fails(Call::Retrieve, Fault::Gate(gate.clone()));
    let has_asked = old.next(Call::Retrieve);
    let instance = scene.instance_with(moved(&scene, &old));
    let (answer, ()) = tokio::join!(pull(&instance, "v1"), async {
        has_asked.await;
        let row = another.row(&tag("v1")).await;
        scene.table.client.put_item().table_name(&scene.table.name).set_item(row).send().await.unwrap();
        gate.add_permits(10);
    });
    assert_refused(&answer, 503, "it holds another digest than was recorded");
}

#[tokio::test]
async fn without_the_old_log_no_tag_is_seen_for_the_first_time() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let known = scene.tags.push("known", "known");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "known").await, &known);
    let digest = scene.tags.push("v1", "one");
    for fault in [Fault::Dropped, Fault::Answer(500, vec![], "{}"), Fault::Answer(200, vec![], "rubbish")] {
        old.is_down(fault);
        let instance = scene.instance_with(moved(&scene, &old));
        assert_refused(&pull(&instance, "v1").await, 503, "nothing is served by tag unchecked");
        assert_unchanged(&pull(&instance, "known").await, &known);
        old.heals();
    }
    assert_eq!(scene.log.size().await, 0);
    assert_first_seen(&pull(&scene.instance_with(moved(&scene, &old)), "v1").await, &digest);
}

#[tokio::test]
async fn a_version_that_was_not_told_of_the_old_log_serves_no_tag() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let known = scene.tags.push("known", "known");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "known").await, &known);
    // Without its key, and with the key alone.
    assert_refused(&pull(&scene.instance(), "known").await, 503, "set REKOR_PUBLIC_KEYS");
    let forgetful = LogConfig { earlier: Vec::new(), ..moved(&scene, &old) };
    assert_refused(&pull(&scene.instance_with(forgetful), "known").await, 503, "set EARLIER_LOGS");
    assert_unchanged(&pull(&scene.instance_with(moved(&scene, &old)), "known").await, &known);
}

#[tokio::test]
async fn a_pending_row_is_finished_in_the_new_log_and_one_statement_in_both_is_one_fact() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let digest = scene.tags.push("known", "known");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "known").await, &digest);
    // The old version signed, uploaded to the old log, and ended before it completed the row.
    let first = scene.tags.push("v1", "one");
    let statement = scene.crash_before_upload("v1", &first).await;
    old.upload(&statement.signed_payload().proposed_entry()).await;
    let second = scene.tags.push("v1", "two");
    let instance = scene.instance_with(moved(&scene, &old));
    let refused = pull(&instance, "v1").await;
    assert_refused(&refused, 403, first.as_str());
    assert_refused(&refused, 403, second.as_str());
    assert_eq!(scene.log.size().await, 1, "the same statement stands in the new log too");
    scene.tags.push("v1", "one");
    assert_unchanged(&pull(&scene.instance_with(moved(&scene, &old)), "v1").await, &first);
}

#[tokio::test]
async fn what_the_old_logs_index_holds_by_our_key_and_no_sighting_explains_stops_a_first_sight() {
    let (scene, old) = (Scene::set().await, Log::start().await);
    let known = scene.tags.push("known", "known");
    assert_first_seen(&pull(&scene.instance_with(old.config()), "known").await, &known);
    let digest = scene.tags.push("v1", "one");
    old.record(&scene.signer(), &tag("v1"), &digest).await;
    old.edits(Call::Retrieve, |entry| drop(entry.as_object_mut().unwrap().remove("attestation")));
    // The statement of another digest may be what was lost.
    scene.tags.push("v1", "two");
    let answer = pull(&scene.instance_with(moved(&scene, &old)), "v1").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    old.heals();
    assert_refused(&pull(&scene.instance_with(moved(&scene, &old)), "v1").await, 403, digest.as_str());
}
