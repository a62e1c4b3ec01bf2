//! Files and S3, each open to everyone and by tokens.

use std::collections::HashSet;

use testing::client::{get, head};
use testing::docker_registry::Storage;
use testing::skopeo::{self, Destination};
use testing::stage::REPOSITORY;
use tlogistry::image::Digest;

use crate::scene::Scene;

#[tokio::test]
async fn files_open_to_everyone() {
    let scene = Scene::set(Storage::Files, false).await;
    let location = scene.registry.url(&format!("{REPOSITORY}/{}", scene.blob()));
    for answer in [get(&scene.instance.url(&scene.blob())).await, head(&scene.instance.url(&scene.blob())).await] {
        assert_eq!((answer.status, answer.header("location")), (307, location.as_str()));
    }
    scene.tell().await;
}

#[tokio::test]
async fn s3_open_to_everyone() {
    let scene = Scene::set(Storage::S3, false).await;
    assert_blobs_are_in_s3(&scene).await;
    scene.tell().await;
}

#[tokio::test]
async fn s3_by_tokens() {
    let scene = Scene::set(Storage::S3, true).await;
    assert_wants_tokens(&scene).await;
    assert_blobs_are_in_s3(&scene).await;
    scene.tell().await;
}

#[tokio::test]
async fn files_by_tokens_are_out_of_reach_and_their_manifests_are_not() {
    let scene = Scene::set(Storage::Files, true).await;
    assert_wants_tokens(&scene).await;
    let answer = get(&scene.instance.url("manifests/v1")).await;
    assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest));
    for blob in &scene.image.images[0].blobs {
        let url = scene.instance.url(&format!("blobs/{}", Digest::sha256(blob)));
        let (answer, headed) = (get(&url).await, head(&url).await);
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, headed.status, code.as_str()), (501, 501, "UNSUPPORTED"));
        assert!(message.starts_with("registry.test sends the bytes of blobs itself, and only to holders"), "{message}");
    }
    let ended = skopeo::pull(&scene.instance.image(":v1"), &Destination::oci());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    scene.move_tag().await;
}

/// Nobody gets anything from the registry itself without a token.
async fn assert_wants_tokens(scene: &Scene) {
    for path in ["manifests/v1".to_owned(), scene.blob()] {
        let answer = get(&scene.registry.url(&format!("{REPOSITORY}/{path}"))).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").starts_with("Bearer realm="), "{answer:?}");
    }
}

/// Each method gets a URL of its own, which has the blob for anyone.
async fn assert_blobs_are_in_s3(scene: &Scene) {
    let url = scene.instance.url(&scene.blob());
    let storage = format!("http://{}/registry/", scene.registry.storage.as_ref().unwrap());
    let (got, headed) = (get(&url).await, head(&url).await);
    let locations: HashSet<_> = [&got, &headed].map(|answer| answer.header("location").to_owned()).into();
    assert_eq!((got.status, headed.status, locations.len()), (307, 307, 2), "{locations:?}");
    for location in &locations {
        assert!(location.starts_with(&storage) && location.contains("X-Amz-Signature="), "{location}");
    }
    assert_eq!(get(got.header("location")).await.bytes, scene.image.images[0].blobs[1]);
    assert_eq!(head(headed.header("location")).await.status, 200);
}
