//! Rekor's own client asks the real log and the embedded one the same, and both answer alike.

mod checks;
mod forms;
mod keys;
mod rekor_cli;

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rekor_cli::{NOTHING_FOUND, RekorCli};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::transparency_log::TransparencyLog;
use tlogistry::deadline::Deadline;
use tlogistry::dsse::IN_TOTO;
use tlogistry::image::Tag;
use tlogistry::sighting::{LocalKey, Signer, statement};

fn tag(name: &str) -> Tag {
    format!("{REGISTRY}/{REPOSITORY}:{name}").parse().unwrap()
}

/// As a person does it: `printf %s <tag> | sha256sum`.
fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// A tag pulled through `serve` is found by its name's sha256 and by its digest, shows the statement, and verifies.
async fn a_recorded_tag_is_found_shown_and_verified(log: TransparencyLog) {
    let (stage, state) = (Stage::with(log), tempfile::tempdir().unwrap());
    let instance = Instance::serve(state.path(), &stage.environment());
    let rekor_cli = RekorCli::new(&stage.log.url);
    assert_eq!(rekor_cli.json(&["loginfo"])["ActiveTreeSize"], 0);
    let mut uuids = Vec::new();
    for name in ["v1", "v2"] {
        let image = Image::oci(name);
        stage.push(name, &image).await;
        let pulled = get(&instance.url(&format!("manifests/{name}"))).await;
        assert_eq!(pulled.status, 200, "{pulled:?}");
        let (uuid, index) = (pulled.header("tlog-uuid"), pulled.header("tlog-logindex"));

        let canonical = format!("registry.test/demo/app:{name}");
        for hash in [sha256(&canonical), image.digest().hex().to_owned()] {
            assert_eq!(rekor_cli.find(&hash), json!({ "UUIDs": [uuid] }));
        }

        let shown = rekor_cli.json(&["get", "--uuid", uuid]);
        assert_eq!(shown, rekor_cli.json(&["get", "--log-index", index]));
        assert_eq!((&shown["UUID"], shown["LogIndex"].to_string()), (&uuid.into(), index.to_owned()));
        let stated: Value = serde_json::from_str(shown["Attestation"].as_str().unwrap()).unwrap();
        let digest = image.digest();
        assert_eq!(stated["predicate"], json!({ "tag": canonical, "digest": digest.as_str() }));

        let verified = rekor_cli.json(&["verify", "--uuid", uuid]);
        assert_eq!((&verified["EntryUUID"], &verified["Size"]), (&uuid.into(), &(uuids.len() + 1).into()));
        assert_eq!(rekor_cli.json(&["verify", "--log-index", index])["EntryUUID"], uuid);
        // From the second time on, the client proves that the log has only grown since it looked before.
        let info = rekor_cli.json(&["loginfo"]);
        assert_eq!((&info["ActiveTreeSize"], &info["RootHash"]), (&verified["Size"], &verified["RootHash"]));
        uuids.push(uuid.to_owned());
    }
    // And by the signing key, as an instance asks whether a key was used.
    let key = LocalKey::open(&state.path().join("signing-key.pem")).unwrap();
    let mut found: Vec<String> =
        serde_json::from_value(rekor_cli.find(&sha256(key.public_key().pem()))["UUIDs"].clone()).unwrap();
    found.sort();
    uuids.sort();
    assert_eq!(found, uuids);
    let proof = rekor_cli.json(&["logproof", "--first-size", "1", "--last-size", "2"]);
    assert_eq!(proof["Hashes"].as_array().map(Vec::len), Some(1), "{proof}");

    let missing = "0".repeat(64);
    let message = rekor_cli.refusal(&["get", "--uuid", &missing]);
    assert!(message.contains("getLogEntryByUuidNotFound"), "{message}");
    assert_eq!(rekor_cli.refusal(&["search", "--sha", &missing]), NOTHING_FOUND);
}

#[tokio::test]
async fn a_recorded_tag_is_found_shown_and_verified_in_rekor() {
    a_recorded_tag_is_found_shown_and_verified(TransparencyLog::rekor()).await;
}

#[tokio::test]
async fn a_recorded_tag_is_found_shown_and_verified_in_the_embedded_log() {
    a_recorded_tag_is_found_shown_and_verified(TransparencyLog::embedded()).await;
}

/// An upload of tlogistry's, made by rekor-cli, and an envelope that rekor-cli makes an entry of: each is taken,
/// its answer verifies, and taken once.
async fn an_upload_by_rekor_cli_is_taken_once(log: TransparencyLog) {
    let rekor_cli = RekorCli::new(&log.url);
    let key = LocalKey::generate().unwrap();
    let pem = rekor_cli.file("key.pem", key.public_key().pem());
    let digest = Image::oci("v1").digest();
    let deadline = Deadline::after(Duration::from_secs(10));
    let signed = Signer::Local(key).sign(&tag("v1"), &digest, deadline).await.unwrap();
    let entry = rekor_cli.file("entry.json", signed.signed_payload().proposed_entry());
    let [payload, sig] =
        [&statement(&tag("v1"), &digest), signed.signature()].map(|bytes| BASE64_STANDARD.encode(bytes));
    // Another hash of the envelope than tlogistry's makes another entry.
    let envelope =
        json!({ "payload": payload, "payloadType": IN_TOTO, "signatures": [{ "sig": sig }], "": "spaced out" });
    let envelope = rekor_cli.file("envelope.json", envelope.to_string());
    let ways: [&[&str]; 2] =
        [&["--entry", &entry], &["--type", "intoto:0.0.2", "--artifact", &envelope, "--public-key", &pem]];
    for (index, way) in ways.into_iter().enumerate() {
        let created = rekor_cli.json(&[&["upload"], way].concat());
        assert_eq!(created["AlreadyExists"], false, "{created}");
        let again = rekor_cli.json(&[&["upload"], way].concat());
        assert_eq!((&again["Location"], &again["AlreadyExists"]), (&created["Location"], &true.into()));
        assert_eq!(rekor_cli.json(&["loginfo"])["ActiveTreeSize"], index + 1);
    }
    let verified = rekor_cli.json(&[&["verify"], ways[1]].concat());
    assert_eq!(verified["Index"], 1);
}

#[tokio::test]
async fn an_upload_by_rekor_cli_is_taken_once_by_rekor() {
    an_upload_by_rekor_cli_is_taken_once(TransparencyLog::rekor()).await;
}

#[tokio::test]
async fn an_upload_by_rekor_cli_is_taken_once_by_the_embedded_log() {
    an_upload_by_rekor_cli_is_taken_once(TransparencyLog::embedded()).await;
}
