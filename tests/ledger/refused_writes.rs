//! A table that refuses a write, for another reason than the write's condition.

use std::time::Duration;

use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::ledger::{Lease, LedgerError};

use crate::between::Calls;
use crate::scene::{Scene, pull};

/// Otherwise somebody else would be taken for the writer, and waited for.
#[tokio::test]
async fn a_write_that_a_policy_forbids_is_told_from_a_condition_that_failed() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    let calls = Calls::to(scene.table.endpoint).await;
    let mut version = scene.version("a", &[]);
    version.ledger = calls.ledger(&scene.table);
    let instance = version.start();
    // The instance's own row is there.
    scene.tags.push("v0", "a");
    assert_eq!(pull(&instance, "v0").await.status, 200);

    calls.refuse(Some("PutItem"));
    let refused = pull(&instance, "v1").await;
    assert_eq!((refused.status, scene.table.row(&tag("v1")).await), (503, None), "{}", refused.message);
    calls.refuse(None);
    assert!(pull(&instance, "v1").await.first_seen, "nothing had been recorded");

    calls.refuse(Some("UpdateItem"));
    let ledger = calls.ledger(&scene.table);
    let deadline = Deadline::after(Duration::from_secs(60));
    let taken = ledger.take_over(&tag("v1"), Lease(1), Lease::starting_now(Duration::ZERO), deadline).await;
    assert!(matches!(taken, Err(LedgerError::Unavailable(_))), "{taken:?}");
}
