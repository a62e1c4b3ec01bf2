//! Pulls by the pinned name: what was recorded is served, whatever the registry says of the tag, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use testing::clock::Clock;
use testing::faulty::log::{Call, Fault as LogFault};
use testing::faulty::registry::Fault;
use tlogistry::image::Digest;
use tokio::sync::Semaphore;

use super::world::{Answer, REGISTRY, World, ask, manifest};

const FIRST: &str = "{}";
const SECOND: &str = r#"{"a":1}"#;
/// Manifests are not kept: the recorded one is asked for too.
const NO_CACHE: &[(&str, &str)] = &[("MANIFEST_CACHE_BYTES", "0")];

fn pinned(reference: impl std::fmt::Display) -> String {
    format!("/v2/pinned.alt/{REGISTRY}/demo/app/manifests/{reference}")
}

/// A tag that was first seen, and moved.
async fn moved(vars: &[(&str, &str)]) -> (World, Digest, Digest) {
    let world = World::with(vars).await;
    let first = world.registry.push("v1", FIRST);
    world.pull("v1").await.assert_first_seen(&first);
    let second = world.registry.push("v1", SECOND);
    world.forget();
    (world, first, second)
}

impl Answer {
    /// Asserts that the recorded manifest was served, with a warning that says `fact`.
    #[track_caller]
    fn assert_pinned(&self, recorded: &Digest, moved: &str, fact: &str) -> &Self {
        self.assert_unchanged(recorded);
        assert_eq!(self.header("tlog-moved"), Some(moved), "{self:?}");
        let (time, index) = (self.header("tlog-integratedtime").unwrap(), self.header("tlog-logindex").unwrap());
        let warning = format!(
            "299 - \"registry.test/demo/app:v1 {fact}; this is what was recorded on {time} (Rekor log index {index})\""
        );
        assert_eq!(self.header("warning"), Some(&*warning));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        self
    }

    /// Asserts that a manifest was served as by the plain name.
    #[track_caller]
    fn assert_unwarned(&self) -> &Self {
        assert_eq!((self.header("tlog-moved"), self.header("warning")), (None, None), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        self
    }
}

#[tokio::test]
async fn what_was_recorded_is_served_once_the_tag_has_moved_and_the_answer_says_so() {
    for vars in [&[], NO_CACHE] {
        let (world, first, second) = moved(vars).await;
        let fact = format!("has moved, the registry now serves {second}");
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(&world.service, method.clone(), &pinned("v1")).await;
            answer.assert_pinned(&first, second.as_str(), &fact);
            assert_eq!(answer.body.length(), FIRST.len() as u64, "{method}");
            let mut asked = world.registry.asked();
            asked.sort();
            let by_digest = (!vars.is_empty()).then(|| format!("{method} manifests/{first}"));
            let mut expected: Vec<String> = by_digest.into_iter().chain(["HEAD manifests/v1".to_owned()]).collect();
            expected.sort();
            assert_eq!(asked, expected, "{method}");
        }
        assert_eq!(world.log.asked(), []);
        // The plain name stays as it is, and names the pinned one.
        let refused = world.pull("v1").await;
        refused.assert_moved(&first, &second);
        let advice = format!("pull registry.test/demo/app@{first} or <host>/pinned.alt/registry.test/demo/app:v1");
        refused.assert_refused(403, "DENIED", &[&advice]);
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert_eq!(world.recorded("v1").await, [first]);
    }
}

#[tokio::test]
async fn a_tag_never_seen_is_recorded_and_an_unchanged_one_served_as_by_the_plain_name() {
    for (vars, method) in
        [(&[][..], Method::GET), (NO_CACHE, Method::GET), (&[], Method::HEAD), (NO_CACHE, Method::HEAD)]
    {
        let world = World::with(vars).await;
        let digest = world.registry.push("v1", FIRST);
        let first = ask(&world.service, method.clone(), &pinned("v1")).await;
        first.assert_first_seen(&digest).assert_unwarned();
        let again = ask(&world.service, method, &pinned("v1")).await;
        again.assert_unchanged(&digest).assert_unwarned();
        world.pull("v1").await.assert_unchanged(&digest);
        assert_eq!(again.header("tlog-uuid"), first.header("tlog-uuid"));
        assert_eq!(world.recorded("v1").await, [digest], "under the plain name");
        assert_eq!(world.log.size().await, 1);
    }
}

#[tokio::test]
async fn a_tag_that_was_never_seen_and_cannot_be_asked_for_is_refused_as_by_the_plain_name() {
    let cases = [(404, 404, "MANIFEST_UNKNOWN"), (429, 429, "TOOMANYREQUESTS"), (500, 502, "UNAVAILABLE")];
    for (status, answered, code) in cases {
        let world = World::start().await;
        world.registry.push("v1", FIRST);
        world.registry.fails("manifests/v1", Fault::Status(status, vec![], ""));
        for path in [pinned("v1"), manifest("v1")] {
            world.get(&path).await.assert_refused(answered, code, &[REGISTRY]);
        }
        assert_eq!((world.log.asked(), world.log.size().await), (vec![], 0), "anyone can make up tags");
    }
}

#[tokio::test]
async fn whatever_becomes_of_the_tag_in_its_registry_its_recorded_manifest_is_served() {
    let unusable = "it could not be asked, or its answer could not be used";
    let faults = [
        (Fault::Status(404, vec![], ""), "it no longer has the tag"),
        (Fault::Status(404, vec![], r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#), "it no longer has the tag"),
        (Fault::Status(410, vec![], ""), "it no longer has the tag"),
        (Fault::Status(429, vec![("retry-after", "9".to_owned())], ""), "it allows no more requests for now"),
        (Fault::Status(401, vec![], ""), "it wants credentials"),
        (Fault::Status(403, vec![], ""), "it wants credentials"),
        (Fault::Status(500, vec![], "\"\\\u{1b}[31m"), unusable),
        (Fault::Status(503, vec![], ""), unusable),
        (Fault::Dropped, unusable),
        (Fault::Status(302, vec![("location", "https://10.0.0.1/".to_owned())], ""), unusable),
        // It is asked by GET then, and its bytes are not what they should be.
        (Fault::Header("docker-content-digest", None), unusable),
    ];
    for vars in [&[], NO_CACHE] {
        for (fault, reason) in &faults {
            let (world, first, _) = moved(vars).await;
            world.registry.fails("manifests/v1", fault.clone());
            if let Fault::Header(..) = fault {
                world.registry.heals();
                world.registry.method_fails(Method::HEAD, "manifests/v1", fault.clone());
                world.registry.method_fails(Method::GET, "manifests/v1", Fault::OtherBytes("[]".into()));
            }
            let fact = format!("was not compared with what the registry serves now: {reason}");
            for method in [Method::GET, Method::HEAD] {
                ask(&world.service, method, &pinned("v1")).await.assert_pinned(&first, "unknown", &fact);
            }
        }
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_of_the_tag_holds_a_pinned_pull_up_for_a_second() {
    for fault in [Fault::Silent, Fault::TarPit] {
        let (world, first, _) = moved(&[]).await;
        // A HEAD has no body that could be slow.
        world.registry.method_fails(Method::HEAD, "manifests/v1", Fault::Status(405, vec![], ""));
        world.registry.method_fails(Method::GET, "manifests/v1", fault);
        let reached = world.registry.asks("manifests/v1", 3);
        let path = pinned("v1");
        let (answer, took) = Clock::stop().pass_after(reached, world.get(&path)).await;
        let fact = "was not compared with what the registry serves now: it did not answer in time";
        answer.assert_pinned(&first, "unknown", fact);
        assert!((Duration::from_secs(1)..Duration::from_millis(1_100)).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn the_tag_and_its_recorded_manifest_are_asked_for_at_the_same_time() {
    let (world, first, second) = moved(NO_CACHE).await;
    for (held, other) in [("manifests/v1", "manifests/sha256"), ("manifests/sha256", "manifests/v1")] {
        let gate = Arc::new(Semaphore::new(0));
        world.registry.fails(held, Fault::Gate(gate.clone()));
        let asked_too = world.registry.next(other);
        let _clock = Clock::stop();
        let path = pinned("v1");
        let (answer, ()) = tokio::join!(world.get(&path), async {
            asked_too.await;
            gate.add_permits(1);
        });
        let fact = format!("has moved, the registry now serves {second}");
        answer.assert_pinned(&first, second.as_str(), &fact);
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_recorded_manifest_that_is_gone_is_not_found_and_the_message_says_what_it_was() {
    let gone = [
        Fault::Status(404, vec![], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
        Fault::Status(404, vec![], r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#),
        Fault::Status(410, vec![], ""),
    ];
    for fault in gone {
        for tag_too in [false, true] {
            let (world, first, _) = moved(NO_CACHE).await;
            let seen = world.get(&pinned("v1")).await;
            let (time, index) = (seen.header("tlog-integratedtime").unwrap(), seen.header("tlog-logindex").unwrap());
            world.registry.fails(if tag_too { "manifests/" } else { "manifests/sha256" }, fault.clone());
            let message = format!(
                "what was recorded of registry.test/demo/app:v1 is gone: it was recorded as {first} on {time} (Rekor log \
                 index {index}), and registry.test no longer has that manifest; nothing else is served by the pinned name"
            );
            for answer in [world.get(&pinned("v1")).await, world.head(&pinned("v1")).await] {
                answer.assert_refused(404, "MANIFEST_UNKNOWN", &[]);
                let error = answer.error();
                assert_eq!(error["message"], message);
                let detail = serde_json::json!({
                    "tag": "registry.test/demo/app:v1",
                    "recorded": first.as_str(),
                    "logIndex": index,
                    "integratedTime": time,
                    "entry": seen.header("tlog-entry"),
                });
                assert_eq!(error["detail"], detail);
            }
        }
    }
}

#[tokio::test]
async fn whatever_becomes_of_the_recorded_manifest_the_moved_one_is_not_served() {
    let (_, _, second) = moved(&[]).await;
    let pretended = Fault::Header("docker-content-digest", Some(second.to_string()));
    let faults = [
        (Fault::OtherBytes(SECOND.into()), 502, "MANIFEST_INVALID"),
        (pretended, 502, "MANIFEST_INVALID"),
        (Fault::CutShort, 502, "UNAVAILABLE"),
        (Fault::Dropped, 502, "UNAVAILABLE"),
        (Fault::Status(401, vec![], ""), 403, "DENIED"),
        (Fault::Status(429, vec![], ""), 429, "TOOMANYREQUESTS"),
        (Fault::Status(500, vec![], ""), 502, "UNAVAILABLE"),
        (Fault::Status(503, vec![], ""), 502, "UNAVAILABLE"),
    ];
    for (fault, status, code) in faults {
        let (world, ..) = moved(NO_CACHE).await;
        world.registry.method_fails(Method::GET, "manifests/sha256", fault);
        world.get(&pinned("v1")).await.assert_refused(status, code, &[REGISTRY]);
    }
}

/// A HEAD's word is believed as far as a warning goes.
#[tokio::test]
async fn a_registry_that_lies_about_the_tag_changes_the_warning_alone() {
    let (world, first, _) = moved(NO_CACHE).await;
    let hidden = Fault::Header("docker-content-digest", Some(first.to_string()));
    world.registry.method_fails(Method::HEAD, "manifests/v1", hidden);
    world.get(&pinned("v1")).await.assert_unchanged(&first).assert_unwarned();
    world.registry.heals();

    world.registry.push("v1", FIRST);
    let other = Digest::sha256(b"another");
    let pretended = Fault::Header("docker-content-digest", Some(other.to_string()));
    world.registry.method_fails(Method::HEAD, "manifests/v1", pretended);
    let fact = format!("has moved, the registry now serves {other}");
    world.get(&pinned("v1")).await.assert_pinned(&first, other.as_str(), &fact);
    world.pull("v1").await.assert_unchanged(&first);
}

#[tokio::test]
async fn a_head_by_another_algorithm_or_without_a_digest_is_followed_by_a_get() {
    use sha2::Digest as _;
    let sha512 = |content: &str| Some(format!("sha512:{}", hex::encode(sha2::Sha512::digest(content))));
    for (of_first, of_second) in [(sha512(FIRST), sha512(SECOND)), (None, None), (Some("?".into()), Some("?".into()))] {
        let (world, first, second) = moved(NO_CACHE).await;
        world.registry.method_fails(Method::HEAD, "manifests/v1", Fault::Header("docker-content-digest", of_second));
        let fact = format!("has moved, the registry now serves {second}");
        world.get(&pinned("v1")).await.assert_pinned(&first, second.as_str(), &fact);
        world.registry.heals();
        world.registry.push("v1", FIRST);
        world.registry.method_fails(Method::HEAD, "manifests/v1", Fault::Header("docker-content-digest", of_first));
        world.get(&pinned("v1")).await.assert_unchanged(&first).assert_unwarned();
    }
}

#[tokio::test]
async fn a_head_of_the_recorded_manifest_that_fails_is_followed_by_a_get() {
    for status in [403, 404, 405, 500] {
        let (world, first, second) = moved(NO_CACHE).await;
        world.registry.method_fails(Method::HEAD, "manifests/sha256", Fault::Status(status, vec![], ""));
        let fact = format!("has moved, the registry now serves {second}");
        world.head(&pinned("v1")).await.assert_pinned(&first, second.as_str(), &fact);
    }
}

#[tokio::test]
async fn a_registry_that_has_manifests_by_tag_alone_serves_an_unchanged_one() {
    let cases = [(400, 400), (401, 403), (403, 403), (404, 404), (405, 405), (410, 404), (429, 429), (500, 502)];
    for (status, answered) in cases {
        let world = World::with(NO_CACHE).await;
        let first = world.registry.push("v1", FIRST);
        world.pull("v1").await.assert_first_seen(&first);
        world.registry.fails("manifests/sha256", Fault::Status(status, vec![], ""));
        for method in [Method::GET, Method::HEAD] {
            ask(&world.service, method, &pinned("v1")).await.assert_unchanged(&first).assert_unwarned();
        }
        let second = world.registry.push("v1", SECOND);
        let hidden = Fault::Header("docker-content-digest", Some(first.to_string()));
        world.registry.method_fails(Method::HEAD, "manifests/v1", hidden);
        let refused = world.get(&pinned("v1")).await;
        assert_eq!(refused.status, answered, "{refused:?}");
        assert!(!refused.error().to_string().contains(second.as_str()), "it was not said what it is");
    }
}

/// It has a second only where what was recorded is at hand.
#[tokio::test]
async fn a_registry_that_has_manifests_by_tag_alone_is_waited_for() {
    let world = World::with(NO_CACHE).await;
    let first = world.registry.push("v1", FIRST);
    world.pull("v1").await.assert_first_seen(&first);
    let gate = Arc::new(Semaphore::new(0));
    world.registry.fails("manifests/sha256", Fault::Status(404, vec![], ""));
    world.registry.fails("manifests/v1", Fault::Gate(gate.clone()));
    let (by_tag, by_digest) = (world.registry.next("manifests/v1"), world.registry.next("manifests/sha256"));
    let reached = async {
        tokio::join!(by_tag, by_digest);
    };
    let path = pinned("v1");
    let asking = async {
        let slow = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            gate.add_permits(10);
        };
        tokio::join!(world.get(&path), slow).0
    };
    let (answer, _) = Clock::stop().pass_after(reached, asking).await;
    answer.assert_unchanged(&first).assert_unwarned();
}

#[tokio::test]
async fn a_tag_without_a_row_is_searched_for_in_the_log() {
    let (mut world, first, second) = moved(&[]).await;
    let fact = format!("has moved, the registry now serves {second}");
    for method in [Method::GET, Method::HEAD] {
        world.restart();
        ask(&world.service, method, &pinned("v1")).await.assert_pinned(&first, second.as_str(), &fact);
    }
    // Without the log there is no verdict, whatever the registry has.
    world.restart();
    world.log.is_down(LogFault::Dropped);
    for path in [pinned("v1"), manifest("v1")] {
        world.get(&path).await.assert_no_verdict(&["the log"]);
    }
    world.log.heals();
    world.restart();
    world.registry.fails("manifests/sha256", Fault::Status(404, vec![], ""));
    world.get(&pinned("v1")).await.assert_refused(404, "MANIFEST_UNKNOWN", &["is gone", first.as_str()]);
    assert_eq!(world.recorded("v1").await, [first]);
}

#[tokio::test]
async fn a_tag_whose_recorded_digest_is_unknown_is_refused_as_by_the_plain_name() {
    let (mut world, first, second) = moved(&[]).await;
    world.log.edits(Call::Retrieve, |entry| drop(entry.as_object_mut().unwrap().remove("attestation")));
    for path in [pinned("v1"), manifest("v1")] {
        for method in [Method::GET, Method::HEAD] {
            world.restart();
            let answer = ask(&world.service, method, &path).await;
            answer.assert_refused(403, "DENIED", &["which the log has lost", second.as_str()]);
            let detail = &answer.error()["detail"];
            assert_eq!((&detail["recorded"], &detail["current"]), (&Value::Null, &second.as_str().into()));
        }
    }
    world.restart();
    world.registry.push("v1", FIRST);
    world.get(&pinned("v1")).await.assert_unchanged(&first).assert_unwarned();
}

#[tokio::test]
async fn a_lists_next_page_is_below_the_pinned_name_too() {
    let world = World::start().await;
    let next = "</v2/demo/app/tags/list?n=1&last=v1>; rel=\"next\"".to_owned();
    world.registry.fails("tags/list", Fault::Header("link", Some(next)));
    let list = "demo/app/tags/list";
    for (path, query) in [
        (format!("/v2/pinned.alt/{REGISTRY}/{list}"), "?n=1"),
        (format!("/v2/pinned.alt/{list}"), "?n=1&ns=registry.test"),
    ] {
        let answer = world.get(&format!("{path}{query}")).await;
        let own = query.strip_prefix("?n=1").unwrap();
        assert_eq!(answer.header("link"), Some(&*format!("<{path}?n=1&last=v1{own}>; rel=\"next\"")));
    }
}

#[tokio::test]
async fn a_mirrors_client_may_ask_by_the_pinned_path() {
    let (world, first, second) = moved(&[]).await;
    let path = format!("/v2/pinned.alt/demo/app/manifests/v1?ns={REGISTRY}");
    let fact = format!("has moved, the registry now serves {second}");
    for method in [Method::GET, Method::HEAD] {
        ask(&world.service, method, &path).await.assert_pinned(&first, second.as_str(), &fact);
    }
    let plain = world.get(&format!("/v2/demo/app/manifests/v1?ns={REGISTRY}")).await;
    plain.assert_moved(&first, &second);
    plain.assert_refused(403, "DENIED", &["<host>/pinned.alt/registry.test/demo/app:v1"]);
}

#[tokio::test]
async fn a_tag_that_stands_for_a_digest_is_served_as_by_the_plain_name() {
    let world = World::start().await;
    let name = format!("sha256-{}", "a".repeat(64));
    for body in [FIRST, SECOND] {
        let digest = world.registry.push(&name, body);
        for answer in [world.get(&pinned(&name)).await, world.head(&pinned(&name)).await] {
            answer.assert_serves(&digest).assert_unwarned();
            assert_eq!((answer.header("tlog-exempt"), answer.header("tlog-uuid")), (Some("referrers-tag"), None));
        }
    }
    assert_eq!((world.log.asked(), world.log.size().await), (vec![], 0));
}

#[tokio::test]
async fn a_second_prefix_or_a_name_under_alt_asks_nobody() {
    let world = World::start().await;
    let digest = world.registry.push("v1", FIRST);
    let names = [
        format!("pinned.alt/pinned.alt/{REGISTRY}/demo/app/manifests/v1"),
        "pinned.alt/registry.alt/demo/app/manifests/v1".to_owned(),
        "registry.alt/demo/app/manifests/v1".to_owned(),
        "PINNED.ALT/demo/app/manifests/v1".to_owned(),
        "pinned.alt:443/demo/app/manifests/v1".to_owned(),
        "demo/app/manifests/v1?ns=pinned.alt".to_owned(),
        "pinned.alt/demo/app/manifests/v1?ns=pinned.alt".to_owned(),
        format!("demo/app/manifests/{digest}?ns=registry.alt"),
        format!("demo/app/blobs/{digest}?ns=pinned.alt:5000"),
        "demo/app/tags/list?ns=Pinned.Alt".to_owned(),
    ];
    for name in names {
        world.get(&format!("/v2/{name}")).await.assert_refused(400, "NAME_INVALID", &["end in .alt"]);
    }
    assert_eq!(world.registry.asked(), Vec::<String>::new());
}
