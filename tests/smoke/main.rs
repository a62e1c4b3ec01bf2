//! `make smoke`, which shows an operator that a deployment works, passes on one that does and finds what is wrong with others.

use http::{Method, Request, Response};
use testing::client::{client, send};
use testing::faulty::wire;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, script};
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};

use bytes::Bytes;

/// An instance whose registry has a tag.
async fn scene() -> Scene {
    let scene = Scene::set();
    scene.stage.push("v1", &Image::oci("v1")).await;
    scene
}

fn smoke(address: &str) -> Ended {
    let image = format!("{REGISTRY}/{REPOSITORY}:v1");
    Process::start(script("tests/tools/smoke.py").arg(format!("http://{address}")).arg(image)).finish()
}

/// The titles of the lines that begin with `word`.
fn titles<'a>(ended: &'a Ended, word: &str) -> Vec<&'a str> {
    let lines = ended.stdout.lines().filter_map(|line| line.strip_prefix(word));
    lines.map(|line| line.trim_start().split(": ").next().unwrap()).collect()
}

const STEPS: [&str; 7] = [
    "/readyz",
    "HEAD /v2/registry.test/demo/app/manifests/v1",
    "GET /v2/registry.test/demo/app/manifests/v1",
    "the same again",
    "/sightings/registry.test/demo/app:v1",
    "/key.pem",
    "a name that leads nowhere",
];

#[tokio::test]
async fn an_instance_that_works_passes_and_is_described() {
    let scene = scene().await;
    let digest = Image::oci("v1").digest();
    for recorded in ["recorded now", "recorded before"] {
        let ended = smoke(&scene.instance.address);
        println!("{}", ended.stdout);
        assert_eq!(
            (ended.code, titles(&ended, "ok"), ended.stderr.as_str()),
            (Some(0), STEPS.to_vec(), ""),
            "{ended:?}"
        );
        let length = Image::oci("v1").manifest.len();
        for said in [
            format!("version {}, commit development; key, ledger and log can be used", env!("CARGO_PKG_VERSION")),
            format!("{length} bytes are announced, {digest}"),
            format!("{length} bytes of {digest}, {recorded}: log index "),
            format!("a Sigstore bundle that says registry.test/demo/app:v1 is {digest}"),
            "403 DENIED: registry.invalid is not called: it leads to an address that is not public, or to none"
                .to_owned(),
        ] {
            assert!(ended.stdout.contains(&said), "'{said}' is not in:\n{}", ended.stdout);
        }
    }
}

#[tokio::test]
async fn a_tag_that_moved_and_a_host_that_is_not_there_fail() {
    let scene = scene().await;
    assert_eq!(smoke(&scene.instance.address).code, Some(0));
    scene.stage.push("v1", &Image::oci("v2")).await;
    let ended = smoke(&scene.instance.address);
    assert_eq!((ended.code, titles(&ended, "FAILED")), (Some(1), vec![STEPS[1]]), "{ended:?}");
    assert_eq!(titles(&ended, "left out"), STEPS[2..5]);
    assert_eq!(ended.stderr, "smoke.py: 1 of 7 steps failed\n");

    let ended = smoke(&wire::closed().await);
    assert_eq!((ended.code, titles(&ended, "FAILED").len()), (Some(1), 4), "{ended:?}");
    assert!(ended.stdout.contains("cannot be asked: [Errno 111] Connection refused"), "{ended:?}");
}

/// An instance whose answers to one path are others.
async fn before(instance: &Instance, method: Method, path: &'static str, lie: fn(&mut Response<Bytes>)) -> String {
    let url = format!("http://{}", instance.address);
    wire::serve(move |request: Request<Bytes>| {
        let lies = request.method() == method && request.uri().path().starts_with(path);
        let asked = client().request(request.method().clone(), format!("{url}{}", request.uri()));
        let asked = asked.headers(request.headers().clone());
        async move {
            let answer = send(asked).await;
            let mut response = Response::new(answer.bytes);
            *response.status_mut() = answer.status.try_into().unwrap();
            *response.headers_mut() = answer.headers;
            if lies {
                lie(&mut response);
            }
            wire::whole(response)
        }
    })
    .await
}

fn say(response: &mut Response<Bytes>, text: &'static str) {
    response.headers_mut().remove("content-length");
    *response.body_mut() = text.into();
}

/// The answer of `/readyz` without version and commit.
const ALL_USABLE: &str = r#"{"key":{"usable":true},"ledger":{"usable":true},"log":{"usable":true}}"#;
const NO_BASE64: &str = "-----BEGIN PUBLIC KEY-----\nMFkwE\n-----END PUBLIC KEY-----\n";

type Lie = fn(&mut Response<Bytes>);

// The proxy has to run while the script does.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_finds_its_fault() {
    let scene = scene().await;
    assert_eq!(smoke(&scene.instance.address).code, Some(0));
    let manifest = "/v2/registry.test/demo/app/manifests/v1";
    let lies: [(Method, &'static str, &str, Lie); 13] = [
        (Method::GET, "/readyz", STEPS[0], |answer| *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE),
        (Method::GET, "/readyz", STEPS[0], |answer| say(answer, r#"{"ready":true}"#)),
        (Method::GET, "/readyz", STEPS[0], |answer| say(answer, r#"["ready"]"#)),
        (Method::GET, "/readyz", STEPS[0], |answer| say(answer, ALL_USABLE)),
        (Method::HEAD, manifest, STEPS[1], |answer| drop(answer.headers_mut().insert("content-length", 0.into()))),
        (Method::HEAD, manifest, STEPS[2], |answer| drop(answer.headers_mut().insert("content-length", 7.into()))),
        (Method::GET, manifest, STEPS[2], |answer| say(answer, "{}")),
        (Method::GET, manifest, STEPS[3], |answer| {
            answer.headers_mut().insert("tlog-first-seen", "true".parse().unwrap());
        }),
        (Method::GET, "/sightings/", STEPS[4], |answer| *answer.status_mut() = http::StatusCode::NOT_FOUND),
        (Method::GET, "/sightings/", STEPS[4], |answer| say(answer, r#"{"mediaType":"text/html"}"#)),
        (Method::GET, "/key.pem", STEPS[5], |answer| say(answer, "<html></html>")),
        (Method::GET, "/key.pem", STEPS[5], |answer| say(answer, NO_BASE64)),
        (Method::GET, "/v2/registry.invalid/", STEPS[6], |answer| *answer.status_mut() = http::StatusCode::OK),
    ];
    for (method, path, step, lie) in lies {
        let ended = smoke(&before(&scene.instance, method.clone(), path, lie).await);
        assert_eq!((ended.code, titles(&ended, "FAILED")), (Some(1), vec![step]), "{method} {path}: {ended:?}");
        assert_eq!(ended.stderr, "smoke.py: 1 of 7 steps failed\n", "{method} {path}");
    }
}
