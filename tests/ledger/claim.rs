//! A table that no instance has claimed: a key that was used before is refused beside it.

use std::time::Duration;

use testing::clock::Clock;
use testing::service;
use testing::table::Table;
use tlogistry::image::Digest;
use tlogistry::ledger::{Ledger, MemoryLedger};

use crate::between::Log;
use crate::scene::{Answer, Scene, pull};
use crate::version::soon;

impl Scene {
    /// With a log whose answers the test can change.
    async fn before(log: &Log) -> Self {
        let mut scene = Self::set().await;
        scene.log_config = log.config.clone();
        scene
    }

    /// The hash that the log's index files the key's entries under.
    fn key_hash(&self, name: &str) -> String {
        Digest::sha256(self.key_named(name).public_key().pem().as_bytes()).hex().to_owned()
    }

    /// Copies every row to another table, as a restore would.
    async fn copy_rows_to(&self, table: &Table) {
        let rows = self.table.client.scan().table_name(&self.table.name).send().await.unwrap().items.unwrap();
        for row in rows {
            table.client.put_item().table_name(&table.name).set_item(Some(row)).send().await.unwrap();
        }
    }
}

#[track_caller]
fn assert_key_used(answer: &Answer, shown: &str, scene: &Scene, key: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let fingerprint = scene.fingerprint(key);
    let reason = format!(
        "because the ledger does not know this instance, and the log {shown} its key {fingerprint}, which was used with \
         another ledger: put that ledger file back, or name that table in LEDGER_TABLE, or bring the rows back, or \
         make a new key and trust no earlier one;"
    );
    assert!(answer.message.contains(&reason), "{}", answer.message);
}

const ENTRIES: &str = "has entries by";
const UNREADABLE: &str = "lists more than can be read under";

#[tokio::test]
async fn a_used_key_beside_an_empty_table_is_refused_until_the_rows_are_back() {
    let log = Log::start().await;
    let scene = Scene::before(&log).await;
    let digest = scene.tags.push("v1", "a");
    scene.tags.push("new", "b");
    assert!(pull(&scene.version("a", &[]).start(), "v1").await.first_seen);
    assert_eq!((log.size().await, log.searches(&scene.key_hash("a"))), (1, 1));

    let empty = Table::start().await;
    let in_empty = |key, trusts| {
        let mut version = scene.version(key, trusts);
        version.ledger = empty.ledger();
        version.start()
    };
    let instance = in_empty("a", &[]);
    for tag in ["new", "v1", "new"] {
        assert_key_used(&pull(&instance, tag).await, ENTRIES, &scene, "a");
    }
    assert_eq!(log.searches(&scene.key_hash("a")), 2, "asked once");
    // A process whose first pull is of a tag that the log knows learns it from that.
    assert_key_used(&pull(&in_empty("a", &[]), "v1").await, ENTRIES, &scene, "a");
    let by_digest = pull(&instance, digest.as_str()).await;
    assert_eq!((by_digest.status, by_digest.digest), (200, Some(digest)));
    let evidence = service::get(&instance, "/sightings/registry.test/app:v1").await;
    let evidence = evidence.text();
    assert!(evidence.contains("the evidence cannot be shown now, because the ledger does not know"), "{evidence}");

    // The same where the rotation and the wrong table come together: the key is new, and the one that it trusts is not.
    assert_key_used(&pull(&in_empty("b", &["a"]), "new").await, ENTRIES, &scene, "a");
    assert_eq!((log.size().await, empty.item("@instance").await), (1, None), "nothing was signed or claimed");

    scene.copy_rows_to(&empty).await;
    assert_eq!(pull(&instance, "v1").await.status, 200, "the rows are back");
    assert!(pull(&instance, "new").await.first_seen);

    let another = Table::start().await;
    let mut fresh = scene.version("c", &[]);
    fresh.ledger = another.ledger();
    assert!(pull(&fresh.start(), "new").await.first_seen, "a new key starts a new instance");
}

/// Of as many entries as can be read, too.
#[tokio::test]
async fn only_entries_by_the_key_itself_count() {
    for entries in [25, 1_000] {
        let log = Log::start().await;
        let scene = Scene::before(&log).await;
        scene.tags.push("v1", "a");
        log.file(&scene.key_hash("a"), entries, 10);
        assert!(pull(&scene.version("a", &[]).start(), "v1").await.first_seen, "{entries}");
    }
}

#[tokio::test]
async fn a_process_whose_ledger_was_emptied_serves_no_tag_that_it_remembers() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    let _stopped = Clock::stop();
    let instance = scene.version("a", &[]).start();
    assert!(pull(&instance, "v1").await.first_seen);
    for key in ["@instance", "registry.test/app:v1"] {
        scene.table.delete(key).await;
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    // The instance's row is read again for this.
    assert_eq!(service::get(&instance, "/sightings/registry.test/app:v2").await.status, 404);
    assert_key_used(&pull(&instance, "v1").await, ENTRIES, &scene, "a");
}

#[tokio::test]
async fn more_entries_than_can_be_read_count_as_use() {
    let log = Log::start().await;
    let scene = Scene::before(&log).await;
    scene.tags.push("v1", "a");
    log.file(&scene.key_hash("a"), 1_001, 10);
    let answer = pull(&scene.version("a", &[]).start(), "v1").await;
    assert_key_used(&answer, UNREADABLE, &scene, "a");
    assert_eq!((log.size().await, scene.used_keys().await), (0, None));
}

#[tokio::test]
async fn an_entry_that_is_too_large_for_a_sighting_does_not_stop_a_new_instance() {
    let log = Log::start().await;
    let scene = Scene::before(&log).await;
    scene.tags.push("v1", "a");
    log.file(&scene.key_hash("a"), 3, 9 << 20);
    assert!(pull(&scene.version("a", &[]).start(), "v1").await.first_seen);
}

#[tokio::test]
async fn a_log_that_cannot_be_asked_is_asked_again_later() {
    let log = Log::start().await;
    let scene = Scene::before(&log).await;
    scene.tags.push("v1", "a");
    let instance = scene.version("a", &[]).start();
    log.fail(Some(&scene.key_hash("a")));
    for _ in 0..2 {
        let answer = pull(&instance, "v1").await;
        assert!(answer.status == 503 && answer.message.contains("because the log answered 500"), "{answer:?}");
        assert_eq!((log.size().await, scene.used_keys().await), (0, None), "nothing was signed or claimed");
    }
    log.fail(None);
    assert!(pull(&instance, "v1").await.first_seen);
}

#[tokio::test]
async fn instances_that_start_at_once_on_a_new_table_are_one() {
    let scene = Scene::set().await;
    for number in 0..8 {
        scene.tags.push(&format!("v{number}"), "a");
    }
    let instances: Vec<_> = (0..4).map(|_| scene.version("a", &[]).start()).collect();
    let pulls = (0..16).map(|number| {
        let (instance, tag) = (&instances[number % 4], format!("v{}", number / 2));
        async move { pull(instance, &tag).await }
    });
    let answers = futures_util::future::join_all(pulls).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.first_seen).count(), 8, "{answers:?}");
    assert_eq!(scene.used_keys().await.unwrap().signing.len(), 1);
}

/// Its ledger ends with the process, so that the log's search stands for it.
#[tokio::test]
async fn a_process_with_its_ledger_in_memory_goes_on_with_a_used_key() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "a");
    let start = || {
        let mut version = scene.version("a", &[]);
        version.ledger = Ledger::Memory(MemoryLedger::default());
        version.start()
    };
    assert!(pull(&start(), "v1").await.first_seen);
    let again = pull(&start(), "v1").await;
    assert_eq!((again.status, again.first_seen, again.digest), (200, false, Some(digest)));
    scene.tags.push("v1", "b");
    assert_eq!(pull(&start(), "v1").await.status, 403);
}

/// A row whose instance's row was not brought back with it is not served from.
#[tokio::test]
async fn tags_rows_without_the_instances_are_not_believed() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    assert!(pull(&scene.version("a", &[]).start(), "v1").await.first_seen);
    let partly = Table::start().await;
    scene.copy_rows_to(&partly).await;
    partly.delete("@instance").await;
    let mut version = scene.version("a", &[]);
    version.ledger = partly.ledger();
    let instance = version.start();
    let answer = pull(&instance, "v1").await;
    assert!(answer.status == 503 && answer.message.contains("row '@instance' is missing"), "{answer:?}");
    let own = scene.used_keys().await.unwrap();
    assert!(partly.ledger().claim(&own, soon()).await.unwrap());
    assert_eq!(pull(&instance, "v1").await.status, 200);
}
