//! `audit`: that the heads, which are followed, and the entries, which are believed, are of one history.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use testing::client::get;
use testing::process::Ended;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::image::Digest;

use crate::scene::Scene;

/// Two logs with one key and one tree, and a first entry in common.
struct Forked {
    _folder: tempfile::TempDir,
    honest: Scene,
    lying: Scene,
}

impl Forked {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [honest, lying] = ["honest", "lying"].map(|name| folder.path().join(name));
        let scene = Scene::with_log(Devlog::open(Some(&honest), Options::default()).await.unwrap()).await;
        scene.record("v0", &Digest::sha256(b"v0")).await;
        std::fs::create_dir(&lying).unwrap();
        for file in std::fs::read_dir(&honest).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), lying.join(file.file_name())).unwrap();
        }
        let lying = Scene::with_log(Devlog::open(Some(&lying), Options::default()).await.unwrap()).await;
        Self { _folder: folder, honest: scene, lying }
    }

    /// The head that the honest one answers now.
    async fn head(&self) -> Bytes {
        get(&format!("{}/api/v1/log", self.honest.url)).await.bytes
    }

    /// Audits entries of the lying one, which shows the honest one's head.
    async fn audit(&self, arguments: &[&str]) -> Ended {
        let head = self.head().await;
        self.lying
            .alter(move |path, response| if path == "/api/v1/log" { Response::new(head.clone()) } else { response });
        let list = self.lying.list(&["v1"]);
        self.lying.run("audit", &[&["--tags", &list], arguments].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_another_history_than_the_heads_contradict_the_log() {
    let forked = Forked::set().await;
    let digest = Digest::sha256(b"v1");
    let (tree, _) = forked.honest.head().await;
    forked.honest.record("v1", &digest).await;
    forked.lying.record("v1", &digest).await;
    let state = forked.lying.file("state.json");
    let state = ["--state", state.to_str().unwrap()];
    let assert_contradicted = |ended: &Ended, larger: u64, smaller: u64| {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let said = format!(
            "The log contradicts itself: the log signed two histories of tree {tree}: the one with {larger} entries was \
             not made by appending to the one with {smaller}\n\nWhat it signed before:\n\n"
        );
        let (_, told) = ended.stdout.split_once('\n').unwrap();
        assert!(told.starts_with(&said), "{told}");
        assert!(!told.contains("checked"), "{told}");
        assert!(!std::path::Path::new(state[1]).exists(), "no head is followed from there");
    };
    assert_contradicted(&forked.audit(&state).await, 2, 2);
    forked.lying.record("v2", &digest).await;
    assert_contradicted(&forked.audit(&state).await, 3, 2);
    for _ in 0..2 {
        forked.honest.record("v2", &digest).await;
    }
    // The proof between the two is the honest one's.
    let (head, proof) =
        (forked.head().await, get(&format!("{}/api/v1/log/proof?firstSize=3&lastSize=4", forked.honest.url)).await);
    forked.lying.alter(move |path, response| match path {
        "/api/v1/log" => Response::new(head.clone()),
        "/api/v1/log/proof" => Response::new(proof.bytes.clone()),
        _ => response,
    });
    let list = forked.lying.list(&["v1"]);
    assert_contradicted(&forked.lying.run("audit", &["--tags", &list, state[0], state[1]]), 4, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entries_showed_before_an_audit_was_broken_off_is_compared_at_its_end() {
    let forked = Forked::set().await;
    let digest = Digest::sha256(b"v1");
    forked.honest.record("v1", &digest).await;
    forked.lying.record("v1", &digest).await;
    let (head, searches) = (forked.head().await, AtomicUsize::new(0));
    forked.lying.alter(move |path, response| match path {
        "/api/v1/log" => Response::new(head.clone()),
        "/api/v1/index/retrieve" if searches.fetch_add(1, Ordering::Relaxed) > 0 => {
            Response::builder().status(503).body("down".into()).unwrap()
        }
        _ => response,
    });
    let state = forked.lying.file("state.json");
    let list = forked.lying.list(&["v1", "nothing"]);
    let arguments = ["--tags", &list, "--state", state.to_str().unwrap(), "--concurrency", "1"];
    let ended = forked.lying.run("audit", &arguments);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("\nBroken off after 1 tag (all hold), "), "{ended:?}");
    let saved = std::fs::read_to_string(&state).unwrap();

    let head = forked.head().await;
    forked
        .lying
        .alter(move |path, response| if path == "/api/v1/log" { Response::new(head.clone()) } else { response });
    let ended = forked.lying.run("audit", &arguments);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("\nThe log contradicts itself: the log signed two histories of tree "), "{ended:?}");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), saved, "the evidence is kept");

    // The note is kept in the file, and must be the log's own.
    let (before, after) = saved.rsplit_once("\\n2\\n").unwrap();
    std::fs::write(&state, format!("{before}\\n3\\n{after}")).unwrap();
    let ended = forked.lying.run("audit", &arguments);
    let said = format!("tlogistry-cli: {}: it holds a checkpoint that the log's key did not sign\n", state.display());
    assert_eq!((ended.code, ended.stderr), (Some(2), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_tree_that_an_entry_showed_is_followed_from_then_on() {
    let scene = Scene::set().await;
    let digest = Digest::sha256(b"v1");
    scene.record("v1", &digest).await;
    let head = get(&format!("{}/api/v1/log", scene.url)).await.bytes;
    // The log grows once its head has been told.
    scene.record("v2", &digest).await;
    let (tree, _) = scene.head().await;
    let asked = AtomicUsize::new(0);
    scene.alter(move |path, response| {
        let first = path == "/api/v1/log" && asked.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Response::new(head.clone()) } else { response }
    });
    let (state, list) = (scene.file("state.json"), scene.list(&["v1"]));
    let arguments = ["--tags", &list, "--state", state.to_str().unwrap()];
    let audit = || scene.run("audit", &arguments);
    let first = format!("the log's tree {tree} has 1 entries; no earlier checkpoint to compare with\n");
    let ended = audit();
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("{first}1 tag checked: all hold\n")));
    let then = format!("the log's tree {tree} has 2 entries, as before\n");
    let ended = audit();
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("{then}1 tag checked: all hold\n")));
}

/// One of the log's replicas may not have all of the entries that another one showed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_refuses_a_proof_gets_time_to_catch_up_once() {
    let scene = Scene::set().await;
    let digest = Digest::sha256(b"v1");
    scene.record("v1", &digest).await;
    let head = get(&format!("{}/api/v1/log", scene.url)).await.bytes;
    scene.record("v2", &digest).await;
    let list = scene.list(&["v1"]);
    let broken_off = "Broken off after 1 tag (all hold), because the log answered 400 Bad Request";
    for (refusals, code, said) in [(1, 0, "1 tag checked: all hold"), (2, 2, broken_off)] {
        let (head, asked) = (head.clone(), AtomicUsize::new(0));
        scene.alter(move |path, response| match path {
            "/api/v1/log" => Response::new(head.clone()),
            "/api/v1/log/proof" if asked.fetch_add(1, Ordering::Relaxed) < refusals => {
                Response::builder().status(400).body("{}".into()).unwrap()
            }
            _ => response,
        });
        let ended = scene.run("audit", &["--tags", &list]);
        assert_eq!((ended.code, ended.stdout.lines().last()), (Some(code), Some(said)), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_heads_of_one_tree_are_refused() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let (tree, _) = scene.head().await;
    scene.alter(|path, response| {
        if path != "/api/v1/log" {
            return response;
        }
        let mut head: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        head["inactiveShards"] = serde_json::json!([head]);
        response.map(|_| head.to_string().into())
    });
    let ended = scene.run("audit", &["--tags", &scene.list(&["v1"])]);
    let said = format!(
        "tlogistry-cli: the log's answer to a request for its head cannot be understood: it names tree {tree} twice\n"
    );
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), (Some(2), "", said));
}
