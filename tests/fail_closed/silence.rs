//! A registry that says nothing: it does not hold an instance for as long as a request may take, and is not asked again
//! and again.

use std::time::Instant;

use futures_util::future::join_all;
use http::Method;
use testing::faulty::registry::{Fault, Registry};

use super::world::{IN_TIME, REGISTRY, World, ask, blob, manifest};

/// Enough for an answer on a busy machine too. The whole request still has its 25 s.
const PATIENCE: (&str, &str) = ("REGISTRY_TIMEOUT_MS", "1000");
const LATE: &str = "registry.test did not answer in time";
const NOT_ASKED: &str = "registry.test did not answer in time, several times in a row, and is not asked for the next ";

fn referrers() -> String {
    format!("/v2/{REGISTRY}/demo/app/referrers/sha256:{}", "0".repeat(64))
}

#[tokio::test]
async fn each_request_to_a_silent_host_ends_long_before_the_whole_time_is_over() {
    let elsewhere = Registry::start().await;
    elsewhere.fails("/", Fault::Silent);
    let led = Fault::Status(302, vec![("location", format!("http://{}/", elsewhere.address))], "");
    let opened = |registry: &str| format!("registry.test={registry},elsewhere.test={}", elsewhere.address);
    let zeros = "0".repeat(64);
    let cases = [
        (Method::GET, manifest("v1"), [("manifests", Fault::Silent), ("/token", Fault::Silent)]),
        (Method::HEAD, manifest("v1"), [("manifests", Fault::Silent), ("/token", Fault::Silent)]),
        (Method::GET, manifest("v1"), [("manifests", Fault::Stalled), ("/token", Fault::Stalled)]),
        (Method::GET, manifest("v1"), [("manifests", led.clone()), ("/token", led)]),
        (Method::GET, blob(format!("sha256:{zeros}")), [("blobs", Fault::Silent), ("/token", Fault::Silent)]),
        (
            Method::GET,
            format!("/v2/{REGISTRY}/demo/app/tags/list"),
            [("tags", Fault::Silent), ("/token", Fault::Silent)],
        ),
        (Method::GET, referrers(), [("referrers", Fault::Silent), ("/token", Fault::Silent)]),
    ];
    let each = cases.into_iter().flat_map(|(method, path, faults)| {
        faults.map(|(at, fault)| is_late(&opened, method.clone(), path.clone(), at, fault))
    });
    join_all(each).await;
}

async fn is_late(opened: &impl Fn(&str) -> String, method: Method, path: String, at: &'static str, fault: Fault) {
    let world = World::before(Registry::start().await, &[PATIENCE], opened).await;
    if at == "/token" {
        world.registry.wants_token();
    }
    world.registry.push("v1", r#"{"a":1}"#);
    world.registry.fails(at, fault);
    let began = Instant::now();
    let answer = ask(&world.service, method.clone(), &path).await;
    answer.assert_refused(504, "UNAVAILABLE", &[LATE]);
    assert_eq!(answer.header("retry-after"), None);
    assert!(began.elapsed() < IN_TIME, "{method} {path}, {at}: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_host_that_was_silent_three_times_in_a_row_is_not_asked() {
    let worlds = [Fault::Silent, Fault::Stalled].map(async |fault| {
        let world = World::with(&[PATIENCE]).await;
        let digest = world.registry.push("v1", r#"{"a":1}"#);
        world.registry.fails("manifests", fault);
        for _ in 0..3 {
            world.pull("v1").await.assert_refused(504, "UNAVAILABLE", &[LATE]);
        }
        assert_eq!(world.registry.asked().len(), 3);
        world.registry.heals();
        let zeros = format!("sha256:{}", "0".repeat(64));
        for path in [manifest("v1"), manifest(&digest), blob(&zeros), referrers()] {
            let answer = world.get(&path).await;
            answer.assert_refused(504, "UNAVAILABLE", &[NOT_ASKED]);
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=30).contains(&wait), "{wait}");
        }
        assert_eq!(world.registry.asked(), [""; 0]);
        assert_eq!(world.log.size().await, 0);
    });
    join_all(worlds).await;
}

#[tokio::test]
async fn a_host_that_answers_between_its_silences_goes_on_being_asked() {
    let world = World::with(&[PATIENCE]).await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    for _ in 0..3 {
        for _ in 0..2 {
            world.registry.fails_once("manifests", Fault::Silent);
            world.pull(&digest).await.assert_refused(504, "UNAVAILABLE", &[LATE]);
        }
        // Whatever it answers.
        world.registry.fails_once("blobs", Fault::Status(500, vec![], ""));
        world.get(&blob(&digest)).await.assert_refused(502, "UNAVAILABLE", &[]);
    }
    world.pull(&digest).await.assert_serves(&digest);
}

#[tokio::test]
async fn a_silent_token_server_is_not_asked_and_its_registry_is() {
    let tokens = Registry::start().await;
    tokens.fails("/", Fault::Silent);
    let world = World::before(Registry::start().await, &[PATIENCE], |registry| {
        format!("registry.test={registry},tokens.test={}", tokens.address)
    });
    let world = world.await;
    let digest = world.registry.push("v1", "{}");
    let challenge = format!("Bearer realm=\"http://{}/token\"", tokens.address);
    world.registry.fails("manifests", Fault::Status(401, vec![("www-authenticate", challenge)], ""));
    // The second and third begin with the challenge that is known, and ask the registry what is wrong.
    for _ in 0..2 {
        world.pull("v1").await.assert_refused(504, "UNAVAILABLE", &[LATE]);
    }
    assert_eq!(tokens.asked().len(), 3);
    world.registry.asked();
    world.pull("v1").await.assert_refused(504, "UNAVAILABLE", &[NOT_ASKED]);
    assert_eq!((tokens.asked().len(), world.registry.asked()), (0, vec!["GET manifests/v1".to_owned()]));
    world.registry.heals();
    world.pull("v1").await.assert_first_seen(&digest);
}
