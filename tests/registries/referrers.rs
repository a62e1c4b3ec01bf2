//! Lists of referrers: registries without the API, or that fail at it. The attestation that the instance serves itself is
//! listed all the same.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use testing::client::Answer;
use testing::image::Image;
use testing::network::inside;
use testing::network::web::status;

use crate::scene::Scene;
use crate::shape::Shape;

const HOST: &str = "registry.example";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Go's readers take the second for the first.
const HIDING: &str = r#"{"manifests":[],"Manifests":[]}"#;
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn manifests(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, INDEX), "{answer:?}");
    let index: Value = serde_json::from_slice(&answer.bytes).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

/// GitLab resolves `sha256-<hex>` to the manifest itself: <https://github.com/oras-project/oras-go/issues/1396>.
#[test]
fn an_indexs_own_images_are_not_its_referrers() {
    inside(async {
        let scene = Scene::set(Shape::plain(HOST)).await;
        let image = Image::index("of a registry");
        let (digest, manifest) = (image.digest(), image.manifest.clone());
        let as_tag = format!("sha256-{}", digest.hex());
        scene.quirk(move |request| {
            let path = request.uri().path();
            let found = path.ends_with("/manifests/v1") || path.ends_with(&as_tag);
            found.then(|| status(200, &[("content-type", INDEX)], manifest.clone()))
        });
        let list = format!("referrers/{digest}");
        assert_eq!(manifests(&scene.get(&list).await), [] as [Value; 0]);
        assert_eq!(scene.asked(), ["GET referrers", "GET manifests"]);
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        scene.asked();
        let answer = scene.get(&list).await;
        let listed = manifests(&answer);
        assert_eq!((listed.len(), &listed[0]["artifactType"]), (1, &Value::from(BUNDLE)), "the own attestation alone");
        assert_eq!(answer.find("warning"), None, "the registry said what a registry without the API says");
        assert_eq!(scene.asked(), ["GET referrers", "GET manifests"]);
    });
}

type Answers = fn(&Request<()>) -> Option<Response<Bytes>>;

/// The same answer to the list and to the index under the referrers tag.
fn of_both(request: &Request<()>, answer: impl Fn() -> Response<Bytes>) -> Option<Response<Bytes>> {
    let path = request.uri().path();
    (path.contains("/referrers/") || path.contains("/manifests/sha256-")).then(answer)
}

fn of_list(request: &Request<()>, answer: impl Fn() -> Response<Bytes>) -> Option<Response<Bytes>> {
    request.uri().path().contains("/referrers/").then(answer)
}

/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers> knows 200, 400 and 404. Others
/// of a registry that lacks the API, or of what stands in front of it: 403 and a login page
/// (<https://github.com/sigstore/sigstore-js/pull/1187> tells of a 200 that is no list).
#[test]
fn a_registry_that_fails_hides_no_attestation() {
    let cases: [(&str, Answers, &str, u16); 14] = [
        ("403", |r| of_list(r, || status(403, &[], "")), "registry.example wants credentials", 403),
        ("410", |r| of_list(r, || status(410, &[], "")), "registry.example answered 410", 200),
        ("501", |r| of_list(r, || status(501, &[], "")), "registry.example answered 501", 200),
        ("401", |r| of_list(r, || status(401, &[], "")), "registry.example wants credentials", 403),
        (
            "a page",
            |r| of_list(r, || status(200, &[("content-type", "text/html")], "<title>Log in</title>")),
            "registry.example sent a list of referrers that is not an OCI index",
            200,
        ),
        (
            "a redirect to a page",
            |r| match r.uri().path() {
                "/login" => Some(status(200, &[("content-type", "text/html")], "<title>Log in</title>")),
                _ => of_list(r, || status(302, &[("location", "/login")], "")),
            },
            "registry.example sent a list of referrers that is not an OCI index",
            200,
        ),
        (
            "redirects without end",
            |r| of_list(r, || status(302, &[("location", "again")], "")),
            "registry.example redirects more than 5 times",
            502,
        ),
        (
            "a redirect to where nobody is sent",
            |r| of_list(r, || status(302, &[("location", "http://10.0.0.1/login?secret")], "")),
            "http://10.0.0.1 is not called",
            403,
        ),
        (
            "a page for both",
            |r| of_both(r, || status(200, &[("content-type", "text/html")], "<title>Log in</title>")),
            "registry.example sent a manifest that is not a whole JSON object",
            502,
        ),
        (
            "an empty page for both",
            |r| of_both(r, || status(200, &[("content-type", "text/html")], "")),
            "registry.example sent an empty manifest",
            502,
        ),
        (
            "another JSON for both",
            |r| of_both(r, || status(200, &[("content-type", "application/json")], r#"{"login":"/"}"#)),
            "registry.example answered with type 'application/json'",
            502,
        ),
        (
            "JSON without a type for both",
            |r| of_both(r, || status(200, &[], r#"{"login":"/"}"#)),
            "registry.example sent a manifest without its type",
            502,
        ),
        ("501 for both", |r| of_both(r, || status(501, &[], "")), "registry.example answered 501", 502),
        ("410 for both", |r| of_both(r, || status(410, &[], "")), "registry.example answered 410", 410),
    ];
    inside(async move {
        let scene = Scene::set(Shape::plain(HOST)).await;
        let list = format!("referrers/{}", scene.image.digest());
        for (what, answers, _, code) in cases {
            scene.quirk(answers);
            assert_eq!(scene.get(&list).await.status, code, "{what}, before there is an attestation");
        }
        scene.quirk(|_| None);
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        for (what, answers, reason, code) in cases {
            scene.quirk(answers);
            let answer = scene.get(&list).await;
            let listed = manifests(&answer);
            assert_eq!((listed.len(), &listed[0]["artifactType"]), (1, &Value::from(BUNDLE)), "{what}");
            let warning = answer.header("warning");
            let start = "299 - \"the registry's own list of referrers could not be had: ";
            assert!(
                warning.starts_with(start) && warning.contains(reason) && warning.ends_with('"'),
                "{what}: {warning}"
            );
            // Of another type there is none here, and what the registry answered is the answer.
            let answer = scene.get(&format!("{list}?artifactType=a%2Fb")).await;
            assert_eq!(answer.status, code, "{what}: {answer:?}");
        }
        // A failure that passes is the answer, and so is a list that could hide what is added to it.
        let finals: [(Answers, u16); 4] = [
            (|r| of_list(r, || status(429, &[("retry-after", "7")], "")), 429),
            (|r| of_list(r, || status(500, &[], "")), 502),
            (|r| of_list(r, || status(503, &[], "")), 502),
            (|r| of_list(r, || status(200, &[("content-type", INDEX)], HIDING)), 502),
        ];
        for (answers, code) in finals {
            scene.quirk(answers);
            let answer = scene.get(&list).await;
            assert_eq!((answer.status, answer.find("warning")), (code, None));
        }
    });
}
