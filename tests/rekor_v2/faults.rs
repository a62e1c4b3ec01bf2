//! A Rekor v2 that fails, lies or is frozen.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testing::faulty::log::{Call, Fault};

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull};

type Edit = fn(&mut Value);

fn encoded(byte: u8) -> Value {
    BASE64_STANDARD.encode([byte; 32]).into()
}

fn change_last(value: &mut Value, change: impl FnOnce(String) -> String) {
    *value = change(value.as_str().unwrap().to_owned()).into();
}

fn lies() -> Vec<(&'static str, Edit, &'static str)> {
    vec![
        ("time", |entry| entry["integratedTime"] = json!("1"), "the entry claims a time"),
        ("index", |entry| entry["logIndex"] = json!("7"), "the log index is not that of the inclusion proof"),
        ("log-id", |entry| entry["logId"]["keyId"] = encoded(1), "the log id is not that of the trusted key"),
        ("no-proof", |entry| entry["inclusionProof"] = Value::Null, "no inclusion proof"),
        ("root", |entry| entry["inclusionProof"]["rootHash"] = encoded(1), "does not lead from the entry"),
        ("size", |entry| entry["inclusionProof"]["treeSize"] = json!("99"), "the checkpoint's size or root"),
        ("path", |entry| entry["inclusionProof"]["hashes"] = json!([encoded(1)]), "does not lead from the entry"),
        ("no-checkpoint", |entry| entry["inclusionProof"]["checkpoint"] = Value::Null, "no checkpoint"),
        ("no-note", |entry| entry["inclusionProof"]["checkpoint"]["envelope"] = json!("x"), "is not a signed note"),
        (
            "origin",
            |entry| {
                change_last(&mut entry["inclusionProof"]["checkpoint"]["envelope"], |note| {
                    note.replacen("127.0.0.1", "other.test", 1)
                });
            },
            "signed under another name",
        ),
        (
            "body",
            |entry| {
                let body = BASE64_STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap();
                let body = String::from_utf8(body).unwrap().replacen("0.0.2", "0.0.1", 1);
                entry["canonicalizedBody"] = BASE64_STANDARD.encode(body).into();
            },
            "does not lead from the entry",
        ),
    ]
}

#[tokio::test]
async fn a_first_sight_is_served_only_if_the_logs_answer_verifies_and_is_finished_later() {
    let scene = Scene::set().await;
    for (name, lie, message) in lies() {
        let digest = scene.tags.push(name, name);
        scene.log.edits(Call::Upload, lie);
        let refused = scene.pull(name).await;
        assert_refused(&refused, 503, "an entry of the log does not verify");
        assert_refused(&refused, 503, message);
        scene.log.heals();
        // The row is pending, with the statement; the log has it.
        assert_first_seen(&scene.pull(name).await, &digest);
    }
    assert_eq!(scene.log.size().await, lies().len() as u64, "each statement stands in the log once");
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_finished_with_the_digest_of_the_first() {
    let scene = Scene::set().await;
    let first = scene.tags.push("v1", "one");
    scene.log.fails_once(Call::Upload, Fault::AnswerLost);
    // The connection that broke is tried once more, and the log answers 409.
    let answer = scene.pull("v1").await;
    if answer.status == 200 {
        assert_first_seen(&answer, &first);
    }
    let second = scene.tags.push("v1", "two");
    let refused = scene.pull("v1").await;
    assert_refused(&refused, 403, first.as_str());
    assert_refused(&refused, 403, second.as_str());
    assert_eq!(scene.log.size().await, 1);
}

#[tokio::test]
async fn a_conflict_is_no_evidence_by_itself() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "one");
    let instance = scene.instance();
    for headers in [vec![], vec![("x-log-index", "-1")], vec![("x-log-index", "one")]] {
        scene.log.fails_once(Call::Upload, Fault::Answer(409, headers, "{}"));
        assert_refused(&pull(&instance, "v1").await, 503, "the log's answer cannot be understood");
    }
    // Another's entry at that place.
    let other = scene.tags.push("v2", "two");
    assert_first_seen(&pull(&instance, "v2").await, &other);
    scene.log.fails_once(Call::Upload, Fault::Answer(409, vec![("x-log-index", "0")], "{}"));
    assert_refused(&pull(&instance, "v1").await, 503, "does not lead from the entry to the root");
    assert_first_seen(&pull(&instance, "v1").await, &digest);
}

#[tokio::test]
async fn tiles_that_lie_prove_nothing() {
    let scene = Scene::set().await;
    scene.tags.push("other", "another");
    scene.pull("other").await;
    let digest = scene.tags.push("v1", "one");
    scene.claim().await;
    let statement = scene.crash_before_upload("v1", &digest).await;
    scene.log.add(&statement.signed_payload()).await;
    const ZEROS: &str = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for (fault, message) in [
        (Fault::Answer(200, vec![], ZEROS), "the log's answer cannot be understood"),
        (Fault::Answer(200, vec![], ""), "the log's answer cannot be understood"),
        (Fault::Answer(404, vec![], ""), "names entries that the log does not return"),
        (Fault::Answer(500, vec![], ""), "the log answered 500"),
        (Fault::Endless, "than"),
    ] {
        scene.log.fails(Call::Tile, fault);
        assert_refused(&scene.pull("v1").await, 503, message);
        scene.log.heals();
    }
    // A tile of the right length, three leaves, and wrong content.
    let three = Box::leak(format!("{ZEROS}{ZEROS}{ZEROS}").into_boxed_str());
    scene.log.fails(Call::Tile, Fault::Answer(200, vec![], three));
    assert_refused(&scene.pull("v1").await, 503, "does not lead from the entry to the root");
    scene.log.heals();
    assert_first_seen(&scene.pull("v1").await, &digest);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_proves_nothing() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "one");
    scene.claim().await;
    let statement = scene.crash_before_upload("v1", &digest).await;
    scene.log.add(&statement.signed_payload()).await;
    for (body, message) in [
        ("", "the log's answer cannot be understood"),
        (
            "other.test\n9\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n\u{2014} other.test wNI9ajBE\n",
            "the log's answer cannot be understood",
        ),
        ("127.0.0.1\n9\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n\u{2014} 127.0.0.1 wNI9ajBE\n", ""),
    ] {
        scene.log.fails(Call::Head, Fault::Answer(200, vec![], body));
        assert_refused(&scene.pull("v1").await, 503, message);
        scene.log.heals();
    }
    assert_first_seen(&scene.pull("v1").await, &digest);
}

#[tokio::test]
async fn a_frozen_shard_records_nothing_more_and_known_tags_are_served() {
    let scene = Scene::set().await;
    let known = scene.tags.push("known", "known");
    assert_first_seen(&scene.pull("known").await, &known);
    scene.tags.push("new", "new");
    scene.log.fails(Call::Upload, Fault::Answer(405, vec![], "{\"code\":12,\"message\":\"Method Not Allowed\"}"));
    assert_refused(&scene.pull("new").await, 503, "takes no new entries any more");
    assert_unchanged(&scene.pull("known").await, &known);
}
