//! Registries that redirect to another path of the same host, and want the token there. Artifactory has each repository at
//! `/artifactory/api/docker/<repository>/`: <https://github.com/containerd/containerd/issues/6339>.

use testing::network::inside;
use testing::network::web::status;
use tlogistry::image::Digest;

use crate::scene::{Asked, IMAGE, Scene};
use crate::shape::{Blobs, Shape};

const HOST: &str = "artifactory.example";
const REALM: &str = "https://artifactory.example/artifactory/api/docker/local/v2/token";
const INNER: &str = "/artifactory/api/docker/local";
const BLOBS: &str = "https://cdn.example/blobs/";

/// `/v2/…` leads to the inner path, with or without a token. That one is the registry.
async fn scene(shape: Shape) -> Scene {
    let scene = Scene::set(shape).await;
    let image = scene.image.clone();
    scene.network.web.site(HOST, move |request| match request.uri().path() {
        path if path.starts_with("/v2/") && path != "/v2/" => {
            let location = format!("{INNER}{path}");
            status(302, &[("location", location.as_str())], "")
        }
        _ => shape.answer(request, &image, true),
    });
    scene
}

#[test]
fn the_token_goes_along_to_another_path_of_the_same_host() {
    inside(async {
        let scene = scene(Shape::by_token(HOST, REALM, "artifactory.example", Blobs::at(302, BLOBS))).await;
        let asked = Asked {
            first: &["GET manifests", "GET manifests", "GET token", "GET manifests", "GET manifests"],
            again: &["HEAD manifests", "HEAD manifests"],
            blob: &["GET blobs", "GET blobs"],
            blob_head: &["HEAD blobs", "HEAD blobs"],
        };
        scene.assert_works(asked, BLOBS).await;
        scene.assert_pulls_as("redirects to a path of the same host that wants the token", IMAGE, IMAGE).await;
    });
}

/// Whatever its status, and however the host is written.
#[test]
fn the_token_goes_along_however_the_redirect_is_written() {
    inside(async {
        let shape = Shape::by_token(HOST, REALM, "artifactory.example", Blobs::at(302, BLOBS));
        let scene = Scene::set(shape).await;
        for (code, start) in [
            (301, "https://artifactory.example"),
            (302, "https://Artifactory.example:443"),
            (303, "//artifactory.example"),
            (307, ""),
            (308, "/artifactory/.."),
        ] {
            let image = scene.image.clone();
            scene.network.web.site(HOST, move |request| match request.uri().path() {
                path if path.starts_with("/v2/") => status(code, &[("location", &format!("{start}{INNER}{path}"))], ""),
                _ => shape.answer(request, &image, true),
            });
            for pull in 1..=2 {
                assert_eq!(scene.get("manifests/v1").await.status, 200, "{code}, {pull}");
                let answer = scene.get(&scene.blob()).await;
                assert!(answer.status == 307 && answer.header("location").starts_with(BLOBS), "{code}: {answer:?}");
            }
        }
    });
}

/// Without tokens the client is sent to where the registry has the blob itself.
#[test]
fn a_blob_at_another_path_of_the_same_host_is_where_that_is() {
    inside(async {
        let scene = scene(Shape::plain(HOST)).await;
        let blob = Digest::sha256(&scene.image.blobs[1]);
        let answer = scene.get(&scene.blob()).await;
        let location = format!("https://{HOST}{INNER}/v2/org/app/blobs/{blob}");
        assert_eq!((answer.status, answer.header("location")), (307, location.as_str()), "{answer:?}");
        assert_eq!(scene.asked(), ["GET blobs", "GET blobs"]);
        scene.assert_pulls_as("redirects to a path of the same host, without tokens", IMAGE, IMAGE).await;
    });
}

/// Scheme, host and port are one origin. Whatever differs gets no token, nor does what is reached by it.
#[test]
fn no_token_goes_to_another_host_or_comes_back_from_one() {
    inside(async {
        let shape = Shape::by_token(HOST, REALM, "a", Blobs::Here);
        let scene = Scene::set(Shape { manifests_at: Some("https://elsewhere.example/v2/org/app"), ..shape }).await;
        let image = scene.image.clone();
        let has_token = |request: &http::Request<()>| request.headers().contains_key("authorization");
        scene.network.web.site("elsewhere.example", move |request| match has_token(request) {
            true => status(500, &[], ""),
            false => status(307, &[("location", "https://artifactory.example/public/manifests/v1")], ""),
        });
        let refusing = Shape { manifests_at: Some("https://elsewhere.example/v2/org/app"), ..shape };
        scene.quirk(move |request| match request.uri().path() {
            "/public/manifests/v1" if has_token(request) => Some(status(500, &[], "")),
            "/public/manifests/v1" => Some(Shape::plain(HOST).answer(request, &image, true)),
            _ => Some(refusing.answer(request, &image, true)),
        });
        let answer = scene.get("manifests/v1").await;
        assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest), "{answer:?}");
        let led = ["GET manifests", "GET manifests at elsewhere.example", "GET manifests"];
        assert_eq!(scene.asked(), [&["GET manifests", "GET token"][..], &led].concat());
    });
}
