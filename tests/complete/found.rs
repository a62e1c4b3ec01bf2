//! The findings of a complete audit, each with exit code 1 and the evidence.

use bytes::Bytes;
use serde_json::json;
use testing::devlog_folder::{append, copy};
use testing::tags::tag;
use tlogistry::tlog::{LogEntry, TransparencyLogEntry};

use crate::scene::{Scene, evidence, found, json_lines, log_in};

fn name(tag_name: &str) -> String {
    tag(tag_name).canonical().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_holds_what_is_listed_and_entries_of_others_is_complete() {
    let scene = Scene::set().await;
    scene.others(3).await;
    for number in 0..300 {
        scene.seen(&format!("v{number}")).await;
    }
    scene.others(3).await;
    scene.list.pages_of(70);
    let ended = scene.audit(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "the log's log 127.0.0.1 has 306 entries; no earlier checkpoint to compare with");
    assert!(lines[1].starts_with("log 127.0.0.1: 306 entries read, up to size 306, "), "{}", lines[1]);
    assert!(lines[1].ends_with(" a second; they lead to its checkpoint. In all, 300 bear your keys"), "{}", lines[1]);
    let said = format!(
        "Complete: each of the 300 entries by your keys in log 127.0.0.1, up to size 306, is of a sighting that {} lists \
         (300 recorded there, 0 newer, 0 pending), and each tag has one digest",
        scene.list.url
    );
    assert_eq!(lines[2..], [said]);
    assert_eq!(scene.list.asked().len(), 5, "300 lines in pages of 70");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_entry_under_the_key_is_found_with_the_logs_proof() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.others(2).await;
    let index = scene.upload(&scene.sign("v1", "another").await).await;
    scene.seen("v2").await;
    let ended = scene.audit(&["--json"]);
    let lines = json_lines(&ended);
    assert_eq!(
        (ended.code, found(&lines)),
        (Some(1), vec![(format!("log 127.0.0.1 index {index}"), "unexplained".to_owned())])
    );
    let line = lines.iter().find(|line| line["issue"] == "unexplained").unwrap();
    assert_eq!(evidence(line).0, index);
    let entry: TransparencyLogEntry = serde_json::from_value(line["evidence"].clone()).unwrap();
    let entry: LogEntry = entry.entry().unwrap();
    entry.verify(&scene.config.keys).expect("it is a proof under the log's checkpoint");
    let end = lines.last().unwrap();
    assert_eq!((&end["complete"], &end["issues"]), (&json!(false), &json!({"unexplained": 1})));

    let ended = scene.audit(&[]);
    assert_eq!(ended.code, Some(1));
    let said = format!(
        "log 127.0.0.1 index {index}: unexplained: it bears your key, and no sighting that is listed explains it\n  \
         evidence: {{"
    );
    assert!(ended.stdout.contains(&said), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("It does not hold: 1 unexplained\n"), "{}", ended.stdout);
}

/// Whoever lists it too contradicts himself, in whatever list, and also if he only answers it by its hash.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_digest_that_is_listed_is_a_contradiction() {
    for way in ["listed", "pending", "late"] {
        let scene = Scene::set().await;
        scene.seen("v1").await;
        let second = scene.sign("v1", "another").await;
        let index = scene.upload(&second).await;
        match way {
            "listed" => scene.list.add(&second, &scene.log_id(), index),
            "pending" => scene.list.add_pending(&second),
            _ => {
                scene.list.add(&second, &scene.log_id(), index);
                scene.list.is_late(&second, 0);
            }
        }
        let ended = scene.audit(&["--json"]);
        let contradicted = vec![(name("v1"), "contradicted".to_owned())];
        assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), contradicted), "{way}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_removed_is_found_also_by_an_audit_that_goes_on() {
    let scene = Scene::set().await;
    for tag_name in ["v1", "v2", "v3"] {
        scene.seen(tag_name).await;
    }
    let (code, _) = scene.audit_with_state();
    assert_eq!(code, Some(0));
    scene.list.forget(&name("v2"));
    scene.seen("v4").await;
    let (code, lines) = scene.audit_with_state();
    let unexplained = vec![("log 127.0.0.1 index 1".to_owned(), "unexplained".to_owned())];
    assert_eq!((code, found(&lines)), (Some(1), unexplained));
    let read = lines.iter().find(|line| line["type"] == "read").unwrap();
    assert_eq!((&read["from"], &read["size"]), (&json!(3), &json!(4)), "nothing is read twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sighting_that_is_listed_and_not_in_the_log_is_found() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.others(1).await;
    let [lost, other, newer] = [scene.sign("v2", "2").await, scene.sign("v3", "3").await, scene.sign("v4", "4").await];
    scene.list.add(&lost, &scene.log_id(), 1);
    scene.list.add(&newer, &scene.log_id(), 2);
    let ended = scene.audit(&["--json"]);
    let lines = json_lines(&ended);
    assert_eq!((ended.code, found(&lines)), (Some(1), vec![(name("v2"), "log-lacks".to_owned())]), "{ended:?}");
    assert_eq!(lines.last().unwrap()["newer"], 1, "behind the checkpoint nothing is known");
    // At the place of another sighting.
    scene.list.forget(&name("v2"));
    scene.list.forget(&name("v1"));
    scene.list.add(&other, &scene.log_id(), 0);
    let ended = scene.audit(&["--json"]);
    let lacks = (name("v3"), "log-lacks".to_owned());
    let unexplained = ("log 127.0.0.1 index 0".to_owned(), "unexplained".to_owned());
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), vec![lacks, unexplained]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_bundle_is_found_and_named_and_the_state_stays() {
    let scene = Scene::set().await;
    for number in 0..3 {
        scene.seen(&format!("v{number}")).await;
    }
    assert_eq!(scene.audit_with_state().0, Some(0));
    for number in 3..300 {
        scene.seen(&format!("v{number}")).await;
    }
    let saved = std::fs::read(scene.file("state.json")).unwrap();
    // One letter of one entry, whose digest is base64.
    scene.alter(|path, response| {
        if !path.contains("/tile/entries/001") {
            return response;
        }
        response.map(|body| {
            let mut bytes = body.to_vec();
            let at = bytes.windows(10).position(|part| part == b"\"digest\":\"").unwrap() + 10;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            Bytes::from(bytes)
        })
    });
    let ended = scene.audit(&["--state", &scene.file("state.json")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "log 127.0.0.1: rewritten: the log's entries do not lead to the root that it signed: the entry with index 256 \
                has the leaf hash ";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert!(ended.stdout.contains("The checkpoint that it signed:\n\n127.0.0.1\n300\n"), "{}", ended.stdout);
    let size = |state: &[u8]| {
        let state: serde_json::Value = serde_json::from_slice(state).unwrap();
        state["readings"][scene.log_id()]["proven"]["size"].clone()
    };
    let now = std::fs::read(scene.file("state.json")).unwrap();
    assert_eq!((size(&saved), size(&now)), (json!(3), json!(3)), "what is not proven is not kept");
    scene.alter(|_, response| response);
    assert_eq!(scene.audit_with_state().0, Some(0), "it goes on once the log answers what it signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_and_its_tile_that_were_rewritten_together_do_not_lead_to_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let [original, fork] = ["original", "fork"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(log_in(&original).await).await;
    scene.seen("v1").await;
    scene.seen("v2").await;
    copy(&original, &fork);
    // The fork's tiles, under the original's checkpoint.
    let forked = Scene::with_log(log_in(&fork).await).await;
    let checkpoint = testing::client::get(&format!("{}api/v2/checkpoint", scene.config.url)).await.bytes;
    forked.seen("v3").await;
    let third = testing::client::get(&format!("{}api/v2/checkpoint", forked.config.url)).await.bytes;
    scene.others(1).await;
    let original = testing::client::get(&format!("{}api/v2/checkpoint", scene.config.url)).await.bytes;
    assert!(checkpoint != third && third != original);
    forked.alter(move |path, response| match path {
        "/api/v2/checkpoint" => http::Response::new(original.clone()),
        _ => response,
    });
    let ended = forked.audit(&[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "rewritten: the log's entries do not lead to the root that it signed: the entries from index 0 on, and the \
                log's tiles with them, lead to another root";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_log_contradicts_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let [original, fork] = ["original", "fork"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(log_in(&original).await).await;
    scene.seen("v1").await;
    copy(&original, &fork);
    scene.seen("v2").await;
    assert_eq!(scene.audit_with_state().0, Some(0));
    let forked = Scene::with_log(log_in(&fork).await).await;
    std::fs::copy(scene.file("state.json"), forked.file("state.json")).unwrap();
    for size in 2..5 {
        forked.others(1).await;
        let ended = forked.audit(&["--state", &forked.file("state.json")]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = format!(
            "The log contradicts itself: the log signed two histories of log 127.0.0.1: the one with {size} entries was not \
             made by appending to the one with 2\n\nWhat it signed before:\n\n127.0.0.1\n2\n"
        );
        assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("\nAnd now:\n\n127.0.0.1\n{size}\n")), "{}", ended.stdout);
    }
}

/// Copies that others file explain themselves by what was signed, whatever their form.
#[tokio::test(flavor = "multi_thread")]
async fn copies_are_explained_by_what_was_signed_and_what_cannot_be_read_is_a_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (leaf, key_der, payload) = {
        let scene = Scene::with_log(log_in(&log).await).await;
        scene.upload(&scene.sign("v0", "0").await).await;
        let signed = scene.sign("v1", "v1").await;
        let index = scene.upload(&signed).await;
        let bundle = testing::client::get(&format!("{}api/v2/tile/entries/000.p/2", scene.config.url)).await.bytes;
        let first = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
        let leaf = String::from_utf8(bundle[first + 4..].to_vec()).unwrap();
        assert_eq!(index, 1);
        let payload = tlogistry::sighting::statement(signed.tag(), signed.digest());
        std::fs::copy(scene.file("key.pem"), folder.path().join("key.pem")).unwrap();
        (leaf, signed.key().der().to_vec(), payload)
    };
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use sha2::{Digest as _, Sha256};
    let key = BASE64_STANDARD.encode(key_der);
    let dsse = |payload: &[u8]| {
        let hash = json!({"algorithm": "SHA2_256", "digest": BASE64_STANDARD.encode(Sha256::digest(payload))});
        let verifier = json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": key}});
        let spec =
            json!({"dsseV002": {"payloadHash": hash, "signatures": [{"content": "AA==", "verifier": verifier}]}});
        json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}).to_string()
    };
    let other_signature = leaf.replace("\"content\":\"", "\"content\":\"AAAA");
    let spaced = leaf.replace(':', ": ");
    // Once the log is closed.
    let reopened = async |leaves: Vec<String>| {
        let copied = folder.path().join(format!("log{}", leaves.len()));
        copy(&log, &copied);
        append(&copied, leaves);
        let scene = Scene::with_log(log_in(&copied).await).await;
        std::fs::copy(folder.path().join("key.pem"), scene.file("key.pem")).unwrap();
        let key = tlogistry::sighting::LocalKey::open_or_generate(&scene.folder.path().join("key.pem")).unwrap();
        std::fs::write(scene.file("key.pub.pem"), key.public_key().pem()).unwrap();
        let signer = tlogistry::sighting::Signer::Local(key);
        for (index, (tag_name, content)) in [("v0", "0"), ("v1", "v1")].into_iter().enumerate() {
            let signed = crate::scene::sign_by(&signer, tag_name, content).await;
            scene.list.add(&signed, &scene.log_id(), index as u64);
        }
        let ended = scene.audit(&["--json"]);
        (ended.code, found(&json_lines(&ended)))
    };
    let copies = vec![other_signature, spaced, dsse(&payload)];
    assert_eq!(reopened(copies.clone()).await, (Some(0), vec![]));
    let entry = |index| format!("log 127.0.0.1 index {index}");
    let with = |more: String| reopened([&copies[..], &[String::new(), more]].concat());
    let unreadable = vec![(entry(6), "unreadable".to_owned())];
    assert_eq!(with(json!({"kind": "later", "key": key}).to_string()).await, (Some(2), unreadable));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_of_something_else_under_the_key_is_unexplained() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    drop(log_in(&log).await);
    let scene = Scene::set().await;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let key = scene.sign("v1", "v1").await.key().clone();
    let verifier =
        json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": BASE64_STANDARD.encode(key.der())}});
    let hash = json!({"algorithm": "SHA2_256", "digest": BASE64_STANDARD.encode([7; 32])});
    let spec = json!({"dsseV002": {"payloadHash": hash, "signatures": [{"content": "AA==", "verifier": verifier}]}});
    append(&log, [json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}).to_string()]);
    let later = Scene::with_log(log_in(&log).await).await;
    std::fs::write(later.file("key.pub.pem"), key.pem()).unwrap();
    let ended = later.audit(&["--json"]);
    let unexplained = vec![("log 127.0.0.1 index 0".to_owned(), "unexplained".to_owned())];
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), unexplained), "{ended:?}");
}
