//! `history`: all entries of a tag, each marked.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testing::process::Ended;
use testing::tags::tag;
use tlogistry::image::Digest;
use tlogistry::sighting::SightingTime;
use tlogistry::sighting::{Signer, statement};

use crate::scene::{Scene, stranger};

const TAG: &str = "registry.test/app:v1";

fn key_id(signer: &Signer) -> String {
    let Signer::Local(key) = signer else { unreachable!("the key is a local one") };
    hex::encode(key.public_key().id())
}

/// Of each entry: its index, standing and digest.
#[track_caller]
fn listed(ended: &Ended) -> Vec<(u64, String, Option<String>)> {
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(shown["tag"], TAG);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entries = shown["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| (entry["logIndex"].as_u64().unwrap(), text(&entry["standing"]).unwrap(), text(&entry["digest"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_listed_in_the_logs_order_and_foreign_ones_marked() {
    let scene = Scene::set().await;
    let other = stranger();
    let claimed = Digest::sha256(b"claimed");
    let first = scene.record_by(&other, "v1", &claimed).await;
    let (digest, second) = scene.seen("v1").await;
    let third = scene.record("v1", &digest).await;
    let ended = scene.run("history", &[TAG]);
    let block = |word: &str, digest: &Digest, uploaded, key: &str| {
        let uploaded: &tlogistry::rekor::Uploaded = uploaded;
        let (index, time) = (uploaded.entry.log_index(), SightingTime::of_entry(&uploaded.entry).unwrap().rfc3339());
        let url = scene.entry_url(uploaded);
        format!("\n{index}  {word}  {digest}\n  recorded  {time}\n  entry     {url}\n  key       sha256:{key}\n")
    };
    let ours = scene.fingerprint();
    let said = format!(
        "{TAG}: 3 entries\n{}{}{}",
        block("foreign", &claimed, &first, &key_id(&other)),
        block("sighting", &digest, &second, &ours),
        block("sighting", &digest, &third, &ours)
    );
    assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), said, ""));
    let digest = Some(digest.to_string());
    let expected = [
        (1_000_000, "foreign".to_owned(), Some(claimed.to_string())),
        (1_000_001, "sighting".to_owned(), digest.clone()),
        (1_000_002, "sighting".to_owned(), digest),
    ];
    assert_eq!(listed(&scene.run("history", &[TAG, "--json"])), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_digests_under_ones_own_keys_are_named() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.record("v1", &Digest::sha256(b"another")).await;
    let ended = scene.run("history", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with("\nYour keys signed different digests for this tag.\n"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_without_entries_by_ones_own_keys_has_no_history() {
    let scene = Scene::set().await;
    let ended = scene.run("history", &[TAG]);
    assert_eq!((ended.code, ended.stdout), (Some(2), format!("{TAG}: the log lists no entry\n")));
    scene.record_by(&stranger(), "v1", &Digest::sha256(b"claimed")).await;
    assert_eq!(scene.run("history", &[TAG]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_and_an_exchanged_statement_are_marked() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    let attestation = BASE64_STANDARD.encode(statement(&tag("v1"), &digest));
    for (to, fault) in [
        (String::new(), "incomplete: no attestation"),
        (
            format!("\"attestation\":{{\"data\":\"{}\"}},", BASE64_STANDARD.encode("{}")),
            "the attestation does not have the recorded hash",
        ),
    ] {
        scene.replace(format!("\"attestation\":{{\"data\":\"{attestation}\"}},"), to);
        let ended = scene.run("history", &[TAG]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stdout.contains("\n1000000  unattested  digest unknown\n"), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("\n  fault     {fault}\n")), "{}", ended.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unattested_entry_must_be_about_the_digest_of_a_sighting() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    scene.record("v1", &digest).await;
    scene.lose_statement(1_000_000);
    let ended = scene.run("history", &[TAG]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("\n1000000  unattested  digest unknown\n"), "{}", ended.stdout);

    scene.record("v1", &Digest::sha256(b"another")).await;
    scene.lose_statement(1_000_002);
    assert_eq!(scene.run("history", &[TAG]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_does_not_verify_is_marked_with_why() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    scene.record_by(&stranger(), "v1", &digest).await;
    scene.replace("\"integratedTime\":1".to_owned(), "\"integratedTime\":2".to_owned());
    let ended = scene.run("history", &[TAG, "--json"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    let fault = json!(["the signed entry timestamp does not verify"]);
    let (ours, theirs) = (&shown["entries"][0], &shown["entries"][1]);
    assert_eq!(json!([ours["standing"], ours["digest"], ours["faults"]]), json!(["unverifiable", null, fault]));
    assert_eq!(json!([theirs["standing"], theirs["faults"]]), json!(["foreign", fault]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_leaves_out_an_entry_that_it_lists_tells_nothing() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.alter(
        |path, response| {
            if path.ends_with("/entries/retrieve") { response.map(|_| "[]".into()) } else { response }
        },
    );
    let ended = scene.run("history", &[TAG]);
    let said = "tlogistry-cli: the log's index names entries that the log does not return\n";
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(2), "", said));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_too_large_together_are_looked_at_one_by_one() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    for _ in 0..11 {
        scene.record_by(&stranger(), "v1", &digest).await;
    }
    // As if strangers' entries had a MiB each: two of them are more than is read at once.
    scene.alter(|path, response| {
        let entries = if path.ends_with("/entries/retrieve") {
            serde_json::from_slice::<Vec<Value>>(response.body()).unwrap().len()
        } else {
            0
        };
        response.map(|body| if entries > 1 { [&body[..], &vec![b' '; 9 << 20]].concat().into() } else { body })
    });
    let ended = scene.run("history", &[TAG, "--json"]);
    assert_eq!((ended.code, listed(&ended).len()), (Some(0), 12), "{ended:?}");
}
