//! `If-None-Match`: 304 for what the client has, after the verdict and never in its place.

use http::{Method, Request};
use testing::faulty::registry::Fault;

use super::world::{Answer, World, blob, manifest};

async fn ask(world: &World, method: Method, path: &str, tags: &[&str]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for tag in tags {
        request = request.header("if-none-match", *tag);
    }
    let (parts, body) = world.service.handle(&request.body(()).unwrap()).await.into_parts();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[track_caller]
fn assert_not_modified(answer: &Answer, etag: &str) {
    assert_eq!(answer.status, 304, "{answer:?}");
    assert_eq!((answer.header("etag"), answer.header("content-type")), (Some(etag), None));
}

#[tokio::test]
async fn an_unchanged_tag_and_a_digest_are_not_sent_again() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let first = world.pull("v1").await;
    let etag = first.assert_first_seen(&digest).header("etag").unwrap().to_owned();
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        for path in [manifest("v1"), manifest(&digest)] {
            for method in [Method::GET, Method::HEAD] {
                let weak = format!("W/{etag}");
                let list = format!("\"a\", {etag}");
                for tags in [
                    &[etag.as_str()][..],
                    &[weak.as_str()],
                    &[list.as_str()],
                    &[digest.as_str()],
                    &["*"],
                    &["\"a\"", &etag],
                ] {
                    world.registry.asked();
                    let answer = ask(&world, method.clone(), &path, tags).await;
                    assert_not_modified(&answer, &etag);
                    // The length that 200 would have, or none.
                    assert_eq!(answer.body.length(), if method == Method::HEAD { 2 } else { 0 });
                    let is_tag = path == manifest("v1");
                    assert_eq!(answer.header("tlog-logindex").is_some(), is_tag);
                    // The registry is asked what the tag is now, each time.
                    assert!(!is_tag || world.registry.asked().len() == 1);
                }
                let answer = ask(&world, method.clone(), &path, &["\"sha256:0\"", ""]).await;
                answer.assert_serves(&digest);
            }
        }
        assert_eq!(ask(&world, Method::GET, &manifest("v1"), &[&etag]).await.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_moved_tag_is_refused_whatever_the_client_has() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&first);
    let second = world.registry.push("v1", r#"{"a":1}"#);
    for tag in [format!("\"{first}\""), format!("\"{second}\""), "*".to_owned()] {
        ask(&world, Method::GET, &manifest("v1"), &[&tag]).await.assert_moved(&first, &second);
        assert_eq!(ask(&world, Method::HEAD, &manifest("v1"), &[&tag]).await.status, 403);
    }
}

/// The client's copy may be right, and it still has to be told that the tag has moved.
#[tokio::test]
async fn what_was_recorded_of_a_moved_tag_is_answered_whole_by_the_pinned_name() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&first);
    let pinned = manifest("v1").replace("/v2/", "/v2/pinned.alt/");
    let etag = format!("\"{first}\"");
    assert_not_modified(&ask(&world, Method::GET, &pinned, &[&etag]).await, &etag);
    let second = world.registry.push("v1", r#"{"a":1}"#);
    for moved in [second.as_str(), "unknown"] {
        for method in [Method::GET, Method::HEAD] {
            for tag in [etag.clone(), format!("\"{second}\""), "*".to_owned()] {
                let answer = ask(&world, method.clone(), &pinned, &[&tag]).await;
                answer.assert_unchanged(&first);
                assert_eq!(answer.header("tlog-moved"), Some(moved), "{tag}");
                assert!(answer.header("warning").is_some());
            }
        }
        world.registry.fails("manifests/v1", Fault::Status(404, vec![], ""));
    }
}

#[tokio::test]
async fn a_first_sight_is_recorded_and_answered_whole() {
    let world = World::start().await;
    for (name, method) in [("v1", Method::GET), ("v2", Method::HEAD)] {
        let digest = world.registry.push(name, format!("{{\"{name}\":1}}"));
        let answer = ask(&world, method, &manifest(name), &[&format!("\"{digest}\""), "*"]).await;
        answer.assert_first_seen(&digest);
        assert_eq!(world.recorded(name).await, [digest]);
    }
}

#[tokio::test]
async fn without_a_verdict_there_is_no_304() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.restart();
    world.log.is_down(testing::faulty::log::Fault::Dropped);
    ask(&world, Method::GET, &manifest("v1"), &["*"]).await.assert_no_verdict(&[]);
    // A digest needs none.
    assert_not_modified(&ask(&world, Method::GET, &manifest(&digest), &["*"]).await, &format!("\"{digest}\""));
}

#[tokio::test]
async fn errors_redirects_and_unrecorded_tags_are_answered_whole() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let exempt = format!("sha256-{}", "a".repeat(64));
    world.registry.push(&exempt, "{}");
    assert_eq!(ask(&world, Method::GET, &manifest(&exempt), &["*"]).await.status, 200);
    assert_eq!(ask(&world, Method::GET, &manifest("v9"), &["*"]).await.status, 404);
    world.registry.fails("blobs", Fault::Status(307, vec![("location", "https://cdn.example/x".to_owned())], ""));
    assert_eq!(ask(&world, Method::GET, &blob(&digest), &["*"]).await.status, 307);
}
