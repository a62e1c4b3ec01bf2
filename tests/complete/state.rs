//! An audit goes on from its state, and waits for rows that are being completed.

use std::time::Instant;

use serde_json::{Value, json};

use crate::scene::{Scene, found, json_lines};

fn state(scene: &Scene) -> Value {
    serde_json::from_slice(&std::fs::read(scene.file("state.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_reads_only_what_was_added_since_the_last_one() {
    let scene = Scene::set().await;
    let mut before = 0;
    // On both sides of a bundle's end.
    for more in [1, 254, 1, 1, 255, 300] {
        scene.others(more - 1).await;
        scene.seen(&format!("v{before}")).await;
        let (code, lines) = scene.audit_with_state();
        assert_eq!(code, Some(0), "{lines:?}");
        let read = lines.iter().find(|line| line["type"] == "read").unwrap();
        assert_eq!((&read["from"], &read["size"]), (&json!(before), &json!(before + more)));
        before += more;
    }
    let (code, lines) = scene.audit_with_state();
    assert_eq!((code, &lines.last().unwrap()["byKeys"]), (Some(0), &json!(6)));
    let kept = &state(&scene)["readings"][scene.log_id()];
    assert_eq!(kept["ended"], json!({"size": before, "holds": true, "source": scene.list.url, "notRead": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_looked_for_from_the_beginning() {
    let scene = Scene::set().await;
    let first = scene.seen("v1").await;
    assert_eq!(scene.audit_with_state().0, Some(0));
    let other = Scene::set().await;
    let stranger = other.sign("v2", "v2").await;
    let index = scene.upload(&stranger).await;
    let keys = format!("{}{}", first.key().pem(), stranger.key().pem());
    std::fs::write(scene.file("key.pub.pem"), keys).unwrap();
    let (code, lines) = scene.audit_with_state();
    let read = lines.iter().find(|line| line["type"] == "read").unwrap();
    assert_eq!((code, &read["from"], &read["byKeys"]), (Some(1), &json!(0), &json!(2)));
    assert_eq!(found(&lines), [(format!("log 127.0.0.1 index {index}"), "unexplained".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_changed_is_refused() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    assert_eq!(scene.audit_with_state().0, Some(0));
    let good = state(&scene);
    let id = scene.log_id();
    type Change = Box<dyn Fn(&mut Value)>;
    let changes: [(&str, Change); 7] = [
        ("frontier", Box::new(|kept| kept["proven"]["frontier"][0] = json!("00".repeat(32)))),
        ("size", Box::new(|kept| kept["proven"]["size"] = json!(2))),
        ("entries", Box::new(|kept| kept["proven"]["entries"] = json!("AAAA"))),
        ("no checkpoint", Box::new(|kept| kept["checkpoint"] = Value::Null)),
        ("checkpoint", Box::new(|kept| kept["checkpoint"] = json!("127.0.0.1\n1\nAAAA\n"))),
        ("key", Box::new(|kept| kept["keys"][0] = json!("?"))),
        ("ahead", Box::new(|kept| kept["ahead"] = json!({"size": 3, "frontier": [], "entries": ""}))),
    ];
    for (what, change) in changes {
        let mut changed = good.clone();
        change(&mut changed["readings"][&id]);
        std::fs::write(scene.file("state.json"), changed.to_string()).unwrap();
        let ended = scene.audit(&["--state", &scene.file("state.json")]);
        assert_eq!(ended.code, Some(2), "{what}: {ended:?}");
        let said = format!("what it holds of the log {id} is not what a complete audit keeps of it");
        assert!(ended.stderr.contains(&said), "{what}: {}", ended.stderr);
    }
}

/// The upload stands in the log before its row is complete: by the list it is not explained yet, by its hash it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_pending_or_late_explains_its_entry() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let [pending, late] = [scene.sign("v2", "2").await, scene.sign("v3", "3").await];
    scene.upload(&pending).await;
    let index = scene.upload(&late).await;
    scene.list.add_pending(&pending);
    scene.list.add(&late, &scene.log_id(), index);
    scene.list.is_late(&late, 2);
    let began = Instant::now();
    let ended = scene.run(&["--instance", &scene.list.url, "--wait", "600", "--json"]);
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(0), vec![]), "{ended:?}");
    assert!(began.elapsed().as_secs() < 600, "it ends as soon as all is explained");
    let asked = scene.list.asked();
    let by_hash = asked.iter().filter(|query| query.starts_with("signed=")).count();
    assert_eq!(by_hash, 1 + 3, "{asked:?}");
    // Without the time to wait, it is not explained.
    scene.list.is_late(&late, 1);
    let ended = scene.audit(&["--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(found(&json_lines(&ended)), [("log 127.0.0.1 index 2".to_owned(), "unexplained".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_is_broken_off_is_gone_on_with() {
    let scene = Scene::set().await;
    scene.others(600).await;
    scene.seen("v1").await;
    scene.alter(|path, response| {
        if path.contains("/tile/entries/002") {
            return http::Response::builder().status(400).body(bytes::Bytes::new()).unwrap();
        }
        response
    });
    let ended = scene.audit(&["--state", &scene.file("state.json")]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let kept = &state(&scene)["readings"][scene.log_id()];
    assert_eq!((&kept["proven"]["size"], &kept["ahead"]["size"]), (&json!(0), &json!(512)));
    scene.alter(|path, response| {
        assert!(!path.contains("/tile/entries/000") && !path.contains("/tile/entries/001"), "{path}");
        response
    });
    let (code, lines) = scene.audit_with_state();
    assert_eq!((code, &lines[1]["from"], &lines[1]["byKeys"]), (Some(0), &json!(512), &json!(1)), "{lines:?}");
}
