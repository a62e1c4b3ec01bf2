//! Registries that take `Accept` at its word: 406 to a request that does not accept the type of the answer. Artifactory does
//! so for lists (<https://github.com/renovatebot/renovate/issues/3078>,
//! <https://github.com/deitch/docker_registry2/pull/40>), for tokens
//! (<https://github.com/apptainer/singularity/issues/868>), and for all that is no manifest
//! (<https://github.com/dotnet/sdk-container-builds/issues/382>).

use bytes::Bytes;
use http::{Request, Response};
use testing::network::inside;
use testing::network::web::status;

use crate::scene::{Asked, IMAGE, Scene};
use crate::shape::{Blobs, Shape, TAGS};

const BLOBS: &str = "https://cdn.example/blobs/";

/// The types that a path answers: of these one must be accepted.
fn types(path: &str) -> &'static [&'static str] {
    match path {
        _ if path.contains("/manifests/") => &["application/vnd.oci.image.manifest.v1+json"],
        _ if path.contains("/blobs/") => &["application/octet-stream"],
        _ if path.contains("/referrers/") => &["application/vnd.oci.image.index.v1+json"],
        _ => &["application/json"],
    }
}

fn refusal(request: &Request<()>) -> Option<Response<Bytes>> {
    let accepted = request.headers().get("accept").map_or("*/*", |value| value.to_str().unwrap());
    let mut ranges = accepted.split(',').map(|range| range.split(';').next().unwrap().trim());
    let accepts = ranges.any(|range| range == "*/*" || types(request.uri().path()).contains(&range));
    let body = r#"{"errors":[{"status":406,"message":"Not Acceptable"}]}"#;
    (!accepts).then(|| status(406, &[("content-type", "application/json")], body))
}

#[test]
fn a_registry_that_takes_accept_at_its_word() {
    inside(async {
        let shape =
            Shape::by_token("artifactory.example", "https://artifactory.example/v2/token", "a", Blobs::at(302, BLOBS));
        let scene = Scene::set(shape).await;
        scene.quirk(refusal);
        let asked = Asked {
            first: &["GET manifests", "GET token", "GET manifests"],
            again: &["HEAD manifests"],
            blob: &["GET blobs"],
            blob_head: &["HEAD blobs"],
        };
        scene.assert_works(asked, BLOBS).await;
        scene.asked();
        let answer = scene.get("tags/list").await;
        assert_eq!((answer.status, answer.text()), (200, TAGS), "{answer:?}");
        assert_eq!(scene.asked(), ["GET tags"]);
        scene.assert_pulls_as("Accept taken at its word (tokens, blobs, lists)", IMAGE, IMAGE).await;
    });
}

/// The referrers API answers an index, and nothing else is accepted there.
#[test]
fn referrers_are_asked_for_by_their_type() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let list = r#"{"schemaVersion":2,"manifests":[{"size":1}]}"#;
        scene.quirk(move |request| {
            let is_list = request.uri().path().contains("/referrers/");
            let index = [("content-type", "application/vnd.oci.image.index.v1+json")];
            refusal(request).or_else(|| is_list.then(|| status(200, &index, list)))
        });
        let answer = scene.get(&format!("referrers/{}", scene.image.digest())).await;
        assert_eq!((answer.status, answer.text()), (200, list));
        assert_eq!(scene.asked(), ["GET referrers"]);
    });
}
