//! The ledger's calls of a first sight: those that may be made at the same time are.

use crate::scene::{Scene, pull};
use crate::waves::Waves;

/// After the registry has answered, three calls wait for one another beside the log's.
#[tokio::test]
async fn a_first_sight_waits_three_times_for_the_ledger() {
    let scene = Scene::set().await;
    let waves = Waves::to(scene.table.endpoint).await;
    let instance = scene.instance_through(&waves.endpoint);
    scene.push("v0");
    assert!(pull(&instance, "v0", "192.0.2.1").await.first_seen, "the instance's own row is there");
    instance.finish().await;
    waves.begin();
    for (name, source, counters) in [
        ("v4", "192.0.2.1", ["UpdateItem source", "UpdateItem total"].as_slice()),
        ("v6", "2001:db8::1", &["UpdateItem source", "UpdateItem source", "UpdateItem total"]),
    ] {
        scene.push(name);
        let calls = async {
            waves.next(["GetItem tag"]).await;
            match counters {
                [one, other] => waves.next([one, other]).await,
                [one, other, third] => waves.next([one, other, third]).await,
                _ => unreachable!(),
            }
            waves.next(["GetItem index", "PutItem tag"]).await;
            waves.next(["UpdateItem index", "UpdateItem index", "UpdateItem index", "UpdateItem tag"]).await;
        };
        let (answer, ()) = tokio::join!(pull(&instance, name, source), calls);
        assert!(answer.first_seen, "{answer:?}");
        // The row is marked after the answer.
        tokio::join!(instance.finish(), waves.next(["UpdateItem tag"]));
    }
}

/// The calls of a source that is refused at the same time as the total is drawn from.
#[tokio::test]
async fn a_refused_source_gives_back_what_it_drew() {
    let scene = Scene::set().await;
    let first = scene.instance(20, 1);
    assert_eq!(scene.draw_all(&[first], "192.0.2.1").await, 1);
    let waves = Waves::to(scene.table.endpoint).await;
    let other = scene.instance_limited_through(&waves.endpoint, 20, 1);
    scene.push("v0");
    assert!(pull(&other, "v0", "192.0.2.2").await.first_seen, "the instance's own row is there");
    other.finish().await;
    waves.begin();
    scene.push("more");
    for asked in [true, false] {
        let calls = async {
            waves.next(["GetItem tag"]).await;
            if asked {
                waves.next(["UpdateItem source", "UpdateItem total"]).await;
                waves.next(["UpdateItem total"]).await;
            }
        };
        let (answer, ()) = tokio::join!(pull(&other, "more", "192.0.2.1"), calls);
        assert!(answer.is_refused(), "{answer:?}");
        assert_eq!(scene.total().await, 2, "as before");
    }
}
