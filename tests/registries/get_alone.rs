//! Registries that answer GET of a manifest and not HEAD.

use http::{Method, Request};
use testing::network::inside;
use testing::network::web::status;

use crate::scene::{IMAGE, Scene};
use crate::shape::{Blobs, Shape};

const HOST: &str = "registry.example";
const BLOBS: &str = "https://cdn.example/blobs/";
const SHAPE: Shape = Shape { blobs: Blobs::at(307, BLOBS), ..Shape::plain(HOST) };
fn is_head_of_manifest(request: &Request<()>) -> bool {
    request.method() == Method::HEAD && request.uri().path().contains("/manifests/")
}

/// Refuses HEAD of a manifest so: the second pull finds that out, and later ones know.
async fn assert_works_by_get(code: u16, what: &str) {
    let scene = Scene::set(SHAPE).await;
    scene.quirk(move |request| is_head_of_manifest(request).then(|| status(code, &[], "")));
    for (pull, asked) in
        [(1, &["GET manifests"][..]), (2, &["HEAD manifests", "GET manifests"]), (3, &["GET manifests"])]
    {
        let answer = scene.get("manifests/v1").await;
        assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest), "{pull}: {answer:?}");
        assert_eq!(scene.asked(), asked, "{pull}");
    }
    let digest = scene.image.digest();
    for reference in ["v1", digest.as_str()] {
        let answer = scene.head(&format!("manifests/{reference}")).await;
        assert_eq!((answer.status, answer.header("docker-content-digest")), (200, digest.as_str()), "{answer:?}");
    }
    assert_eq!(scene.asked(), ["GET manifests"], "the digest is at hand");
    scene.assert_pulls_as(what, IMAGE, IMAGE).await;
}

/// registry.centos.org: <https://github.com/containerd/containerd/pull/6684>.
#[test]
fn a_registry_that_answers_403_to_head() {
    inside(async { assert_works_by_get(403, "HEAD of a manifest is 403").await });
}

/// Nexus and Harbor in front of others: <https://github.com/crossplane/crossplane/pull/3223>,
/// <https://github.com/goharbor/harbor/issues/13740>.
#[test]
fn a_registry_that_answers_404_to_head() {
    inside(async { assert_works_by_get(404, "HEAD of a manifest is 404").await });
}

/// GitHub Enterprise: <https://github.com/containerd/containerd/issues/5860>.
#[test]
fn a_registry_that_answers_405_to_head() {
    inside(async { assert_works_by_get(405, "HEAD of a manifest is 405").await });
}

/// One that never answered a HEAD is asked by GET for its other repositories too.
#[test]
fn a_registry_that_answers_no_head_is_remembered() {
    inside(async {
        let mut scene = Scene::set(SHAPE).await;
        scene.quirk(|request| is_head_of_manifest(request).then(|| status(403, &[], "")));
        assert_eq!(scene.head("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), ["HEAD manifests", "GET manifests"]);
        scene.shape = Shape { repository: "org/another", ..SHAPE };
        for _ in 0..2 {
            assert_eq!(scene.head("manifests/v1").await.status, 200);
            assert_eq!(scene.asked(), ["GET manifests"]);
        }
    });
}

#[test]
fn a_clients_first_request_may_be_a_head() {
    inside(async {
        let scene = Scene::set(SHAPE).await;
        scene.quirk(|request| is_head_of_manifest(request).then(|| status(403, &[], "")));
        let digest = scene.image.digest();
        for (reference, asked) in
            [(digest.as_str(), &["HEAD manifests", "GET manifests"][..]), ("v1", &["GET manifests"])]
        {
            let answer = scene.head(&format!("manifests/{reference}")).await;
            assert_eq!((answer.status, answer.header("docker-content-digest")), (200, digest.as_str()), "{answer:?}");
            assert_eq!(answer.header("content-length"), scene.image.manifest.len().to_string());
            assert_eq!(scene.asked(), asked);
        }
    });
}

/// With tokens, a 403 may be the token's: HEAD is asked from the start before GET is.
#[test]
fn a_registry_with_tokens_that_refuses_head() {
    inside(async {
        let realm = "https://auth.example/token";
        let shape = Shape::by_token(HOST, realm, "a", Blobs::at(307, BLOBS));
        let scene = Scene::set(shape).await;
        scene.quirk(|request| {
            let has_token = request.headers().contains_key("authorization");
            (is_head_of_manifest(request) && has_token).then(|| status(403, &[], ""))
        });
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), ["GET manifests", "GET token", "GET manifests"]);
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        let asked = ["HEAD manifests", "HEAD manifests", "GET token", "HEAD manifests", "GET manifests"];
        assert_eq!(scene.asked(), asked);
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), ["GET manifests"]);
        scene.assert_pulls_as("HEAD of a manifest is 403, with tokens", IMAGE, IMAGE).await;
    });
}

/// A pre-signed URL is good for one method: <https://github.com/moby/moby/issues/50065>. registry.k8s.io led to such:
/// <https://github.com/kubernetes/registry.k8s.io/issues/261>.
#[test]
fn a_redirect_whose_target_refuses_head() {
    inside(async {
        let elsewhere = "storage.example";
        let shape = Shape { manifests_at: Some("https://storage.example/v2/org/app"), ..SHAPE };
        let scene = Scene::set(shape).await;
        let image = scene.image.clone();
        scene.network.web.site(elsewhere, move |request| match *request.method() {
            Method::HEAD => status(403, &[], ""),
            _ => shape.answer(request, &image, false),
        });
        let by_get = ["GET manifests", "GET manifests at storage.example"];
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), by_get);
        assert_eq!(scene.head("manifests/v1").await.status, 200);
        let by_head = ["HEAD manifests", "HEAD manifests at storage.example"];
        assert_eq!(scene.asked(), [by_head, by_get].concat());
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), by_get);
        scene.assert_pulls_as("HEAD of a manifest redirects to where HEAD is 403", IMAGE, IMAGE).await;
    });
}

/// Docker Hub's HEAD is free and its GET is not: <https://docs.docker.com/docker-hub/usage/pulls/>.
#[test]
fn a_429_is_never_followed_by_get() {
    inside(async {
        let scene = Scene::set(SHAPE).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        scene.asked();
        scene.quirk(|request| is_head_of_manifest(request).then(|| status(429, &[("retry-after", "60")], "")));
        for _ in 0..2 {
            let answer = scene.get("manifests/v1").await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
            assert_eq!(scene.asked(), ["HEAD manifests"]);
        }
    });
}
