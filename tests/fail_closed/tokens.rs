//! Anonymous tokens.

use http::{Method, Request};
use testing::clock::Clock;
use testing::faulty::registry::Fault;

use super::world::{World, blob, manifest};

#[tokio::test]
async fn a_token_is_fetched_once_and_then_sent_first() {
    let world = World::start().await;
    world.registry.wants_token();
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    assert_eq!(world.registry.asked(), ["GET manifests/v1", "GET token", "GET manifests/v1"]);
    world.pull("v1").await.assert_unchanged(&digest);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"]);
    let other = format!("/v2/{}/demo/other/manifests/v1", super::world::REGISTRY);
    world.get(&other).await.assert_serves(&digest);
    assert_eq!(world.registry.asked(), ["GET token", "GET manifests/v1"], "another scope, and the challenge is known");
}

#[tokio::test]
async fn the_clients_own_credentials_stay_here() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    let request = Request::get(manifest("v1")).header("authorization", "Basic c2VjcmV0").header("cookie", "secret");
    let response = world.service.handle(&request.body(()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(world.registry.authorizations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_server_that_fails_is_told_apart() {
    let cases = [
        (Fault::Status(401, vec![], ""), 403, "DENIED", "registry.test wants credentials"),
        (Fault::Status(403, vec![], ""), 403, "DENIED", "registry.test wants credentials"),
        (Fault::Status(429, vec![("retry-after", "7".to_owned())], ""), 429, "TOOMANYREQUESTS", "no more requests"),
        (Fault::Status(500, vec![], ""), 502, "UNAVAILABLE", "registry.test answered 500"),
        (Fault::Status(200, vec![], "garbage"), 502, "MANIFEST_INVALID", "registry.test answered no usable token"),
        (Fault::Status(200, vec![], r#"{"token":""}"#), 502, "MANIFEST_INVALID", "answered no usable token"),
        (Fault::Status(200, vec![], r#"{"token":"a\r\nx: y"}"#), 502, "MANIFEST_INVALID", "answered no usable token"),
        (
            Fault::Status(200, vec![], format!(r#"{{"token":"{}"}}"#, "t".repeat((16 << 10) + 1)).leak()),
            502,
            "MANIFEST_INVALID",
            "registry.test answered a token of more than 16384 bytes",
        ),
        (Fault::Status(302, vec![("location", "/token".to_owned())], ""), 502, "MANIFEST_INVALID", "more than 5 times"),
        (Fault::Endless, 502, "MANIFEST_INVALID", "sent more than"),
        (Fault::Dropped, 502, "UNAVAILABLE", "registry.test cannot be reached"),
        // A token that the registry does not take.
        (Fault::Status(200, vec![], r#"{"token":"other"}"#), 403, "DENIED", "registry.test wants credentials"),
    ];
    for (fault, status, code, message) in cases {
        let world = World::start().await;
        world.registry.wants_token();
        world.registry.push("v1", "{}");
        world.registry.fails("/token", fault);
        let answer = world.pull("v1").await;
        answer.assert_refused(status, code, &[message]);
        assert!(world.registry.asked().len() <= 8, "{message}");
        assert_eq!(world.log.size().await, 0);
        world.registry.heals();
        world.pull("v1").await;
        assert_eq!(world.pull("v1").await.status, 200, "{message}: nothing of the failure stays");
    }
}

#[tokio::test]
async fn a_challenge_of_more_than_4_kib_is_refused_and_one_beside_it_is_met() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let own = format!("Bearer realm=\"http://{}/token\"", world.registry.address);
    let too_long = format!("Bearer realm=\"http://{}/token?{}\"", world.registry.address, "x".repeat(4 << 10));
    let headers = |values: &[&String]| values.iter().map(|value| ("www-authenticate", (*value).clone())).collect();
    world.registry.fails("manifests", Fault::Status(401, headers(&[&too_long]), ""));
    let message = "registry.test sent a challenge of more than 4096 bytes";
    world.pull("v1").await.assert_refused(502, "MANIFEST_INVALID", &[message]);
    assert_eq!(world.registry.asked(), ["GET manifests/v1"]);
    world.registry.heals();

    world.registry.wants_token();
    world.registry.fails_once("manifests", Fault::Status(401, headers(&[&too_long, &own]), ""));
    world.pull("v1").await.assert_first_seen(&digest);
}

#[tokio::test]
async fn a_token_server_that_is_slow_is_given_up_in_time() {
    let world = World::impatient().await;
    world.registry.wants_token();
    world.registry.push("v1", "{}");
    world.registry.fails("/token", Fault::TarPit);
    let (answer, _) = Clock::stop().pass_after(world.registry.next("/token"), world.pull("v1")).await;
    answer.assert_refused(504, "UNAVAILABLE", &["registry.test did not answer in time"]);
}

#[tokio::test]
async fn a_token_that_the_registry_no_longer_takes_is_fetched_anew() {
    let world = World::start().await;
    world.registry.wants_token();
    world.registry.fails_once("/token", Fault::Status(200, vec![], r#"{"token":"revoked","expires_in":300}"#));
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_refused(403, "DENIED", &[]);
    world.pull("v1").await.assert_first_seen(&digest);
}

#[tokio::test]
async fn a_registry_may_move_its_token_server() {
    let world = World::start().await;
    let old = format!("Bearer realm=\"http://{}/old\"", world.registry.address);
    world.registry.fails("manifests", Fault::Status(401, vec![("www-authenticate", old)], ""));
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_refused(404, "NAME_UNKNOWN", &[]);
    world.registry.heals();
    world.registry.wants_token();
    world.pull("v1").await.assert_first_seen(&digest);
}

#[tokio::test]
async fn a_blob_that_is_behind_a_token_cannot_be_redirected_to() {
    let world = World::start().await;
    world.registry.wants_token();
    let digest = world.registry.push_blob("a layer");
    let answer = world.get(&blob(&digest)).await;
    answer.assert_refused(501, "UNSUPPORTED", &["registry.test", "never carries blobs"]);
    let location = "http://storage.test/layer?signature=x%2Fy";
    world.registry.fails("blobs", Fault::Status(307, vec![("location", location.to_owned())], ""));
    let answer = world.get(&blob(&digest)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some(location)));
}

#[tokio::test]
async fn a_blob_is_where_the_registry_says_for_the_method_that_was_used() {
    let world = World::start().await;
    let digest = world.registry.push_blob("a layer");
    let own = format!("http://{}/v2/demo/app/blobs/{digest}", world.registry.address);
    for (method, name) in [(Method::GET, "GET"), (Method::HEAD, "HEAD")] {
        let answer = super::world::ask(&world.service, method, &blob(&digest)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some(own.as_str())));
        assert_eq!(world.registry.asked(), [format!("{name} blobs/{digest}")]);
    }
    for status in [301, 302, 303, 307, 308] {
        let location = "https://cdn.example/layer";
        world.registry.fails("blobs", Fault::Status(status, vec![("location", location.to_owned())], ""));
        let answer = world.get(&blob(&digest)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some(location)));
        world.registry.heals();
    }
    let lies = [vec![], vec![("location", "ftp://cdn.example/".to_owned())], vec![("location", "//[".to_owned())]];
    for headers in lies {
        world.registry.fails("blobs", Fault::Status(302, headers, ""));
        world.get(&blob(&digest)).await.assert_refused(502, "MANIFEST_INVALID", &["registry.test redirects a blob to"]);
        world.registry.heals();
    }
    let missing = format!("sha256:{}", "0".repeat(64));
    world.get(&blob(&missing)).await.assert_refused(404, "BLOB_UNKNOWN", &["registry.test has no such blob"]);
    // The body is never read.
    world.registry.fails("blobs", Fault::Endless);
    assert_eq!(world.get(&blob(&digest)).await.status, 307);
}
