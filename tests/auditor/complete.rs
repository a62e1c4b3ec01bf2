//! A log that has tiles is read through, in pieces, and compared with the ledger.

use serde_json::{Value, json};
use testing::faulty::log::{Call, Fault};
use testing::instance::Instance;

use crate::scene::Scene;

/// The lines of this type that the auditor has written.
fn lines(auditor: &Instance, kind: &str, count: usize) -> Vec<Value> {
    let seen = std::cell::RefCell::new(Vec::new());
    auditor.wait_for(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        if line["type"] == kind {
            seen.borrow_mut().push(line);
        }
        (seen.borrow().len() == count).then_some(())
    });
    seen.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_by_the_key_is_of_a_row_and_one_that_is_not_is_told_at_once() {
    let scene = Scene::v2().await;
    for name in ["v1", "v2"] {
        scene.seen(name).await;
    }
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 2);
    let compared = lines(&auditor, "compared", 1).remove(0);
    assert_eq!(
        json!([compared["size"], compared["byKeys"], compared["listed"], compared["holds"]]),
        json!([2, 2, 2, true])
    );
    assert_eq!(scene.told().await, []);
    let state = scene.state().await;
    let kept = state["readings"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&kept["ended"]["holds"], &kept["ended"]["size"]), (&json!(true), &json!(2)));

    // A second digest for a tag, which no row holds.
    scene.seen_elsewhere("v1", "second").await;
    scene.run(&auditor).assert("complete", 2);
    let told = scene.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.contains("log 127.0.0.1 index 2: unexplained: "), "{told:?}");
    let read = lines(&auditor, "read", 2);
    assert_eq!(json!([read[1]["size"], read[1]["of"], read[1]["byKeys"]]), json!([3, 3, 3]));
    let evidence = lines(&auditor, "evidence", 1).remove(0);
    assert!(evidence["entry"].as_str().unwrap().contains("inclusionProof"), "{evidence}");
    // It is told once.
    scene.run(&auditor).assert("complete", 2);
    assert_eq!(scene.told().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_tiles_are_gone_is_read_once_they_are_back_and_pending_rows_explain_entries() {
    let scene = Scene::v2().await;
    scene.seen("v1").await;
    let auditor = scene.auditor().await;
    scene.run(&auditor).assert("complete", 1);
    scene.pending("v2", "second").await;
    scene.seen_elsewhere("v2", "second").await;
    scene.log.fails(Call::Tile, Fault::Answer(404, vec![], ""));
    assert_eq!(scene.run(&auditor).answer["outcome"], "unfinished");
    scene.log.heals();
    scene.run(&auditor).assert("complete", 2);
    let compared = lines(&auditor, "compared", 2).remove(1);
    assert_eq!(json!([compared["size"], compared["pending"], compared["holds"]]), json!([2, 1, true]));
    assert_eq!(scene.told().await, []);
}
