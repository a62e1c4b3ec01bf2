//! The server of a Rekor v2 as it ends, starts again and is frozen.

use std::sync::Arc;

use testing::faulty::log::{Call, Log};
use testing::rekor_tiles::{self, RekorTiles};
use tlogistry::config::LogConfig;
use tlogistry::tlog::LogKeys;

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull};

/// A scene, and the server of its log.
async fn scene() -> (Scene, Arc<RekorTiles>) {
    let server = Arc::new(rekor_tiles::start().await);
    (Scene::with(Log::rekor(server.clone()).await).await, server)
}

#[tokio::test]
async fn while_the_server_is_down_no_tag_is_seen_for_the_first_time_and_known_tags_are_served() {
    let (scene, server) = scene().await;
    let known = scene.tags.push("known", "known");
    assert_first_seen(&scene.pull("known").await, &known);
    server.stop();
    let digest = scene.tags.push("v1", "one");
    assert_refused(&scene.pull("v1").await, 503, "the log answered 502");
    assert_unchanged(&scene.pull("known").await, &known);
    // The digest that was signed is the tag's, whatever the tag is by then.
    scene.tags.push("v1", "two");
    server.start_again(&[]);
    let refused = scene.pull("v1").await;
    assert_refused(&refused, 403, digest.as_str());
    scene.tags.push("v1", "one");
    assert_unchanged(&scene.pull("v1").await, &digest);
    assert_eq!(scene.log.size().await, 2);
}

#[tokio::test]
async fn a_server_that_started_again_knows_the_entry_whose_answer_was_lost() {
    let (scene, server) = scene().await;
    let digest = scene.tags.push("v1", "one");
    scene.claim().await;
    let statement = scene.crash_before_upload("v1", &digest).await;
    assert_eq!(scene.log.add(&statement.signed_payload()).await, 201);
    // The copy in its memory is gone, and the file may be a moment behind.
    server.start_again(&[]);
    let instance = scene.instance();
    scene.log.asked();
    assert_first_seen(&pull(&instance, "v1").await, &digest);
    assert_eq!(scene.log.asked()[0], Call::Upload);
    assert!(matches!(scene.log.size().await, 2 | 3), "the server's search for duplicates promises nothing");
    assert_unchanged(&scene.pull("v1").await, &digest);
}

#[tokio::test]
async fn a_frozen_server_records_nothing_more_and_what_it_holds_counts() {
    let (scene, server) = scene().await;
    let known = scene.tags.push("known", "known");
    assert_first_seen(&scene.pull("known").await, &known);
    server.start_again(&["--read-only"]);
    let digest = scene.tags.push("v1", "one");
    assert_refused(&scene.pull("v1").await, 503, "takes no new entries any more");
    assert_unchanged(&scene.pull("known").await, &known);
    scene.tags.push("known", "moved");
    assert_refused(&scene.pull("known").await, 403, known.as_str());
    // The next shard finishes the row that the frozen one left pending, and the record of the first does not end.
    let next = Log::rekor(Arc::new(rekor_tiles::start().await)).await;
    let (old, new) = (scene.log.config(), next.config());
    let keys = LogKeys::new(new.keys.iter().chain(old.keys.iter()).cloned().collect()).unwrap();
    let instance = scene.instance_with(LogConfig { keys, ..new });
    assert_first_seen(&pull(&instance, "v1").await, &digest);
    assert_refused(&pull(&instance, "known").await, 403, known.as_str());
    assert_eq!((scene.log.size().await, next.size().await), (1, 1));
}
