//! The log answers entries that do not hold.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use http::Method;
use serde_json::{Value, json};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use testing::faulty::log::{Call, Fault};
use tlogistry::image::Digest;

use super::world::{World, ask, deadline, manifest, stranger, tag};

/// An id is the hash of its entry: what does not have it is not the entry asked for.
const NOT_RETURNED: &str = "the log's index names entries that the log does not return";

type Edit = Box<dyn Fn(&mut Value) + Send + Sync>;

/// Lies about an entry, and what is said of each.
fn lies() -> Vec<(&'static str, Edit, &'static str)> {
    let edit = |edit: fn(&mut Value)| -> Edit { Box::new(edit) };
    let another = SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().unwrap();
    vec![
        ("no-set", edit(|e| set(e, &["signedEntryTimestamp"], Value::Null)), "no signed entry timestamp"),
        ("bad-set", edit(|e| flip(&mut e["verification"]["signedEntryTimestamp"])), "signed entry timestamp does not"),
        ("time", edit(|e| e["integratedTime"] = json!(1)), "signed entry timestamp does not verify"),
        ("index", edit(|e| e["logIndex"] = json!(0)), "signed entry timestamp does not verify"),
        ("log-id", edit(|e| e["logID"] = json!("00".repeat(32))), "the log id is not that of the trusted key"),
        ("no-proof", edit(|e| set(e, &["inclusionProof"], Value::Null)), "no inclusion proof"),
        ("root", edit(|e| set(e, &["inclusionProof", "rootHash"], json!("11".repeat(32)))), "lead from the entry"),
        ("size", edit(|e| set(e, &["inclusionProof", "treeSize"], json!(7))), "the checkpoint's size or root"),
        ("no-checkpoint", edit(|e| set(e, &["inclusionProof", "checkpoint"], Value::Null)), "no checkpoint"),
        ("no-note", edit(|e| set(e, &["inclusionProof", "checkpoint"], json!("x"))), "is not a signed note"),
        (
            "checkpoint",
            Box::new(move |e: &mut Value| resign(e, &another)),
            "the checkpoint is not signed by the trusted key",
        ),
        ("body", edit(one_digit), "the entry id is not the hash of the entry"),
    ]
}

#[tokio::test]
async fn a_first_sight_is_served_only_if_the_logs_answer_verifies() {
    let world = World::start().await;
    for (tag, lie, message) in lies() {
        world.registry.push(tag, "{}");
        world.log.edits(Call::Upload, lie);
        world.pull(tag).await.assert_no_verdict(&["an entry of the log does not verify", message]);
        world.log.heals();
    }
}

#[tokio::test]
async fn a_recorded_tag_is_served_only_if_the_logs_answer_verifies() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    for (name, lie, message) in lies() {
        world.restart();
        world.log.edits(Call::Retrieve, lie);
        let message = if name == "body" { NOT_RETURNED } else { message };
        world.pull("v1").await.assert_no_verdict(&[message]);
        world.log.heals();
    }
    world.pull("v1").await.assert_unchanged(&digest);
    assert_eq!(world.recorded("v1").await, [digest], "nothing was recorded anew");
}

#[tokio::test]
async fn another_entry_is_not_taken_for_the_one_uploaded() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let ours = world.signer();
    let (another, stranger) = (Digest::sha256(b"another"), stranger());
    for (name, signer, about, digest) in [
        ("of another tag", &ours, tag("v2"), &digest),
        ("of another digest", &ours, tag("v1"), &another),
        ("by another key", &stranger, tag("v1"), &digest),
    ] {
        let statement = signer.sign(&about, digest, deadline()).await.unwrap();
        let other = world.log.upload_whole(&statement.signed_payload().proposed_entry()).await;
        world.log.fails(Call::Upload, Fault::Edited(Arc::new(move |answer| *answer = other.clone())));
        // Nothing of this is in this instance's ledger, and the search finds nothing.
        world.log.fails(Call::Search, Fault::Answer(200, vec![], "[]"));
        let answer = ask(&world.another(), Method::GET, &manifest("v1")).await;
        answer.assert_no_verdict(&["the log answered an upload with an entry of another statement"]);
        assert!(!answer.error().to_string().contains("does not verify"), "{name}");
        world.log.heals();
    }
}

#[tokio::test]
async fn an_entry_that_the_index_names_and_the_log_does_not_return_stops_the_verdict() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.restart();
    world.log.fails(Call::Retrieve, Fault::Answer(200, vec![], "[]"));
    world.pull("v1").await.assert_no_verdict(&[NOT_RETURNED]);
    assert_eq!(world.log.size().await, 1);
}

#[tokio::test]
async fn a_strangers_entry_under_the_id_of_ours_does_not_hide_it() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    let statement = stranger().sign(&tag("v1"), &digest, deadline()).await.unwrap();
    let foreign = world.log.upload(&statement.signed_payload().proposed_entry()).await;
    world.restart();
    world.log.edits(Call::Retrieve, move |entry| *entry = foreign.clone());
    let moved = world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_no_verdict(&[NOT_RETURNED]);
    world.log.heals();
    world.pull("v1").await.assert_moved(&digest, &moved);
    assert_eq!(world.recorded("v1").await, [digest.clone(), digest]);
}

fn set(entry: &mut Value, path: &[&str], value: Value) {
    let place = path.iter().fold(&mut entry["verification"], |place, name| &mut place[*name]);
    *place = value;
}

/// Another signature: the last bit is turned.
fn flip(base64: &mut Value) {
    let mut bytes = BASE64_STANDARD.decode(base64.as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *base64 = json!(BASE64_STANDARD.encode(bytes));
}

/// The body with one digit of the recorded hash changed.
fn one_digit(entry: &mut Value) {
    let body = BASE64_STANDARD.decode(entry["body"].as_str().unwrap()).unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let hash = &mut body["spec"]["content"]["payloadHash"]["value"];
    let digits = hash.as_str().unwrap();
    let last = if digits.ends_with('0') { "1" } else { "0" };
    *hash = json!(format!("{}{last}", &digits[..63]));
    entry["body"] = json!(BASE64_STANDARD.encode(body.to_string()));
}

/// The checkpoint, signed with another key in the log's name and with its hint.
fn resign(entry: &mut Value, key: &SigStoreSigner) {
    let place = &mut entry["verification"]["inclusionProof"]["checkpoint"];
    let (note, line) = place.as_str().unwrap().split_once("\n\n").unwrap();
    let (dash_and_name, signature) = line.trim_end().rsplit_once(' ').unwrap();
    let hint = &BASE64_STANDARD.decode(signature).unwrap()[..4];
    let signature = [hint, &key.sign(format!("{note}\n").as_bytes()).unwrap()].concat();
    *place = json!(format!("{note}\n\n{dash_and_name} {}\n", BASE64_STANDARD.encode(signature)));
}
