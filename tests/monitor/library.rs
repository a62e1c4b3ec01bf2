//! A second opinion on a complete audit: what Sigstore's own library reads in the same log, from its first entry to its last.
//! rekor-monitor judges entries by this library: docs/sigstore-tools.md lists where it and a complete audit differ.

mod planted;
mod shard;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::filed::der::Certificate;
use testing::process::{Process, go_tool};
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::image::Digest;
use tlogistry::sighting::statement;

use planted::{BY_BARE_KEY, BY_CERTIFICATE, Planted, assert_audited, at, dsse, findings, verifier};
use shard::Shard;

/// The library's answer for each entry.
fn read(planted: &Planted) -> Vec<Value> {
    let mut command = go_tool("rekor2-reads");
    command.args([&planted.newest.url, &planted.newest.origin, "newest.pem"]).current_dir(planted.folder.path());
    let ended = Process::start(&mut command).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The entries with this fingerprint, by index.
fn found(entries: &[Value], fingerprint: &str) -> Vec<u64> {
    let has =
        |entry: &&Value| entry["fingerprints"].as_array().is_some_and(|all| all.iter().any(|one| one == fingerprint));
    entries.iter().filter(has).map(|entry| entry["index"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_librarys_entries_of_a_bare_key_are_those_of_a_complete_audit_less_those_in_certificates() {
    let planted = Planted::plant().await;
    let entries = read(&planted);
    assert_eq!(entries.len() as u64, at::COUNT);
    assert!(entries.iter().all(|entry| entry.get("error").is_none()), "{entries:?}");
    assert_eq!(found(&entries, &planted.fingerprint()), BY_BARE_KEY);
    let strangers = hex::encode(Sha256::digest(planted.stranger.public.der()));
    assert_eq!(found(&entries, &strangers), [at::STRANGER]);
    // A certificate has a fingerprint of its own. Whoever does not know it, does not find what is filed with it.
    let others: BTreeSet<&str> =
        BY_CERTIFICATE.iter().map(|index| entries[*index as usize]["fingerprints"][0].as_str().unwrap()).collect();
    assert_eq!(others.len(), 1);
    assert_audited(&planted);

    // It checks the checkpoint, and not that the entries are those of the checkpoint.
    planted.exchange_the_key();
    assert_eq!(found(&read(&planted), &planted.fingerprint()), [at::KEY_ENCODED_OTHERWISE], "all others are hidden");
    let ended = planted.run(&[]);
    let said = "rewritten: the log's entries do not lead to the root that it signed";
    assert!(ended.code == Some(1) && ended.stdout.contains(said), "{ended:?}");
}

/// A shard of before, when servers took `dsse` too, and what a later server may take.
#[tokio::test(flavor = "multi_thread")]
async fn dsse_entries_are_read_alike_and_what_the_library_does_not_know_is_a_doubt_of_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let older = Shard::real().await;
    let newest = Shard::embedded(&folder.path().join("log")).await;
    let planted = Planted::unplanted(newest, older).await;
    let seen = planted.sign("v1", "1").await;
    let payload = statement(seen.tag(), seen.digest());
    let bare = verifier("publicKey", planted.key.public.der());
    let certificate = Certificate { subject: "anyone", ..Default::default() };
    let certified = verifier("x509Certificate", &certificate.around(planted.key.public.der(), &planted.stranger));
    let theirs = verifier("publicKey", planted.stranger.public.der());
    let unseen = statement(seen.tag(), &Digest::sha256(b"another"));
    let leaves = [
        dsse(&payload, &[&bare]),
        dsse(&payload, &[&theirs, &bare]),
        dsse(&payload, &[&certified]),
        dsse(&unseen, &[&theirs, &bare]),
        dsse(&unseen, &[&certified]),
        // Of a kind that nobody knows yet, with the key in it and without.
        json!({"apiVersion": "1", "kind": "later", "spec": {"laterV1": {"key": planted.key.pem()}}}).to_string(),
        json!({"apiVersion": "1", "kind": "later", "spec": {"laterV1": {"key": planted.stranger.pem()}}}).to_string(),
    ];
    let message = pae(IN_TOTO, &payload);
    assert_eq!(planted.newest.add(&message, seen.signature(), &bare).await, 0);
    planted.list.add(&seen, &planted.newest.log_id(), 0);
    planted.newest.append(leaves).await;

    let entries = read(&planted);
    assert_eq!(found(&entries, &planted.fingerprint()), [0, 1, 2, 4]);
    let unknown: Vec<u64> = (0..).zip(&entries).filter_map(|(at, entry)| entry.get("error").map(|_| at)).collect();
    assert_eq!(unknown, [6, 7]);
    let (code, lines) = planted.audit();
    let about = |index: u64| format!("log {} index {index}", planted.newest.origin);
    let expected = [(4, "unexplained"), (5, "unexplained"), (6, "unreadable")];
    assert_eq!(
        (code, findings(&lines)),
        (Some(1), expected.map(|(index, kind)| (about(index), kind.to_owned())).to_vec())
    );
    assert_eq!(lines.last().unwrap()["byKeys"], 7, "all but the last: {lines:?}");
}
