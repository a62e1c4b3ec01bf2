//! Tokens that end before they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use testing::network::inside;
use testing::network::web::status;

use crate::scene::{IMAGE, Scene};
use crate::shape::{Blobs, Shape};

const REALM: &str = "https://auth.example/token";
const OTHER_REALM: &str = "https://auth.example/other";
const SHAPE: Shape = Shape::by_token("registry.example", REALM, "a", Blobs::at(307, "https://cdn.example/"));

/// From now on the registry takes only tokens that are asked for after this, of which it takes all but the first `bad`.
fn revoke(scene: &Scene, bad: usize) {
    let given = Arc::new(AtomicUsize::new(0));
    let giving = given.clone();
    scene.network.web.site("auth.example", move |_| {
        let number = giving.fetch_add(1, Ordering::Relaxed);
        status(200, &[], format!(r#"{{"token":"new-{number}"}}"#))
    });
    let blob = scene.blob();
    scene.network.web.site(SHAPE.host, move |request| {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let number: Option<usize> = token.strip_prefix("Bearer new-").map(|number| number.parse().unwrap());
        match number.is_some_and(|number| number >= bad) {
            true if request.uri().path().ends_with(&blob) => status(307, &[("location", "https://cdn.example/x")], ""),
            true => status(404, &[], ""),
            // A HEAD's answer has no body. Others than Bearer are offered too, in one header and in another.
            false => status(
                401,
                &[
                    ("www-authenticate", r#"Basic realm="x", Negotiate"#),
                    ("www-authenticate", &format!(r#"Bearer error="invalid_token",service="a",realm="{REALM}""#)),
                ],
                "",
            ),
        }
    });
}

#[test]
fn a_token_that_is_refused_for_a_blob_is_fetched_anew_once() {
    inside(async {
        let scene = Scene::set(SHAPE).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        revoke(&scene, 0);
        scene.asked();
        let answer = scene.get(&scene.blob()).await;
        assert_eq!((answer.status, answer.header("location")), (307, "https://cdn.example/x"), "{answer:?}");
        assert_eq!(scene.asked(), ["GET blobs", "GET blobs", "GET token", "GET blobs"]);
        // The new one is kept.
        assert_eq!(scene.head(&scene.blob()).await.status, 307);
        assert_eq!(scene.asked(), ["HEAD blobs"]);
    });
}

#[test]
fn a_new_token_that_is_refused_too_is_the_end() {
    inside(async {
        let scene = Scene::set(SHAPE).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        revoke(&scene, usize::MAX);
        scene.asked();
        let answer = scene.get(&scene.blob()).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{answer:?}");
        assert_eq!(scene.asked(), ["GET blobs", "GET blobs", "GET token", "GET blobs"]);
        let answer = scene.head("manifests/v1").await;
        assert_eq!(answer.status, 403);
        // A HEAD that is refused is followed by GET, with the token that was just given.
        let asked = ["HEAD manifests", "HEAD manifests", "GET token", "HEAD manifests", "GET manifests"];
        assert_eq!(scene.asked(), asked);
    });
}

/// A registry that gives a token for the first question, and from then on refuses it with `refusal`.
async fn assert_asked_once_more(what: &str, refusal: fn() -> Response<Bytes>) {
    let scene = Scene::set(SHAPE).await;
    assert_eq!(scene.get("manifests/v1").await.status, 200);
    let given = Arc::new(AtomicUsize::new(0));
    let giving = given.clone();
    scene.network.web.site("auth.example", move |_| {
        let number = giving.fetch_add(1, Ordering::Relaxed);
        status(200, &[], format!(r#"{{"token":"new-{number}"}}"#))
    });
    let image = scene.image.clone();
    scene.network.web.site(SHAPE.host, move |request| {
        let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        match token {
            Some(token) if token.starts_with("Bearer new-") => {
                Shape { blobs: SHAPE.blobs, ..Shape::plain(SHAPE.host) }.answer(&without_token(request), &image, true)
            }
            Some(_) => refusal(),
            None => SHAPE.answer(request, &image, true),
        }
    });
    scene.asked();
    let answer = scene.get("manifests/v1").await;
    assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest), "{answer:?}");
    assert_eq!(scene.asked(), ["HEAD manifests", "HEAD manifests", "GET token", "HEAD manifests"]);
    // The new one is kept.
    assert_eq!(scene.get("manifests/v1").await.status, 200);
    assert_eq!(scene.asked(), ["HEAD manifests"]);
    // The challenge of the refusal is not.
    assert_eq!(given.load(Ordering::Relaxed), 1);
    scene.assert_pulls_as(what, IMAGE, IMAGE).await;
}

fn without_token(request: &Request<()>) -> Request<()> {
    let mut request = request.clone();
    request.headers_mut().remove("authorization");
    request
}

/// A HEAD that is refused whatever it bears says nothing of the token.
#[test]
fn a_token_that_was_kept_is_no_new_one_after_a_head_that_was_refused() {
    inside(async {
        let scene = Scene::set(SHAPE).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        let image = scene.image.clone();
        scene.network.web.site("auth.example", |_| status(200, &[], r#"{"token":"new"}"#));
        scene.network.web.site(SHAPE.host, move |request| {
            let has_new = request.headers().get("authorization").is_some_and(|value| value == "Bearer new");
            match (request.method() == http::Method::HEAD, has_new) {
                (true, _) => status(404, &[], ""),
                (false, true) => Shape::plain(SHAPE.host).answer(&without_token(request), &image, true),
                (false, false) => SHAPE.answer(&without_token(request), &image, true),
            }
        });
        scene.asked();
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        let asked = ["HEAD manifests", "GET manifests", "GET manifests", "GET token", "GET manifests"];
        assert_eq!(scene.asked(), asked);
    });
}

/// <https://github.com/aws/containers-roadmap/issues/2835>, <https://github.com/oras-project/oras-go/issues/1227>.
#[test]
fn ecr_public_answers_400_to_a_token_that_has_ended() {
    inside(async {
        assert_asked_once_more("a kept token is refused by 400", || {
            let body = r#"{"errors":[{"code":"DENIED","message":"Your Authorization Token is invalid."}]}"#;
            status(400, &[("content-type", "application/json; charset=utf-8")], body)
        })
        .await;
    });
}

/// <https://github.com/bazel-contrib/rules_img/issues/715>.
#[test]
fn ecr_answers_403_to_a_token_that_has_ended() {
    inside(async {
        assert_asked_once_more("a kept token is refused by 403", || {
            status(403, &[], "Your authorization token has expired. Reauthenticate.")
        })
        .await
    });
}

/// <https://github.com/NVIDIA/nvidia-container-toolkit/issues/1945>.
#[test]
fn nvcr_io_names_a_realm_for_the_logged_in_when_a_token_has_ended() {
    inside(async {
        assert_asked_once_more("a kept token is refused, with another realm", || {
            let challenge = r#"Bearer realm="https://authn.nvidia.com/token",service="registry",error="invalid_token""#;
            status(401, &[("www-authenticate", challenge)], "")
        })
        .await;
    });
}

/// <https://github.com/goharbor/harbor/issues/18856>.
#[test]
fn harbor_wants_a_password_when_a_token_is_not_enough() {
    inside(async {
        assert_asked_once_more("a kept token is refused, with Basic", || {
            status(401, &[("www-authenticate", r#"Basic realm="harbor""#)], "")
        })
        .await
    });
}

/// The realm of Artifactory is each repository's own: the last one's gives tokens that the next one refuses.
/// <https://github.com/containerd/containerd/issues/6339>.
#[test]
fn a_token_by_the_last_repositorys_challenge_is_asked_for_once_more_too() {
    inside(async {
        let mut scene = Scene::set(SHAPE).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        scene.asked();
        let another = Shape { repository: "org/another", ..Shape::by_token(SHAPE.host, OTHER_REALM, "b", Blobs::Here) };
        let image = scene.image.clone();
        let token = |token: &str| status(200, &[], format!(r#"{{"token":"{token}"}}"#));
        scene.network.web.site("auth.example", move |request| match request.uri().path() {
            "/other" => token("an-anonymous-token"),
            _ => token("of-the-first"),
        });
        scene.network.web.site(SHAPE.host, move |request| another.answer(request, &image, true));
        scene.shape = another;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        let asked = ["GET token", "GET manifests", "GET manifests", "GET token", "GET manifests"];
        assert_eq!(scene.asked(), asked);
    });
}
