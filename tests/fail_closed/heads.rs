//! HEAD saves requests that count, and nothing depends on it.

use std::time::Duration;

use http::Method;
use testing::clock::Clock;
use testing::faulty::registry::Fault;

use super::world::{World, manifest};

fn status(status: u16) -> Fault {
    Fault::Status(status, vec![], "")
}

/// A world that keeps no manifest, with a tag that was pulled.
async fn world() -> (World, tlogistry::image::Digest) {
    let world = World::with(&[("MANIFEST_CACHE_BYTES", "0")]).await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    world.forget();
    (world, digest)
}

#[tokio::test]
async fn any_answer_to_head_but_200_429_and_a_redirect_is_followed_by_get_and_remembered() {
    let basic = Fault::Status(401, vec![("www-authenticate", r#"Basic realm="x""#.to_owned())], "");
    let again = Fault::Status(302, vec![("location", "v1".to_owned())], "");
    let statuses = [204, 400, 401, 403, 404, 405, 406, 410, 418, 451, 500, 501].map(|code| (status(code), 1));
    // These may pass, and are tried twice.
    let retried = [status(502), status(503), status(504), Fault::Dropped].map(|fault| (fault, 2));
    let cases = statuses.into_iter().chain(retried).chain([(basic, 1), (again, 6)]);
    for (fault, heads) in cases {
        let (world, digest) = world().await;
        world.registry.method_fails(Method::HEAD, "manifests", fault);
        let answer = world.head(&manifest("v1")).await;
        answer.assert_unchanged(&digest);
        assert_eq!(answer.body.length(), 2);
        assert_eq!(world.registry.asked(), [vec!["HEAD manifests/v1"; heads], vec!["GET manifests/v1"]].concat());
        world.head(&manifest("v1")).await.assert_unchanged(&digest);
        world.head(&manifest(&digest)).await.assert_serves(&digest);
        let asked = ["GET manifests/v1".to_owned(), format!("GET manifests/{digest}")];
        assert_eq!(world.registry.asked(), asked, "the registry is known to answer GET alone");
    }
}

#[tokio::test]
async fn a_registry_that_answers_get_alone_is_asked_by_head_again_after_ten_minutes() {
    let (world, digest) = world().await;
    world.registry.method_fails(Method::HEAD, "manifests", status(403));
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    world.registry.heals();
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1", "GET manifests/v1", "GET manifests/v1"]);
    let clock = Clock::stop();
    tokio::time::advance(Duration::from_secs(600)).await;
    drop(clock);
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"]);
}

#[tokio::test]
async fn a_manifest_that_is_not_there_says_nothing_of_the_registry() {
    let (world, _) = world().await;
    for _ in 0..2 {
        let answer = world.head(&manifest("v2")).await;
        answer.assert_refused(404, "MANIFEST_UNKNOWN", &["registry.test has no such manifest"]);
        assert_eq!(world.registry.asked(), ["HEAD manifests/v2", "GET manifests/v2"]);
    }
}

#[tokio::test]
async fn a_429_or_silence_is_not_followed_by_get_and_after_silence_the_next_is_a_get() {
    let (world, digest) = world().await;
    world.registry.method_fails(Method::HEAD, "manifests", status(429));
    world.head(&manifest("v1")).await.assert_refused(429, "TOOMANYREQUESTS", &["allows no more requests"]);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"]);
    world.registry.heals();
    world.registry.method_fails(Method::HEAD, "manifests", Fault::Silent);
    let reached = world.registry.next("manifests");
    let path = manifest("v1");
    let (answer, _) = Clock::stop().pass_after(reached, world.head(&path)).await;
    answer.assert_refused(504, "UNAVAILABLE", &["registry.test did not answer in time"]);
    assert_eq!(world.registry.asked(), ["HEAD manifests/v1"]);
    // More often than a host may be silent.
    for _ in 0..4 {
        world.head(&manifest("v1")).await.assert_unchanged(&digest);
        assert_eq!(world.registry.asked(), ["GET manifests/v1"]);
    }
}

/// GET needs no token here.
#[tokio::test]
async fn a_head_whose_token_is_refused_is_followed_by_get() {
    for refusal in [400, 401, 403, 404, 410, 418, 500] {
        let (world, digest) = world().await;
        let challenge = format!("Bearer realm=\"http://{}/token\"", world.registry.address);
        let wants_token = Fault::Status(401, vec![("www-authenticate", challenge)], "");
        world.registry.method_fails(Method::HEAD, "manifests", wants_token);
        world.registry.fails("/token", status(refusal));
        world.head(&manifest("v1")).await.assert_unchanged(&digest);
        let asked = world.registry.asked();
        assert_eq!(asked.first().map(String::as_str), Some("HEAD manifests/v1"), "{refusal}");
        assert_eq!(asked.last().map(String::as_str), Some("GET manifests/v1"), "{refusal}");
        assert_eq!(asked.iter().filter(|asked| asked.contains("manifests")).count(), 2, "{refusal}: {asked:?}");
    }
    let (world, _) = world().await;
    let challenge = format!("Bearer realm=\"http://{}/token\"", world.registry.address);
    let wants_token = Fault::Status(401, vec![("www-authenticate", challenge)], "");
    world.registry.method_fails(Method::HEAD, "manifests", wants_token);
    world.registry.fails("/token", status(429));
    world.head(&manifest("v1")).await.assert_refused(429, "TOOMANYREQUESTS", &["allows no more requests"]);
    assert!(world.registry.asked().iter().all(|asked| asked != "GET manifests/v1"));
}

/// The manifest of another repository of the same registry.
fn of_another(digest: &tlogistry::image::Digest) -> String {
    manifest(digest).replace("/demo/app/", "/demo/other/")
}

/// As registry.centos.org did: <https://github.com/containerd/containerd/pull/6684>.
#[tokio::test]
async fn a_registry_that_never_answered_a_head_is_asked_by_get_for_every_repository() {
    let (world, digest) = world().await;
    world.registry.method_fails(Method::HEAD, "manifests", status(405));
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    world.registry.asked();
    world.head(&of_another(&digest)).await.assert_serves(&digest);
    assert_eq!(world.registry.asked(), [format!("GET manifests/{digest}")]);
}

/// Whoever owns a repository may make its HEAD fail, and registries count a GET.
#[tokio::test]
async fn of_a_registry_that_answered_a_head_nothing_follows_from_one_repository_for_another() {
    let (world, digest) = world().await;
    world.head(&of_another(&digest)).await.assert_serves(&digest);
    world.registry.method_fails(Method::HEAD, "manifests", status(405));
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    world.registry.heals();
    world.registry.asked();
    world.head(&of_another(&digest)).await.assert_serves(&digest);
    world.head(&manifest("v1")).await.assert_unchanged(&digest);
    assert_eq!(world.registry.asked(), [format!("HEAD manifests/{digest}"), "GET manifests/v1".to_owned()]);
}
