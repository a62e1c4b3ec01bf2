//! The state between runs, which is never begun afresh by itself.

use serde_json::{Value, json};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_read_is_an_error_and_is_left_as_it_is() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    let good = scene.aws.state().await.unwrap();
    let told = scene.aws.told().await;
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut state: Value = serde_json::from_slice(&good).unwrap();
        change(&mut state);
        serde_json::to_vec(&state).unwrap()
    };
    let forged = |state: &mut Value| {
        let note = state["checkpoints"][0].as_str().unwrap().replacen("\n1\n", "\n2\n", 1);
        state["checkpoints"][0] = note.into();
    };
    for (state, fault) in [
        (b"garbage".to_vec(), "expected value at line 1 column 1"),
        (Vec::new(), "EOF while parsing a value"),
        (good[..good.len() / 2].to_vec(), "EOF while parsing"),
        (b"{}".to_vec(), "missing field `version`"),
        (changed(&|state| state["version"] = 2.into()), "it is of version 2, not 1"),
        (changed(&forged), "it holds a checkpoint that the log's key did not sign"),
        (changed(&|state| state["auditor"]["told"] = json!("nobody")), "invalid type"),
        (vec![b' '; (7 << 20) + 1], "state.json has more than 7340032 bytes"),
    ] {
        scene.aws.put_state(&state).await;
        let error = scene.fails(&auditor);
        assert!(error.contains(fault), "{fault}: {error}");
        assert_eq!(scene.aws.state().await, Some(state), "{fault}");
        let counted = auditor.process().count(|line| line.contains("AuditorRan"));
        assert_eq!(counted, 1, "{fault}: only the first run has finished");
    }
    assert_eq!(scene.aws.told().await, told, "an alarm tells of errors");
    scene.aws.put_state(&good).await;
    scene.run(&auditor).assert("complete", 1);
}

/// Otherwise whoever deletes it makes the auditor forget what the log signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_deleted_is_an_error() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    scene.aws.delete_state().await;
    let error = scene.fails(&auditor);
    assert!(error.contains("the bucket audit: state.json was deleted. Bring an earlier version back"), "{error}");
    assert_eq!(scene.aws.state().await, None);
}

/// The state that docs/runbook.md says to write for a new beginning.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_begin_afresh() {
    let runbook = std::fs::read_to_string(testing::process::root().join("docs/runbook.md")).unwrap();
    let state = r#"{"version":1,"checkpoints":[],"position":null}"#;
    assert!(runbook.contains(&format!("`{state}`")));
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.aws.put_state(state.as_bytes()).await;
    scene.run(&scene.auditor().await).assert("complete", 1);
    assert_eq!(scene.state().await["checkpoints"].as_array().unwrap().len(), 1);
    assert_eq!(scene.aws.told().await, []);
}

/// The command line and the auditor go on from each other's state.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_command_line_is_gone_on_with() {
    let scene = Scene::set().await;
    for name in ["v1", "v2", "v3"] {
        scene.seen(name).await;
    }
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 3);
    let mut state = scene.state().await;
    state.as_object_mut().unwrap().remove("auditor");
    let last = scene.table.items().await[1]["tag"].as_s().unwrap().clone();
    state["position"] =
        json!({"source": format!("the ledger {}", scene.table.name), "done": 2, "last": last, "issues": {}});
    scene.aws.put_state(&serde_json::to_vec(&state).unwrap()).await;
    scene.searches();
    scene.run(&auditor).assert("complete", 3);
    assert_eq!(scene.searches(), 1, "the first two are done");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ledger_and_a_list_there_is_nothing_to_audit() {
    let scene = Scene::set().await;
    let error = scene.fails(&scene.auditor_with(&[("LEDGER_TABLE", "")]).await);
    assert!(error.contains("the bucket audit: there is no tags.txt"), "{error}");
}
