//! The memory of a moved tag's row: each digest once, without a part in any verdict.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::{L, M, N, S};
use testing::registry::OCI_MANIFEST;
use testing::service;
use testing::tags;
use testing::traced::Traced;
use tlogistry::http::Service;
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{Lease, Ledger, Move, Moves, RefusedMove, Row};
use tlogistry::sighting::{SightingTime, Signer};

use crate::between::Calls;
use crate::scene::{Scene, pull};
use crate::version::soon;

type Attributes = HashMap<String, AttributeValue>;

fn to(text: &str) -> Move {
    let (time, size) = ("2026-11-25T10:00:00.000Z".to_owned(), "99".to_owned());
    Move { digest: Digest::sha256(text.as_bytes()).to_string(), time, media_type: OCI_MANIFEST.to_owned(), size }
}

fn refused(tag: &Tag, recorded: &Digest, text: &str) -> RefusedMove {
    let (tag, recorded, to) = (tag.clone(), recorded.clone(), to(text));
    let time = Some(SightingTime::Recorded(1_767_323_045));
    RefusedMove { tag, recorded, to, log_index: 7, time, entry_url: "https://log.test/7".to_owned() }
}

async fn remember(ledger: &Ledger, among: &Moves, refused: &RefusedMove) -> bool {
    let new = among.clone().place(&refused.to, 0).unwrap();
    ledger.remember_move(refused, &new, soon()).await.unwrap()
}

/// A tag that was recorded and has moved since.
async fn moved(scene: &Scene) -> (Digest, Digest) {
    let recorded = scene.tags.push("v1", "a");
    assert!(scene.pull("v1").await.first_seen);
    (recorded, scene.tags.push("v1", "b"))
}

async fn row(scene: &Scene) -> Attributes {
    scene.table.row(&tags::tag("v1")).await.unwrap()
}

/// A new process, what it calls the table with, and the moved tag's name there.
async fn between(scene: &Scene) -> (Calls, String, Service) {
    let calls = Calls::to(scene.table.endpoint).await;
    let mut version = scene.version("key", &[]);
    version.ledger = calls.ledger(&scene.table);
    (calls, tags::tag("v1").to_string(), version.start())
}

fn text(value: &AttributeValue) -> &str {
    value.as_s().unwrap()
}

#[tokio::test]
async fn a_move_is_written_only_into_a_recorded_row_of_its_digest_as_it_was_read() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    assert!(scene.pull("v1").await.first_seen);
    let tag = tags::tag("v1");
    let recorded = scene.ledger().get(&tag, soon()).await.unwrap().unwrap();
    let digest: Digest = recorded.digest.parse().unwrap();
    let none = Moves::default();

    let pending = Row::pending(&Signer::Local(scene.key()).sign(&tag, &digest, soon()).await.unwrap(), Lease(1));
    let other = Scene::set().await;
    for ledger in other.each_kind() {
        assert_eq!(ledger.moves(&tag, soon()).await.unwrap(), None, "there is no row");
        assert!(!remember(&ledger, &none, &refused(&tag, &digest, "b")).await);
        assert!(ledger.insert(&pending, soon()).await.unwrap());
        assert!(!remember(&ledger, &none, &refused(&tag, &digest, "b")).await, "nothing moves from a pending row");
        assert_eq!(ledger.moves(&tag, soon()).await.unwrap().as_ref(), Some(&none));
    }

    let [_, file, memory] = scene.each_kind();
    let unindexed = {
        let mut row = recorded.clone();
        if let tlogistry::ledger::RowState::Recorded { indexed, .. } = &mut row.state {
            *indexed = false;
        }
        row
    };
    for ledger in [&file, &memory] {
        assert!(ledger.insert(&unindexed, soon()).await.unwrap());
    }
    for ledger in [scene.ledger(), file, memory] {
        let before = ledger.get(&tag, soon()).await.unwrap();
        assert!(!remember(&ledger, &none, &refused(&tag, &Digest::sha256(b"x"), "b")).await, "of another digest");
        assert!(remember(&ledger, &none, &refused(&tag, &digest, "b")).await);
        let one = ledger.moves(&tag, soon()).await.unwrap().unwrap();
        assert!(one.includes(&to("b")) && one.clone().place(&to("b"), 0).is_none());
        assert!(!remember(&ledger, &none, &refused(&tag, &digest, "c")).await, "somebody else was faster");
        for number in 0..31 {
            let now = ledger.moves(&tag, soon()).await.unwrap().unwrap();
            assert!(remember(&ledger, &now, &refused(&tag, &digest, &format!("c{number}"))).await);
        }
        let full = ledger.moves(&tag, soon()).await.unwrap().unwrap();
        assert!(full.includes(&to("c30")));
        assert!(remember(&ledger, &full, &refused(&tag, &digest, "d")).await);
        assert!(!remember(&ledger, &full, &refused(&tag, &digest, "e")).await, "somebody else was faster");
        let full = ledger.moves(&tag, soon()).await.unwrap().unwrap();
        assert!(full.includes(&to("b")) && full.includes(&to("d")) && !full.includes(&to("c30")));
        assert!(remember(&ledger, &full, &refused(&tag, &digest, "e")).await);
        assert_eq!(ledger.get(&tag, soon()).await.unwrap(), before, "no verdict sees any of it");
    }
    let row = row(&scene).await;
    let further = row["furtherMoves"].as_m().unwrap();
    assert_eq!((row["moves"].as_l().unwrap().len(), further["count"].as_n().unwrap().as_str()), (32, "2"));
    assert!(!row.contains_key("last_move"), "the second move beyond 32 is not told on the same day");
}

#[tokio::test]
async fn a_refused_move_is_remembered_once_by_all_processes() {
    let scene = Scene::set().await;
    let (recorded, current) = moved(&scene).await;
    let before = row(&scene).await;
    let calls = Calls::to(scene.table.endpoint).await;
    let tag = tags::tag("v1").to_string();
    let start = || {
        let mut version = scene.version("key", &[]);
        version.ledger = calls.ledger(&scene.table);
        version.start()
    };
    let instance = start();
    for (pull_number, operations) in [["GetItem", "GetItem", "UpdateItem"].as_slice(), &[], &[]].iter().enumerate() {
        let answer = pull(&instance, "v1").await;
        assert_eq!(answer.status, 403, "{}", answer.message);
        instance.finish().await;
        assert_eq!(calls.of(&tag), *operations, "pull {pull_number}");
    }
    // Another process reads the row and writes nothing.
    let another = start();
    assert_eq!(pull(&another, "v1").await.status, 403);
    another.finish().await;
    assert_eq!(calls.of(&tag), ["GetItem", "GetItem"]);

    let after = row(&scene).await;
    let (moves, last) = (after["moves"].as_l().unwrap(), after["last_move"].as_m().unwrap());
    let [one] = moves.as_slice() else { panic!("{moves:?}") };
    let one = one.as_m().unwrap();
    let size = testing::registry::image("b").len().to_string();
    assert_eq!(
        [text(&one["digest"]), text(&one["mediaType"]), text(&one["size"])],
        [current.as_str(), OCI_MANIFEST, &size]
    );
    assert!(last.values().all(AttributeValue::is_s), "{last:?}");
    let facts = ["tag", "recorded", "current", "number", "time"].map(|name| text(&last[name]));
    assert_eq!(facts, [&tag, recorded.as_str(), current.as_str(), "1", text(&one["time"])]);
    let same = |row: &Attributes| {
        let mut row = row.clone();
        row.retain(|name, _| !["moves", "last_move"].contains(&name.as_str()));
        row
    };
    assert_eq!(same(&after), before, "nothing else is written");

    let third = scene.tags.push("v1", "c");
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    let last = row(&scene).await["last_move"].as_m().unwrap().clone();
    assert_eq!([text(&last["current"]), text(&last["number"])], [third.as_str(), "2"]);
    // Back at a digest that was told.
    scene.tags.push("v1", "b");
    calls.all();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    assert!(calls.of(&tag).is_empty());
}

#[tokio::test]
async fn two_processes_that_refuse_two_moves_at_once_remember_both() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let instances = [scene.instance(), scene.instance()];
    assert_eq!(pull(&instances[0], "v1").await.status, 403);
    scene.tags.push("v1", "c");
    assert_eq!(pull(&instances[1], "v1").await.status, 403);
    for instance in &instances {
        instance.finish().await;
    }
    assert_eq!(row(&scene).await["moves"].as_l().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_its_write() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let (calls, tag, instance) = between(&scene).await;
    let gate = calls.hold("UpdateItem", &tag);
    assert_eq!(pull(&instance, "v1").await.status, 403);
    assert!(!row(&scene).await.contains_key("moves"));
    gate.notify_one();
    instance.finish().await;
    assert!(row(&scene).await.contains_key("moves"));
}

#[tokio::test]
async fn a_write_that_hangs_ends_and_is_not_tried_again_at_once() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let (calls, tag, instance) = between(&scene).await;
    let _gate = calls.hold("UpdateItem", &tag);
    assert_eq!(pull(&instance, "v1").await.status, 403);
    let began = std::time::Instant::now();
    instance.finish().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "two seconds and what a busy machine adds");
    calls.all();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    assert_eq!(calls.of(&tag), [""; 0]);
}

#[tokio::test]
async fn a_move_whose_write_was_not_confirmed_is_written_once() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let (calls, tag, instance) = between(&scene).await;
    calls.lose_answer("UpdateItem", &tag);
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    // Sent twice by the SDK; then the row is read, and has it.
    assert_eq!(calls.of(&tag), ["GetItem", "GetItem", "UpdateItem", "UpdateItem", "GetItem"]);
    assert_eq!(row(&scene).await["moves"].as_l().unwrap().len(), 1);
}

/// Those beyond 32 are told once a day, also by the metric.
#[tokio::test]
async fn a_move_that_is_not_told_stays_untold_when_its_write_was_not_confirmed() {
    let scene = Scene::set().await;
    let (recorded, _) = moved(&scene).await;
    let tag = tags::tag("v1");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for number in 0..33 {
        let (refused, ledger) = (refused(&tag, &recorded, &format!("c{number}")), scene.ledger());
        let new = ledger.moves(&tag, soon()).await.unwrap().unwrap().place(&refused.to, now).unwrap();
        assert!(ledger.remember_move(&refused, &new, soon()).await.unwrap());
    }
    let (calls, name, instance) = between(&scene).await;
    calls.lose_answer("UpdateItem", &name);
    let traced = Traced::default();
    let listening = traced.listen();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    drop(listening);
    assert_eq!(row(&scene).await["furtherMoves"].as_m().unwrap()["count"].as_n().unwrap(), "2");
    assert_eq!(traced.text().matches("newly moved").count(), 0, "{}", traced.text());
}

/// A stream of the table would carry it again.
#[tokio::test]
async fn no_other_write_of_a_row_leaves_the_last_move_there() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let instance = scene.instance();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    scene.ledger().mark_indexed(&tags::tag("v1"), soon()).await.unwrap();
    let row = row(&scene).await;
    assert!(row.contains_key("moves") && !row.contains_key("last_move"));
}

#[tokio::test]
async fn moves_that_somebody_else_wrote_stay_as_they_are_and_change_no_answer() {
    let scene = Scene::set().await;
    moved(&scene).await;
    let genuine = row(&scene).await;
    let one = |name: &str, value: AttributeValue| {
        let mut one: Attributes =
            ["digest", "time", "mediaType", "size"].map(|name| (name.into(), S("x".into()))).into();
        one.insert(name.to_owned(), value);
        M(one)
    };
    let full = || L(vec![one("digest", S("sha256:0".into())); 32]);
    let hostile = [
        ("moves", S("none".to_owned())),
        ("moves", L(vec![S("none".to_owned())])),
        ("moves", L(vec![one("digest", N("1".into()))])),
        ("moves", L(vec![one("digest", S("x".into())); 33])),
        ("furtherMoves", N("1".to_owned())),
        ("furtherMoves", M([("count".to_owned(), S("1".to_owned()))].into())),
    ];
    let put = async |row: &Attributes| {
        let request = scene.table.client.put_item().table_name(&scene.table.name);
        request.set_item(Some(row.clone())).send().await.unwrap();
    };
    for (name, value) in hostile {
        let mut hostile = genuine.clone();
        hostile.insert(name.to_owned(), value);
        put(&hostile).await;
        let instance = scene.instance();
        let answer = pull(&instance, "v1").await;
        assert_eq!(answer.status, 403, "{}", answer.message);
        instance.finish().await;
        assert_eq!(row(&scene).await, hostile);
        let shown = service::get(&instance, &format!("/moves/{}", tags::tag("v1"))).await;
        assert_eq!((shown.status, shown.error().0.as_str()), (503, "UNAVAILABLE"), "{name}");
        scene.tags.push("v1", "a");
        assert_eq!(pull(&instance, "v1").await.status, 200);
        scene.tags.push("v1", "b");
    }
    // A later version's attributes, and strangers' digests, stay beside ours.
    let mut later = genuine.clone();
    later.insert("moves".to_owned(), L(vec![one("platforms", S("arm64".into()))]));
    put(&later).await;
    let instance = scene.instance();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    let moves = row(&scene).await["moves"].as_l().unwrap().clone();
    assert_eq!((moves.len(), text(&moves[0].as_m().unwrap()["platforms"])), (2, "arm64"));
    let mut later = genuine.clone();
    later.insert("moves".to_owned(), full());
    put(&later).await;
    let instance = scene.instance();
    assert_eq!(pull(&instance, "v1").await.status, 403);
    instance.finish().await;
    let row = row(&scene).await;
    assert_eq!((row["moves"].as_l().unwrap().len(), text(&row["last_move"].as_m().unwrap()["number"])), (32, "33"));
    // Values that no instance writes are not shown.
    let shown = service::get(&instance, &format!("/moves/{}", tags::tag("v1"))).await;
    let shown: serde_json::Value = serde_json::from_slice(&shown.bytes).unwrap();
    let [one] = shown["moves"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    let current = Digest::sha256(&testing::registry::image("b"));
    assert_eq!((one["digest"].as_str(), shown["furtherMoves"].as_u64()), (Some(current.as_str()), Some(1)));
}
