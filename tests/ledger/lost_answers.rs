//! The table has done what it was asked, and the answer is lost. The SDK asks again, and the condition fails.

use crate::between::Calls;
use testing::tags::tag;

use crate::scene::{Scene, pull};

/// Otherwise it would wait for the end of its own lease, which is longer than a request may take.
#[tokio::test]
async fn a_writer_recognises_the_row_whose_insertion_was_not_confirmed_as_its_own() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "a");
    let name = tag("v1").to_string();
    let calls = Calls::to(scene.table.endpoint).await;
    let mut version = scene.version("a", &[]);
    version.ledger = calls.ledger(&scene.table);
    let instance = version.start();
    calls.lose_answer("PutItem", &name);
    let answer = pull(&instance, "v1").await;
    instance.finish().await;
    assert_eq!((answer.status, answer.first_seen, answer.digest), (200, true, Some(digest)), "{}", answer.message);
    // Inserted twice, recognised, completed, marked as indexed: the lease is neither waited for nor taken over.
    let writes: Vec<String> = calls.of(&name).into_iter().filter(|operation| operation != "GetItem").collect();
    assert_eq!(writes, ["PutItem", "PutItem", "UpdateItem", "UpdateItem"]);
    let row = scene.table.row(&tag("v1")).await.unwrap();
    assert_eq!(row["state"].as_s().unwrap(), "recorded");
}
