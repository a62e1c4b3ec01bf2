//! `audit`: that the log has only grown since the checkpoint that was saved.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use testing::client::get;
use testing::devlog_folder::{copy, open as log_in};
use testing::process::Ended;
use tlogistry::devlog::Options;
use tlogistry::image::Digest;
use tlogistry::tlog::{Head, is_consistent};

use crate::scene::Scene;

fn audit(scene: &Scene, state: &Path) -> Ended {
    scene.run("audit", &["--tags", &scene.list(&["v1"]), "--state", state.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_from_one_audit_to_the_next() {
    let scene = Scene::set().await;
    let digest = Digest::sha256(b"v1");
    let (tree, _) = scene.head().await;
    let state = scene.file("state.json");
    let mut before = None;
    for size in 1..=9 {
        scene.record("v1", &digest).await;
        let ended = audit(&scene, &state);
        let said = match before {
            None => format!("the log's tree {tree} has {size} entries; no earlier checkpoint to compare with"),
            Some(before) => format!("the log's tree {tree} grew from {before} to {size} entries, and only grew"),
        };
        assert_eq!((ended.code, ended.stdout.lines().next()), (Some(0), Some(said.as_str())), "{ended:?}");
        before = Some(size);
    }
    let ended = audit(&scene, &state);
    let said = format!("the log's tree {tree} has 9 entries, as before");
    assert_eq!((ended.code, ended.stdout.lines().next()), (Some(0), Some(said.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_own_proofs_hold_from_every_size_to_every_other_and_for_no_other_roots() {
    const SIZE: usize = 20;
    let scene = Scene::set().await;
    let hash =
        |hex: &serde_json::Value| -> [u8; 32] { hex::decode(hex.as_str().unwrap()).unwrap().try_into().unwrap() };
    let json = async |path: String| {
        let answer = get(&format!("{}{path}", scene.url)).await;
        serde_json::from_slice::<serde_json::Value>(&answer.bytes).unwrap()
    };
    let mut heads = Vec::new();
    for size in 1..=SIZE {
        scene.record("v1", &Digest::sha256(b"v1")).await;
        let root = hash(&json("/api/v1/log".to_owned()).await["rootHash"]);
        heads.push(Head { size: size as u64, root });
    }
    for last in 1..=SIZE {
        for first in 1..=last {
            let proof = json(format!("/api/v1/log/proof?firstSize={first}&lastSize={last}")).await;
            let proof: Vec<[u8; 32]> = proof["hashes"].as_array().unwrap().iter().map(hash).collect();
            let (old, new) = (heads[first - 1], heads[last - 1]);
            assert!(is_consistent(old, new, &proof), "{first} to {last}");
            let forged = |head: Head| Head { root: head.root.map(|byte| byte ^ 1), ..head };
            assert!(!is_consistent(forged(old), new, &proof), "{first} to {last}");
            assert!(!is_consistent(old, forged(new), &proof), "{first} to {last}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_another_history_contradicts_what_it_signed() {
    let folder = tempfile::tempdir().unwrap();
    let [original, early, fork] = ["original", "early", "fork"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(log_in(&original).await).await;
    let digest = Digest::sha256(b"v1");
    scene.record("v1", &digest).await;
    copy(&original, &early);
    copy(&original, &fork);
    scene.record("v1", &digest).await;
    let ((tree, _), host) = (scene.head().await, Options::default().hostname);
    let state = scene.file("state.json");
    assert_eq!(audit(&scene, &state).code, Some(0));
    let saved = std::fs::read(&state).unwrap();

    // The same key and tree, and another second entry.
    let forked = Scene::with_log(log_in(&fork).await).await;
    for size in 2..=5 {
        forked.record("v1", &digest).await;
        let ended = audit(&forked, &state);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = format!(
            "The log contradicts itself: the log signed two histories of tree {tree}: the one with {size} entries was not \
             made by appending to the one with 2\n\nWhat it signed before:\n\n{host} - \
             {tree}\n2\n"
        );
        assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("\nAnd now:\n\n{host} - {tree}\n{size}\n")), "{}", ended.stdout);
        assert_eq!(std::fs::read(&state).unwrap(), saved, "the evidence is kept");
    }

    // A head that it signs when asked for less contradicts that too: here with the proof that the other history has.
    let smaller = Scene::with_log(log_in(&early).await).await;
    smaller.record("v1", &digest).await;
    scene.record("v1", &digest).await;
    std::fs::remove_file(&state).unwrap();
    assert_eq!(audit(&scene, &state).code, Some(0));
    let proof = get(&format!("{}/api/v1/log/proof?firstSize=2&lastSize=3", scene.url)).await.bytes;
    smaller.alter(
        move |path, response| {
            if path == "/api/v1/log/proof" { http::Response::new(proof.clone()) } else { response }
        },
    );
    let ended = audit(&smaller, &state);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = format!(
        "The log contradicts itself: the log signed two histories of tree {tree}: the one with 3 entries was not made by \
         appending to the one with 2\n"
    );
    assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_is_neither_a_contradiction_nor_a_proof() {
    let scene = Scene::set().await;
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let old = get(&format!("{}/api/v1/log", scene.url)).await.bytes;
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let (tree, _) = scene.head().await;
    let state = scene.file("state.json");
    assert_eq!(audit(&scene, &state).code, Some(0));

    let (asked, lagging) = (AtomicUsize::new(0), old.clone());
    scene.alter(move |path, response| {
        let lags = path == "/api/v1/log" && asked.fetch_add(1, Ordering::Relaxed) == 0;
        if lags { http::Response::new(lagging.clone()) } else { response }
    });
    let ended = audit(&scene, &state);
    let said = format!("the log's tree {tree} has 2 entries, as before");
    assert_eq!((ended.code, ended.stdout.lines().next()), (Some(0), Some(said.as_str())), "it is asked once more");

    let saved = std::fs::read_to_string(&state).unwrap();
    scene.alter(move |path, response| if path == "/api/v1/log" { http::Response::new(old.clone()) } else { response });
    let ended = audit(&scene, &state);
    let said = format!(
        "tlogistry-cli: the log answers that tree {tree} has 1 entries, and it had 2 before: the answer is old, and \
         does not show what was added since\n"
    );
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), (Some(2), "", said));
    assert_eq!(std::fs::read_to_string(&state).unwrap(), saved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_tree_needs_the_logs_proof_to_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let [original, early] = ["original", "early"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(log_in(&original).await).await;
    scene.record("v1", &Digest::sha256(b"v1")).await;
    copy(&original, &early);
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let (tree, _) = scene.head().await;
    let state = scene.file("state.json");
    assert_eq!(audit(&scene, &state).code, Some(0));
    let saved = std::fs::read(&state).unwrap();
    let rolled_back = Scene::with_log(log_in(&early).await).await;
    let ended = audit(&rolled_back, &state);
    let said = format!(
        "tlogistry-cli: the log answers that tree {tree} has 1 entries, and it had 2 before: the answer is old, or \
         entries were taken away; nothing shows which, because the log answered 400 Bad Request"
    );
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
    assert_eq!(std::fs::read(&state).unwrap(), saved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_begins_anew_has_lost_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let [original, anew] = ["original", "anew"].map(|name| folder.path().join(name));
    let scene = Scene::with_log(log_in(&original).await).await;
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let (tree, _) = scene.head().await;
    let state = scene.file("state.json");
    assert_eq!(audit(&scene, &state).code, Some(0));
    std::fs::create_dir(&anew).unwrap();
    std::fs::copy(original.join("key.pem"), anew.join("key.pem")).unwrap();
    let scene = Scene::with_log(log_in(&anew).await).await;
    let ended = audit(&scene, &state);
    let said = format!(
        "The log contradicts itself: the log no longer has tree {tree}, for which it signed a checkpoint with 1 entries\n"
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);

    // A tree that has ended is still followed: here it is named beside the new one.
    let ended_tree: serde_json::Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let shard = serde_json::json!([{"rootHash": "", "signedTreeHead": ended_tree["checkpoints"][0], "treeID": tree, "treeSize": 1}]);
    scene.replace("\"inactiveShards\":null".to_owned(), format!("\"inactiveShards\":{shard}"));
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let ended = audit(&scene, &state);
    let said = format!("the log's tree {tree} has 1 entries, as before");
    assert_eq!((ended.code, ended.stdout.lines().nth(1)), (Some(0), Some(said.as_str())), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_states_that_the_log_did_not_sign_are_refused() {
    let scene = Scene::set().await;
    scene.record("v1", &Digest::sha256(b"v1")).await;
    let state = scene.file("state.json");
    assert_eq!(audit(&scene, &state).code, Some(0));

    let tampered = std::fs::read_to_string(&state).unwrap().replace("\\n1\\n", "\\n2\\n");
    std::fs::write(&state, tampered).unwrap();
    let ended = audit(&scene, &state);
    let said = format!("tlogistry-cli: {}: it holds a checkpoint that the log's key did not sign\n", state.display());
    assert_eq!((ended.code, ended.stderr), (Some(2), said));
    std::fs::remove_file(&state).unwrap();

    let (tree, _) = scene.head().await;
    scene.replace("\\n1\\n".to_owned(), "\\n2\\n".to_owned());
    let ended = audit(&scene, &state);
    let said = format!(
        "tlogistry-cli: the checkpoint of tree {tree} does not verify: the checkpoint is not signed by the trusted key\n"
    );
    assert_eq!((ended.code, ended.stderr), (Some(2), said));

    // A proof that proves nothing.
    scene.alter(|_, response| response);
    assert_eq!(audit(&scene, &state).code, Some(0));
    scene.record("v1", &Digest::sha256(b"v1")).await;
    scene.alter(|path, response| {
        if path == "/api/v1/log/proof" { response.map(|_| r#"{"hashes":[],"rootHash":""}"#.into()) } else { response }
    });
    assert_eq!(audit(&scene, &state).code, Some(1));
}
