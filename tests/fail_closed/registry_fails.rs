//! The registry is down, slow, says no, or leads elsewhere.

use futures_util::future::join_all;
use testing::clock::Clock;
use testing::faulty::registry::{Fault, Registry};

use super::world::{IN_TIME, World, ask, blob, manifest};

fn status(status: u16) -> Fault {
    Fault::Status(status, vec![], "")
}

fn redirect(location: impl Into<String>) -> Fault {
    Fault::Status(302, vec![("location", location.into())], "")
}

#[tokio::test]
async fn each_refusal_of_the_registry_has_its_answer() {
    let name_unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"<script>"}]}"#;
    let basic = || vec![("www-authenticate", r#"Basic realm="x""#.to_owned())];
    let no_realm = || vec![("www-authenticate", r#"Bearer service="x""#.to_owned())];
    let missing_challenge = "not found, or not public: registry.test wants credentials";
    let cases = [
        (Fault::Status(401, basic(), ""), 403, "DENIED", missing_challenge),
        (Fault::Status(401, no_realm(), ""), 403, "DENIED", missing_challenge),
        (status(401), 403, "DENIED", missing_challenge),
        (status(403), 403, "DENIED", missing_challenge),
        (status(404), 404, "MANIFEST_UNKNOWN", "registry.test has no such manifest"),
        (Fault::Status(404, vec![], name_unknown), 404, "NAME_UNKNOWN", "registry.test has no such repository"),
        (Fault::Status(404, vec![], "<html>"), 404, "MANIFEST_UNKNOWN", "registry.test has no such manifest"),
        (status(429), 429, "TOOMANYREQUESTS", "registry.test allows no more requests for now"),
        (status(400), 400, "UNSUPPORTED", "registry.test answered 400 Bad Request"),
        (status(418), 418, "UNSUPPORTED", "registry.test answered 418 I'm a teapot"),
        (status(500), 502, "UNAVAILABLE", "registry.test answered 500 Internal Server Error"),
        (status(503), 502, "UNAVAILABLE", "registry.test answered 503 Service Unavailable"),
        (status(504), 504, "UNAVAILABLE", "registry.test did not answer in time"),
        (status(204), 502, "UNAVAILABLE", "registry.test answered 204 No Content"),
        (status(206), 502, "UNAVAILABLE", "registry.test answered 206 Partial Content"),
        (status(302), 502, "MANIFEST_INVALID", "registry.test redirects to nowhere"),
        (Fault::Dropped, 502, "UNAVAILABLE", "registry.test cannot be reached"),
        (Fault::CutShort, 502, "UNAVAILABLE", "registry.test cannot be reached"),
    ];
    let world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    for (fault, status, code, message) in cases {
        world.registry.fails("manifests", fault);
        world.pull("v1").await.assert_refused(status, code, &[message]);
        world.pull(&digest).await.assert_refused(status, code, &[message]);
        world.registry.heals();
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn a_rate_limit_passes_through_with_its_retry_after() {
    let long = "9".repeat(41);
    let cases =
        [("120", Some("120")), ("Fri, 31 Dec 2027 23:59:59 GMT", Some("Fri, 31 Dec 2027 23:59:59 GMT")), (&long, None)];
    let world = World::start().await;
    for (given, passed) in cases {
        world.registry.fails("/v2/", Fault::Status(429, vec![("retry-after", given.to_owned())], ""));
        for path in [manifest("v1"), blob(format!("sha256:{}", "0".repeat(64)))] {
            let answer = world.get(&path).await;
            answer.assert_refused(429, "TOOMANYREQUESTS", &[]);
            assert_eq!(answer.header("retry-after"), passed);
        }
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_gateway_fault_or_a_lost_connection_is_tried_once_more() {
    let world = World::start().await;
    for (tag, fault) in [("a", status(502)), ("b", status(503)), ("c", status(504)), ("d", Fault::Dropped)] {
        let digest = world.registry.push(tag, format!("{{\"{tag}\":1}}"));
        world.registry.fails_once("manifests", fault.clone());
        world.pull(tag).await.assert_first_seen(&digest);
        let asked = format!("GET manifests/{tag}");
        assert_eq!(world.registry.asked(), [asked.clone(), asked.clone()]);
        world.registry.fails("manifests", fault);
        world.registry.push("e", "{}");
        assert!(world.pull("e").await.status.is_server_error());
        assert_eq!(world.registry.asked().len(), 2, "no third try");
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_slow_registry_is_given_up_in_time() {
    for fault in [Fault::Silent, Fault::TarPit] {
        let world = World::impatient().await;
        let digest = world.registry.push("v1", "{}");
        world.registry.fails("manifests", fault);
        let references = ["v1", digest.as_str()];
        let reached = join_all(references.map(|reference| world.registry.next(reference)));
        let pulls = join_all(references.map(|reference| world.pull(reference)));
        let (answers, took) = Clock::stop().pass_after(async { drop(reached.await) }, pulls).await;
        for answer in answers {
            answer.assert_refused(504, "UNAVAILABLE", &["registry.test did not answer in time"]);
        }
        assert!(took < IN_TIME, "{took:?}");
        assert_eq!(world.log.size().await, 0);
    }
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_not_for_ever() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.registry.push("v2", "{}");
    world.registry.fails("manifests/v1", redirect("v2"));
    world.pull("v1").await.assert_first_seen(&digest);
    world.registry.heals();
    world.registry.asked();
    world.registry.fails("manifests", redirect("v3"));
    world.pull("v4").await.assert_refused(502, "MANIFEST_INVALID", &["registry.test redirects more than 5 times"]);
    assert_eq!(world.registry.asked().len(), 6);
}

#[tokio::test]
async fn a_registry_can_lead_to_public_addresses_only() {
    let elsewhere = Registry::start().await;
    elsewhere.push("v1", "{}");
    let world = World::start().await;
    world.registry.push("v1", "{}");
    let locations = [
        format!("http://{}/v2/demo/app/manifests/v1", elsewhere.address),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://localhost/".to_owned(),
        "https://2130706433/".to_owned(),
        "https://[::1]/".to_owned(),
        "https://user:secret@ghcr.io/".to_owned(),
        "http://ghcr.io/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for location in locations {
        world.registry.fails("manifests", redirect(&location));
        let answer = world.pull("v1").await;
        answer.assert_refused(403, "DENIED", &["is not called"]);
        let message = answer.error().to_string();
        assert!(!message.contains("secret") && !message.contains("meta-data"), "{message}");
        world.registry.heals();

        let challenge = format!("Bearer realm=\"{location}\"");
        world.registry.fails("manifests", Fault::Status(401, vec![("www-authenticate", challenge)], ""));
        world.pull("v1").await.assert_refused(403, "DENIED", &["is not called"]);
        world.registry.heals();
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn only_public_hosts_are_called() {
    let world = World::start().await;
    let port = world.registry.address.rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", "127.0.0.1:443", &format!("127.0.0.1:{port}")]
    {
        let answer = world.get(&format!("/v2/{host}/demo/app/manifests/v1")).await;
        answer.assert_refused(403, "DENIED", &["is not called"]);
    }
    assert!(world.registry.asked().is_empty());
}

#[tokio::test]
async fn only_allowed_registries_are_called_by_any_path() {
    let world = World::with(&[("ALLOWED_REGISTRIES", "ghcr.io")]).await;
    let digest = world.registry.push("v1", "{}");
    let mirror = "/v2/demo/app/manifests/v1?ns=registry.test".to_owned();
    let exempt = manifest(format!("sha256-{}", "a".repeat(64)));
    for path in [manifest("v1"), manifest(&digest), blob(&digest), mirror, exempt] {
        let answer = world.get(&path).await;
        let message = "the registry registry.test is not one that this instance serves";
        answer.assert_refused(403, "DENIED", &[message]);
    }
    assert!(world.registry.asked().is_empty());
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn a_registry_where_nothing_listens_is_unreachable() {
    let closed = testing::faulty::wire::closed().await;
    let world = World::with(&[("INSECURE_REGISTRIES", &format!("registry.test={closed}"))]).await;
    let answer = ask(&world.service, http::Method::GET, &manifest("v1")).await;
    answer.assert_refused(502, "UNAVAILABLE", &["registry.test cannot be reached"]);
    assert!(!answer.error().to_string().contains(&closed), "{answer:?}");
}
