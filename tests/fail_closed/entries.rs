//! Which of the entries that a search finds count.

use std::sync::Arc;

use serde_json::{Value, json};
use testing::clock::Clock;
use testing::faulty::log::{Call, Fault};
use testing::traced::Traced;
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, Signer};

use super::world::{World, deadline, stranger, tag};

#[tokio::test]
async fn strangers_entries_under_a_tags_hash_are_passed_over() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let wrong = Digest::sha256(b"wrong");
    for _ in 0..25 {
        world.log.record(&stranger(), &tag("v1"), &wrong).await;
    }
    world.pull("v1").await.assert_first_seen(&digest);
    assert_eq!(world.log.size().await, 26);
}

#[tokio::test]
async fn strangers_entries_that_do_not_verify_are_passed_over_too() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.log.record(&stranger(), &tag("v1"), &digest).await;
    world.log.edits(Call::Retrieve, |entry| entry["verification"] = json!({}));
    world.pull("v1").await.assert_first_seen(&digest);
    world.restart();
    world.pull("v1").await.assert_no_verdict(&["an entry of the log does not verify"]);
}

#[tokio::test]
async fn an_entry_of_ours_about_another_tag_says_nothing_of_this_one() {
    let world = World::start().await;
    // The manifest of v2 is the name of v1, so that the sighting of v2 is filed under the hash of v1 too.
    let name = tag("v1").to_string();
    world.log.record(&world.signer(), &tag("v2"), &Digest::sha256(name.as_bytes())).await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    assert_eq!(world.log.asked(), [Call::Search, Call::Retrieve, Call::Upload], "it was found, and passed over");
}

#[tokio::test]
async fn among_several_entries_of_one_fact_the_lowest_index_counts() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let first = world.log.record(&world.signer(), &tag("v1"), &digest).await;
    for _ in 0..12 {
        world.log.record(&world.signer(), &tag("v1"), &digest).await;
    }
    let answer = world.pull("v1").await;
    answer.assert_unchanged(&digest);
    assert_eq!(answer.header("tlog-logindex"), Some(first.to_string().as_str()));
    assert_eq!(world.log.size().await, 13);
}

#[tokio::test]
async fn between_two_entries_of_ours_that_disagree_the_lowest_index_counts() {
    let mut world = World::start().await;
    let second = world.registry.push("v1", r#"{"a":1}"#);
    let first = world.registry.push("v1", "{}");
    for digest in [&first, &second, &second] {
        world.log.record(&world.signer(), &tag("v1"), digest).await;
    }
    let traced = Traced::default();
    let listening = traced.listen();
    world.pull("v1").await.assert_unchanged(&first);
    drop(listening);
    let parts = ["ERROR", "EQUIVOCATION", "registry.test/demo/app:v1", first.as_str(), second.as_str()];
    let (text, holds) = (traced.text(), |line: &str| parts.iter().all(|part| line.contains(part)));
    assert!(text.lines().any(holds), "{parts:?} are in no line of:\n{text}");
    world.restart();
    world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_moved(&first, &second);
}

#[tokio::test]
async fn an_earlier_entry_whose_digest_is_lost_counts_against_a_later_one() {
    let mut world = World::start().await;
    let second = world.registry.push("v1", r#"{"a":1}"#);
    let first = world.registry.push("v1", "{}");
    let lost = world.log.record(&world.signer(), &tag("v1"), &first).await;
    world.log.record(&world.signer(), &tag("v1"), &second).await;
    world.log.edits(Call::Retrieve, move |entry| {
        if entry["logIndex"] == json!(lost) {
            entry.as_object_mut().unwrap().remove("attestation");
        }
    });
    world.pull("v1").await.assert_unchanged(&first);
    world.restart();
    world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_refused(403, "DENIED", &["which the log has lost", second.as_str()]);
}

#[tokio::test]
async fn a_later_entry_whose_digest_is_lost_changes_nothing() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.log.record(&world.signer(), &tag("v1"), &digest).await;
    let lost = world.log.record(&world.signer(), &tag("v1"), &digest).await;
    world.log.edits(Call::Retrieve, move |entry| {
        if entry["logIndex"] == json!(lost) {
            entry.as_object_mut().unwrap().remove("attestation");
        }
    });
    world.pull("v1").await.assert_unchanged(&digest);
}

#[tokio::test]
async fn an_entry_by_a_retired_key_counts() {
    let old = LocalKey::generate().unwrap();
    let pem = old.public_key().pem().to_owned();
    let world = World::with(&[("TRUSTED_KEYS", &pem)]).await;
    let first = Digest::sha256(b"{}");
    world.log.record(&Signer::Local(old), &tag("v1"), &first).await;
    let second = world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_moved(&first, &second);
    world.registry.push("v1", "{}");
    world.pull("v1").await.assert_unchanged(&first);
}

/// Rekor takes it: each key made one of the signatures, and each signature is by one of the keys.
#[tokio::test]
async fn our_statement_counts_also_where_a_stranger_uploaded_it_with_keys_and_signatures_crossed() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let mut entries = Vec::new();
    for signer in [world.signer(), stranger()] {
        let statement = signer.sign(&tag("v1"), &digest, deadline()).await.unwrap();
        entries.push(serde_json::from_slice::<Value>(&statement.signed_payload().proposed_entry()).unwrap());
    }
    let signatures = entries.iter().map(|entry| entry["spec"]["content"]["envelope"]["signatures"][0].clone());
    let mut signatures: Vec<Value> = signatures.collect();
    let [ours, theirs] = &mut signatures[..] else { panic!("two entries have two signatures") };
    std::mem::swap(&mut ours["publicKey"], &mut theirs["publicKey"]);
    entries[0]["spec"]["content"]["envelope"]["signatures"] = signatures.into();
    world.log.upload(entries[0].to_string().as_bytes()).await;
    world.pull("v1").await.assert_unchanged(&digest);
    let other = world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_moved(&digest, &other);
}

#[tokio::test]
async fn a_signature_by_our_key_over_another_type_of_statement_is_no_sighting() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let statement = world.signer().sign(&tag("v1"), &Digest::sha256(b"x"), deadline()).await.unwrap();
    // The log answers our entry with the statement of another: its hash is not the recorded one.
    world.log.upload(&statement.signed_payload().proposed_entry()).await;
    world.log.edits(Call::Retrieve, |entry| entry["attestation"] = json!({"data": "eyJfdHlwZSI6IngifQ=="}));
    world.pull("v1").await.assert_refused(403, "DENIED", &["which the log has lost", digest.as_str()]);
}

/// Ten entries are one request, which may well be answered in time by a log that is up.
#[tokio::test]
async fn more_entries_than_can_be_looked_through_in_time_stop_the_verdict() {
    for (entries, reason) in [
        (10, "the log could not be reached: no answer in time"),
        (11, "the log lists 11 entries under this tag, more than could be checked"),
    ] {
        let world = World::impatient().await;
        world.registry.push("v1", "{}");
        for _ in 0..entries {
            world.log.record(&stranger(), &tag("v1"), &Digest::sha256(b"x")).await;
        }
        world.log.fails(Call::Retrieve, Fault::Silent);
        let (answer, _) = Clock::stop().pass_after(world.log.next(Call::Retrieve), world.pull("v1")).await;
        answer.assert_no_verdict(&[reason]);
    }
}

#[tokio::test]
async fn an_index_answer_longer_than_could_ever_be_looked_through_is_not_read_to_its_end() {
    let world = World::start().await;
    let many: Vec<String> = (0..70_000).map(|n| format!("{n:064x}")).collect();
    world.log.fails(Call::Search, Fault::Edited(Arc::new(move |answer| *answer = json!(many))));
    world.registry.push("v1", "{}");
    world.pull("v1").await.assert_no_verdict(&["the answer is larger than 4194304 bytes"]);
}
