//! Text by a registry, the log or a client does not reach a message or a header as it is.

use http::{Method, Request, Uri};
use testing::faulty::log;
use testing::faulty::registry::Fault;

use super::world::{Answer, REGISTRY, World, manifest};

/// One of each kind: the C0 that headers may hold, C1, a bidirectional override, an isolate, a zero-width space, a line
/// separator.
const CONTROLS: [char; 6] = ['\t', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}'];
const LONG: usize = 20_000;

fn hostile() -> String {
    let controls: String = CONTROLS.iter().flat_map(|c| ['a', *c]).collect();
    format!("{controls}b{}", "x".repeat(LONG))
}

#[track_caller]
fn assert_harmless(answer: &Answer) {
    let error = answer.error();
    let message = error["message"].as_str().unwrap();
    assert!(!message.chars().any(|c| c.is_control() || CONTROLS.contains(&c)), "{message:?}");
    assert!(message.len() <= 2048, "{} bytes", message.len());
    assert!(!message.contains(&"x".repeat(600)), "{message}");
    for (name, value) in &answer.headers {
        assert!(value.to_str().is_ok() && value.len() < 300, "{name}: {value:?}");
    }
}

#[tokio::test]
async fn a_registrys_headers_do_not_reach_a_message_as_they_are() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    for (name, start) in [("content-type", ""), ("content-encoding", "gzip "), ("docker-content-digest", "")] {
        world.registry.fails("manifests", Fault::Header(name, Some(format!("{start}{}", hostile()))));
        for reference in ["v1", digest.as_str()] {
            let answer = world.pull(reference).await;
            answer.assert_refused(502, "MANIFEST_INVALID", &["registry.test "]);
            assert_harmless(&answer);
        }
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_registrys_url_does_not_reach_a_message_as_it_is() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    for location in [format!("http://{}.example/", hostile()), format!("{}://a/", "x".repeat(LONG))] {
        world.registry.fails("manifests", Fault::Status(302, vec![("location", location)], ""));
        let answer = world.pull("v1").await;
        assert!([403, 502].contains(&answer.status.as_u16()), "{answer:?}");
        assert_harmless(&answer);
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_registrys_overlong_headers_are_not_passed_on() {
    let world = World::start().await;
    let zeros = "0".repeat(64);
    let referrers = format!("/v2/{REGISTRY}/demo/app/referrers/sha256:{zeros}");
    let list = |name, value: String| {
        let media_type = "application/vnd.oci.image.index.v1+json".to_owned();
        Fault::Status(200, vec![("content-type", media_type), (name, value)], "{}")
    };
    world.registry.fails("referrers", list("oci-filters-applied", "x".repeat(LONG)));
    let answer = world.get(&referrers).await;
    assert_eq!((answer.status.as_u16(), answer.header("oci-filters-applied")), (200, None));
    world.registry.heals();

    // A list that ended early would hide what comes after.
    let link = format!("</v2/demo/app/referrers/sha256:{zeros}?last={}>; rel=\"next\"", "x".repeat(LONG));
    world.registry.fails("referrers", list("link", link));
    let answer = world.get(&referrers).await;
    answer.assert_refused(502, "MANIFEST_INVALID", &["registry.test sent a link of more than 2048 bytes"]);
    world.registry.heals();

    let location = format!("https://cdn.example/{}", "x".repeat(LONG));
    world.registry.fails("blobs", Fault::Status(307, vec![("location", location)], ""));
    let answer = world.get(&super::world::blob(format!("sha256:{zeros}"))).await;
    answer.assert_refused(502, "MANIFEST_INVALID", &["a URL that cannot be passed on"]);
    assert_harmless(&answer);
}

#[tokio::test]
async fn the_logs_errors_do_not_reach_a_message_as_they_are() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    // The log's errors are read up to 4 KiB.
    let text = hostile()[..2000].to_owned();
    let body = serde_json::json!({"code": 500, "message": text}).to_string();
    world.log.is_down(log::Fault::Answer(500, vec![], body.leak()));
    let answer = world.pull("v1").await;
    answer.assert_no_verdict(&["the log answered 500 Internal Server Error: a\u{fffd}a\u{fffd}"]);
    assert_harmless(&answer);
}

#[tokio::test]
async fn a_clients_path_does_not_reach_a_message_as_it_is() {
    let world = World::start().await;
    let encoded: String = hostile().bytes().map(|b| format!("%{b:02x}")).collect();
    let hostile = hostile().replace('\t', "");
    let paths = [
        format!("/v2/registry.test/demo/{hostile}/manifests/v1"),
        format!("/v2/{hostile}.test/demo/app/manifests/v1"),
        manifest(&hostile),
        manifest(format!("sha256:{hostile}")),
        format!("/v2/registry.test/demo/app/blobs/{hostile}"),
        format!("/sightings/registry.test/demo/app:{hostile}"),
        format!("/sightings/{hostile}"),
        format!("/v2/demo/app/manifests/v1?ns={encoded}"),
    ];
    for path in paths {
        let uri: Uri = path.parse().unwrap();
        for method in [Method::GET, Method::HEAD] {
            let request = Request::builder().method(method).uri(uri.clone()).body(()).unwrap();
            let (parts, body) = world.service.handle(&request).await.into_parts();
            let answer = Answer { status: parts.status, headers: parts.headers, body };
            assert_eq!(answer.status, 400, "{answer:?}");
            assert_harmless(&answer);
        }
    }
    assert!(world.registry.asked().is_empty());
}
