//! Known tags need no log: the ledger's rows hold their own evidence.

use std::time::Duration;

use tlogistry::config::LogConfig;

use crate::scene::{Scene, pull};

#[tokio::test]
async fn with_the_log_gone_known_tags_are_served_or_refused_and_only_first_sights_fail() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("known", "a");
    scene.tags.push("moved", "a");
    scene.tags.push("new", "a");
    assert!(scene.pull("known").await.first_seen && scene.pull("moved").await.first_seen);
    scene.tags.push("moved", "b");

    // Nobody listens on this port any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = LogConfig::v1(format!("http://{closed}").parse().unwrap(), scene.log_config.keys.clone());
    for _ in 0..2 {
        let fresh = scene.instance_with(&gone, Duration::from_secs(5));
        for _ in 0..2 {
            let known = pull(&fresh, "known").await;
            assert_eq!((known.status, known.digest), (200, Some(digest.clone())));
            let moved = pull(&fresh, "moved").await;
            assert!(moved.status == 403 && moved.message.contains("has moved"), "{moved:?}");
            let new = pull(&fresh, "new").await;
            assert!(new.status == 503 && new.message.contains("the log could not be reached"), "{new:?}");
        }
    }
    assert!(scene.pull("new").await.first_seen, "once the log is back");
}
