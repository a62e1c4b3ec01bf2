//! A registry's refusal is the client's answer: its status, its code, and its message as the registry's words.

use testing::faulty::registry::Fault;
use tlogistry::image::Digest;

use super::world::{REGISTRY, World, blob, manifest};

const PAGE: &str = "<html><body><h1>403 Forbidden</h1>\nSince we must comply, we block all IP addresses that are \
                    located in Atlantis.\n</body></html>\n";

fn says(status: u16, body: &'static str) -> Fault {
    Fault::Status(status, vec![], body)
}

fn tags() -> String {
    format!("/v2/{REGISTRY}/demo/app/tags/list")
}

fn paths() -> [String; 4] {
    let digest = format!("sha256:{}", "0".repeat(64));
    [manifest("v1"), manifest(&digest), blob(digest), tags()]
}

#[tokio::test]
async fn a_refusal_of_what_was_asked_passes_with_status_code_and_message() {
    let world = World::start().await;
    for (status, code, reason) in [
        (400, "UNSUPPORTED", "Bad Request"),
        (402, "DENIED", "Payment Required"),
        (405, "UNSUPPORTED", "Method Not Allowed"),
        (406, "UNSUPPORTED", "Not Acceptable"),
        (409, "UNSUPPORTED", "Conflict"),
        (410, "UNSUPPORTED", "Gone"),
        (412, "UNSUPPORTED", "Precondition Failed"),
        (413, "UNSUPPORTED", "Payload Too Large"),
        (414, "UNSUPPORTED", "URI Too Long"),
        (415, "UNSUPPORTED", "Unsupported Media Type"),
        (416, "UNSUPPORTED", "Range Not Satisfiable"),
        (418, "UNSUPPORTED", "I'm a teapot"),
        (422, "UNSUPPORTED", "Unprocessable Entity"),
        (423, "UNSUPPORTED", "Locked"),
        (424, "UNSUPPORTED", "Failed Dependency"),
        (451, "DENIED", "Unavailable For Legal Reasons"),
        // Those that HTTP's list lacks: of Shopify, nginx, AWS and others.
        (430, "UNSUPPORTED", ""),
        (444, "UNSUPPORTED", ""),
        (460, "UNSUPPORTED", ""),
        (499, "UNSUPPORTED", ""),
    ] {
        let answered = format!("registry.test answered {status} {reason}").trim_end().to_owned();
        for (body, code, message) in [
            (
                r#"{"errors":[{"code":"OWN_CODE","message":"it\u0027s so"}]}"#,
                "OWN_CODE",
                format!("{answered}: 'it\u{2019}s so'"),
            ),
            ("", code, answered.clone()),
            ("<p>so</p>", code, format!("{answered}: 'so'")),
        ] {
            world.registry.fails("/v2/", says(status, body));
            for path in paths() {
                let answer = world.get(&path).await;
                answer.assert_refused(status, code, &[]);
                assert_eq!(answer.error()["message"], message, "{path}");
                assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
                assert_eq!(answer.header("allow"), (status == 405).then_some("GET, HEAD"));
            }
            world.registry.heals();
        }
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn what_concerns_the_way_to_the_registry_or_is_no_valid_answer_is_502() {
    let world = World::start().await;
    let statuses = [407, 408, 411, 417, 421, 425, 426, 428, 431, 299, 304, 505, 599, 999];
    for status in statuses {
        world.registry.fails("/v2/", says(status, r#"{"errors":[{"code":"DENIED","message":"hidden"}]}"#));
        for path in paths() {
            let answer = world.get(&path).await;
            answer.assert_refused(502, "UNAVAILABLE", &[&format!("registry.test answered {status}")]);
            assert!(!answer.error().to_string().contains("hidden"));
        }
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_403_wants_credentials_only_where_the_registry_says_so_or_nothing() {
    let credentials = "not found, or not public: registry.test wants credentials";
    let page = "registry.test answered 403 Forbidden: '403 Forbidden Since we must comply, we block all IP addresses \
                that are located in Atlantis.'";
    let world = World::start().await;
    for (body, code, message) in [
        ("", "DENIED", credentials.to_owned()),
        ("{}", "DENIED", credentials.to_owned()),
        (r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED", credentials.to_owned()),
        (
            r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#,
            "DENIED",
            format!("{credentials}, and says 'requested access is denied'"),
        ),
        (
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}"#,
            "DENIED",
            format!("{credentials}, and says 'log in'"),
        ),
        (
            r#"{"errors":[{"code":"BLOCKED","message":"by policy"}]}"#,
            "BLOCKED",
            "registry.test answered 403 Forbidden: 'by policy'".to_owned(),
        ),
        (PAGE, "DENIED", page.to_owned()),
        ("<img src=blocked.png>", "DENIED", "registry.test answered 403 Forbidden".to_owned()),
        ("blocked\n", "DENIED", "registry.test answered 403 Forbidden: 'blocked'".to_owned()),
    ] {
        world.registry.fails("/v2/", says(403, body));
        for path in paths() {
            let answer = world.get(&path).await;
            answer.assert_refused(403, code, &[]);
            assert_eq!(answer.error()["message"], message, "{path}");
        }
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_registrys_words_are_marked_cleaned_and_cut() {
    let world = World::start().await;
    let long: &'static str = format!("<p>{}", "long ".repeat(50_000)).leak();
    for (body, shown) in [
        ("a\r\n{\"level\":\"ERROR\"}\u{1b}[2J\u{202e}b", ": 'a {\"level\":\"ERROR\"}\u{fffd}[2J\u{fffd}b'"),
        ("x'; whether v1 has moved cannot be checked now", ": 'x\u{2019}; whether v1 has moved cannot be checked now'"),
        ("<script>alert(1)</script><b>bold</b>", ": 'bold'"),
        (r#"{"errors":[{"code":"MANIFEST_UNKNOWN\u001b","message":["no text"]}]}"#, ""),
        (r#"{"errors":"#, ": '{\"errors\":'"),
    ] {
        world.registry.fails("/v2/", says(400, body));
        for path in paths() {
            let answer = world.get(&path).await;
            answer.assert_refused(400, "UNSUPPORTED", &[]);
            assert_eq!(answer.error()["message"], format!("registry.test answered 400 Bad Request{shown}"));
        }
        world.registry.heals();
    }
    for fault in [says(400, long), Fault::Status(403, vec![], long)] {
        world.registry.fails("/v2/", fault);
        for path in paths() {
            let message = world.get(&path).await.error()["message"].as_str().unwrap().to_owned();
            assert!(message.contains("long long") && message.ends_with("\u{2026}'"), "{message}");
            assert!(message.len() < 600, "{message}");
        }
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_heads_refusal_announces_the_length_of_its_body_and_keeps_the_status() {
    let world = World::start().await;
    world.registry.fails("/v2/", says(451, ""));
    for path in paths() {
        let answer = world.head(&path).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (451, Some("no-store")), "{path}");
    }
}

#[tokio::test]
async fn a_503_that_says_when_to_come_again_stays_one() {
    let world = World::start().await;
    let date = "Fri, 31 Dec 2027 23:59:59 GMT";
    let long = "9".repeat(41);
    let cases =
        [("120", true), (date, true), ("soon", false), ("-1", false), ("1.5", false), ("", false), (&long, false)];
    for (given, passes) in cases {
        world.registry.fails("/v2/", Fault::Status(503, vec![("retry-after", given.to_owned())], ""));
        for path in paths() {
            let answer = world.get(&path).await;
            match passes {
                true => answer.assert_refused(503, "UNAVAILABLE", &["registry.test is unavailable for now"]),
                false => answer.assert_refused(502, "UNAVAILABLE", &["registry.test answered 503 Service Unavailable"]),
            };
            assert_eq!(answer.header("retry-after"), passes.then_some(given), "{given}");
        }
        world.registry.heals();
        world.registry.fails("/v2/", Fault::Status(429, vec![("retry-after", given.to_owned())], ""));
        let answer = world.pull("v1").await;
        answer.assert_refused(429, "TOOMANYREQUESTS", &["registry.test allows no more requests for now"]);
        assert_eq!(answer.header("retry-after"), passes.then_some(given), "{given}");
        world.registry.heals();
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn no_error_is_kept_by_a_cache() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    world.pull("v1").await;
    world.registry.push("v1", r#"{"a":1}"#);
    let moved = world.pull("v1").await;
    assert_eq!((moved.status.as_u16(), moved.header("cache-control")), (403, Some("no-store")));
    for path in [
        "/v2/_catalog",
        "/none",
        "/v2/registry.test/A/manifests/v1",
        "/sightings/registry.test/demo/app:v9",
        &manifest("v9"),
    ] {
        let answer = world.get(path).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn an_attestation_is_served_however_the_registry_refuses_its_digest() {
    let world = World::start().await;
    let image = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&image);
    let list = world.get(&format!("/v2/{REGISTRY}/demo/app/referrers/{image}")).await;
    let list: serde_json::Value = serde_json::from_slice(list.bytes()).unwrap();
    let attestation: Digest = list["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    let manifest = world.pull(&attestation).await;
    let manifest: serde_json::Value = serde_json::from_slice(manifest.assert_serves(&attestation).bytes()).unwrap();
    let bundle: Digest = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    for (status, body) in [(400, ""), (401, ""), (403, ""), (403, PAGE), (404, ""), (410, ""), (451, "")] {
        world.registry.fails("/v2/", says(status, body));
        world.pull(&attestation).await.assert_serves(&attestation);
        let answer = world.get(&blob(&bundle)).await;
        assert!(bundle.matches(answer.bytes()) && answer.status == 200, "{answer:?}");
        assert!(world.pull(Digest::sha256(b"other")).await.status.is_client_error());
        world.registry.heals();
    }
    // Nobody knows then whether the registry has it.
    for status in [429, 500, 502] {
        world.registry.fails("/v2/", says(status, ""));
        assert_ne!(world.pull(&attestation).await.status, 200, "{status}");
        world.registry.heals();
    }
}
