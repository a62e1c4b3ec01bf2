//! Requests that come at once: what is named by a digest is asked for once, and a tag for nobody who came after that.

use std::sync::Arc;

use http::{Method, StatusCode};
use testing::faulty::registry::{Fault, Registry};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::world::{Answer, World, ask, blob, manifest};

/// Requests that come at once.
const MANY: usize = 50;

impl World {
    /// Asks, and goes on while the answer is waited for.
    fn asking(&self, method: Method, path: String) -> JoinHandle<Answer> {
        let service = self.service.clone();
        tokio::spawn(async move { ask(&service, method, &path).await })
    }
}

/// A registry whose answers to what holds `part` wait for a permit.
fn gate(registry: &Registry, method: Method, part: &'static str) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    registry.method_fails(method, part, Fault::Gate(gate.clone()));
    gate
}

/// Lets everything go on that can.
async fn settle() {
    for _ in 0..MANY * 4 {
        tokio::task::yield_now().await;
    }
}

/// A tag that moved while it was asked for: those who came before that may be served, and nobody else.
#[tokio::test]
async fn who_asks_after_a_tag_moved_gets_no_answer_from_before() {
    let world = World::start().await;
    let first = world.registry.push("v1", r#"{"a":1}"#);
    assert_eq!(world.pull("v1").await.status, StatusCode::OK);
    world.forget();
    let gate = gate(&world.registry, Method::HEAD, "manifests/v1");
    let before: Vec<_> = (0..4).map(|_| world.asking(Method::GET, manifest("v1"))).collect();
    world.registry.asks("manifests/v1", 5).await;
    world.registry.push("v1", r#"{"a":2}"#);
    // Four HEADs are under way, and the registry has decided on them.
    let after: Vec<_> = (0..MANY).map(|_| world.asking(Method::GET, manifest("v1"))).collect();
    settle().await;
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"; 4]);
    gate.add_permits(MANY);
    for one in before {
        let answer = one.await.unwrap();
        assert_eq!((answer.status, answer.header("docker-content-digest")), (StatusCode::OK, Some(first.as_str())));
    }
    for one in after {
        one.await.unwrap().assert_refused(403, "DENIED", &["has moved and is refused"]);
    }
    let asked = world.registry.asked();
    let count = |what: &str| asked.iter().filter(|asked| *asked == what).count();
    assert_eq!(count("HEAD manifests/v1"), 1, "one for all who waited: {asked:?}");
    assert!(count("GET manifests/v1") <= 5, "{asked:?}");
}

#[tokio::test]
async fn a_tag_never_seen_is_fetched_a_few_times_however_many_ask_at_once() {
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let gate = gate(&world.registry, Method::GET, "manifests/v1");
    let mut asking: Vec<_> = (0..4).map(|_| world.asking(Method::GET, manifest("v1"))).collect();
    world.registry.asks("manifests/v1", 4).await;
    asking.extend((0..MANY).map(|_| world.asking(Method::GET, manifest("v1"))));
    settle().await;
    gate.add_permits(MANY);
    for one in asking {
        let answer = one.await.unwrap();
        assert_eq!((answer.status, answer.header("docker-content-digest")), (StatusCode::OK, Some(digest.as_str())));
    }
    assert_eq!(world.registry.asked(), ["GET manifests/v1"; 5]);
    assert_eq!(world.recorded("v1").await, [digest]);
}

#[tokio::test]
async fn a_digest_is_asked_for_once_however_many_ask_at_once_and_by_whatever_method() {
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let gate = gate(&world.registry, Method::GET, "manifests");
    let mut asking = vec![world.asking(Method::GET, manifest(&digest))];
    world.registry.asks(digest.as_str(), 1).await;
    asking.extend((0..MANY).map(|_| world.asking(Method::GET, manifest(&digest))));
    asking.extend((0..MANY).map(|_| world.asking(Method::HEAD, manifest(&digest))));
    settle().await;
    gate.add_permits(1);
    for one in asking {
        assert_eq!(one.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(world.registry.asked(), [format!("GET manifests/{digest}")]);
}

#[tokio::test]
async fn a_head_of_a_digest_and_a_blobs_place_are_asked_for_once_however_many_ask_at_once() {
    for (method, is_blob) in [(Method::HEAD, false), (Method::HEAD, true), (Method::GET, true)] {
        let world = World::start().await;
        let (digest, layer) = (world.registry.push("v1", r#"{"a":1}"#), world.registry.push_blob("layer"));
        // No manifest was pulled before a blob, so it is not known that no token is needed.
        let (path, status, asked) = match is_blob {
            true => (blob(&layer), StatusCode::TEMPORARY_REDIRECT, format!("{method} blobs/{layer}")),
            false => (manifest(&digest), StatusCode::OK, format!("{method} manifests/{digest}")),
        };
        let gate = gate(&world.registry, method.clone(), "/");
        let asking: Vec<_> = (0..MANY).map(|_| world.asking(method.clone(), path.clone())).collect();
        settle().await;
        gate.add_permits(MANY);
        for one in asking {
            assert_eq!(one.await.unwrap().status, status, "{asked}");
        }
        assert_eq!(world.registry.asked(), [asked]);
    }
}

/// Whoever asked first and went away holds nobody up.
#[tokio::test]
async fn a_client_that_goes_away_takes_nobodys_answer_along() {
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let gate = gate(&world.registry, Method::GET, "manifests");
    let first = world.asking(Method::GET, manifest(&digest));
    world.registry.asks(digest.as_str(), 1).await;
    let others: Vec<_> = (0..3).map(|_| world.asking(Method::GET, manifest(&digest))).collect();
    settle().await;
    first.abort();
    world.registry.asks(digest.as_str(), 2).await;
    gate.add_permits(2);
    for one in others {
        assert_eq!(one.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(world.registry.asked(), vec![format!("GET manifests/{digest}"); 2]);
}

/// A missing manifest is missing for all who wait.
#[tokio::test]
async fn a_refusal_is_shared_as_an_answer_is() {
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let gate = gate(&world.registry, Method::GET, "manifests");
    let path = manifest(format!("sha256:{}", "0".repeat(64)));
    let asking: Vec<_> = (0..MANY).map(|_| world.asking(Method::GET, path.clone())).collect();
    settle().await;
    world.registry.asks(&"0".repeat(64), 1).await;
    gate.add_permits(MANY);
    for one in asking {
        one.await.unwrap().assert_refused(404, "MANIFEST_UNKNOWN", &[]);
    }
    assert_eq!(world.registry.asked().len(), 1);
    assert_eq!(world.pull(&digest).await.status, StatusCode::OK);
}
