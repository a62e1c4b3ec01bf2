//! Tokens that end before they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testing::network::inside;
use testing::network::web::status;

use crate::scene::Scene;
use crate::shape::{Blobs, Shape};

const REALM: &str = "https://auth.example/token";
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
        assert_eq!(scene.asked(), ["GET blobs", "GET token", "GET blobs"]);
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
        assert_eq!(scene.asked(), ["GET blobs", "GET token", "GET blobs"]);
        let answer = scene.head("manifests/v1").await;
        assert_eq!(answer.status, 403);
        assert_eq!(scene.asked(), ["HEAD manifests", "GET token", "HEAD manifests"]);
    });
}
