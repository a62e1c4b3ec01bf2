//! A registry that says nothing: it does not hold an instance for as long as a request may take, and is not asked again
//! and again.

use http::Method;
use testing::clock::Clock;
use testing::faulty::registry::{Fault, Registry};

use super::world::{IN_TIME, REGISTRY, World, ask, blob, manifest};

/// The whole request has its 25 s.
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
    let led = Fault::Status(302, vec![("location", format!("http://{}/elsewhere", elsewhere.address))], "");
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
    for (method, path, faults) in cases {
        for (at, fault) in faults {
            is_late(&elsewhere, method.clone(), &path, at, fault).await;
        }
    }
}

async fn is_late(elsewhere: &Registry, method: Method, path: &str, at: &'static str, fault: Fault) {
    let opened = |registry: &str| format!("registry.test={registry},elsewhere.test={}", elsewhere.address);
    let world = World::before(Registry::start().await, &[PATIENCE], opened).await;
    let leads_on = matches!(fault, Fault::Status(..));
    if at == "/token" {
        world.registry.wants_token();
    }
    world.registry.push("v1", r#"{"a":1}"#);
    world.registry.fails(at, fault);
    let (here, there) = (world.registry.next(at), elsewhere.next("elsewhere"));
    let reached = async { if leads_on { there.await } else { here.await } };
    let asking = ask(&world.service, method.clone(), path);
    let (answer, took) = Clock::stop().pass_after(reached, asking).await;
    answer.assert_refused(504, "UNAVAILABLE", &[LATE]);
    assert_eq!(answer.header("retry-after"), None);
    assert!(took < IN_TIME, "{method} {path}, {at}: {took:?}");
}

/// Asserts that a request which `host` never answers is refused for that.
async fn assert_late(clock: &mut Clock, world: &World, host: &Registry, path: &str) {
    let (answer, _) = clock.pass_after(host.next("/"), world.get(path)).await;
    answer.assert_refused(504, "UNAVAILABLE", &[LATE]);
}

#[tokio::test]
async fn a_host_that_was_silent_three_times_in_a_row_is_not_asked() {
    for fault in [Fault::Silent, Fault::Stalled] {
        let world = World::with(&[PATIENCE]).await;
        let digest = world.registry.push("v1", r#"{"a":1}"#);
        world.registry.fails("manifests", fault);
        let mut clock = Clock::stop();
        for _ in 0..3 {
            assert_late(&mut clock, &world, &world.registry, &manifest("v1")).await;
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
    }
}

#[tokio::test]
async fn a_host_that_answers_between_its_silences_goes_on_being_asked() {
    let world = World::with(&[PATIENCE]).await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let mut clock = Clock::stop();
    for _ in 0..3 {
        for _ in 0..2 {
            world.registry.fails_once("manifests", Fault::Silent);
            assert_late(&mut clock, &world, &world.registry, &manifest(&digest)).await;
        }
        // Any answer will do.
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
    let mut clock = Clock::stop();
    for _ in 0..2 {
        assert_late(&mut clock, &world, &tokens, &manifest("v1")).await;
    }
    assert_eq!(tokens.asked().len(), 3);
    world.registry.asked();
    world.pull("v1").await.assert_refused(504, "UNAVAILABLE", &[NOT_ASKED]);
    assert_eq!((tokens.asked().len(), world.registry.asked()), (0, vec!["GET manifests/v1".to_owned()]));
    world.registry.heals();
    world.pull("v1").await.assert_first_seen(&digest);
}
