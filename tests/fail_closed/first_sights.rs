//! First sights cost a signature and an entry in a public log that stays, so there is a limit on them, and on nothing else.

use std::net::IpAddr;

use http::{Method, Request};
use tlogistry::rate_limit::Source;

use crate::world::{Answer, World, manifest};

const MESSAGE: &str = "was never seen before, and too many such tags were asked for in the last minute";

#[track_caller]
fn assert_too_many(answer: &Answer) {
    answer.assert_refused(429, "TOOMANYREQUESTS", &[MESSAGE]);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

async fn pull_from(world: &World, source: &str, name: &str) -> Answer {
    let mut request = Request::builder().method(Method::GET).uri(manifest(name)).body(()).unwrap();
    request.extensions_mut().insert(Source::from(source.parse::<IpAddr>().unwrap()));
    let (parts, body) = world.service.handle(&request).await.into_parts();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
async fn too_many_first_sights_are_refused_and_nothing_else_is() {
    let world = World::with(&[("FIRST_SIGHTS_PER_MINUTE", "2")]).await;
    let (v1, v2) = (world.registry.push("v1", r#"{"v":1}"#), world.registry.push("v2", r#"{"v":2}"#));
    let v3 = world.registry.push("v3", r#"{"v":3}"#);
    world.pull("v1").await.assert_first_seen(&v1);
    world.pull("v2").await.assert_first_seen(&v2);
    for _ in 0..2 {
        assert_too_many(&world.pull("v3").await);
        world.pull("v1").await.assert_unchanged(&v1);
        world.pull(&v3).await.assert_serves(&v3);
    }
    assert_eq!(world.log.size().await, 2, "nothing was recorded of the third");
    let moved = world.registry.push("v2", r#"{"v":"2 moved"}"#);
    world.pull("v2").await.assert_moved(&v2, &moved);
}

#[tokio::test]
async fn a_source_has_its_own_limit() {
    let world = World::with(&[("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", "1")]).await;
    for name in ["v1", "v2", "v3"] {
        world.registry.push(name, format!(r#"{{"name":"{name}"}}"#));
    }
    assert_eq!(pull_from(&world, "192.0.2.1", "v1").await.status, 200);
    assert_too_many(&pull_from(&world, "192.0.2.1", "v2").await);
    assert_eq!(pull_from(&world, "192.0.2.1", "v1").await.status, 200, "a known tag is not counted");
    assert_eq!(pull_from(&world, "192.0.2.2", "v2").await.status, 200, "nor is anyone else");
    assert_too_many(&pull_from(&world, "::ffff:192.0.2.2", "v3").await);
}
