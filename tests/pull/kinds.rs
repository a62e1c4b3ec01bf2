//! Pushed manifests arrive, of any kind and however they are written.

use testing::client::get;
use testing::image::{DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST};
use testing::skopeo::{self, Destination};
use testing::story::{assert_holds, assert_pulls};

use crate::Scene;

/// Pulls the tag with skopeo and by GET, twice, and compares every byte.
async fn assert_arrives(image: Image, media_type: &str, to: Destination) {
    let scene = Scene::set();
    scene.stage.push("v1", &image).await;
    let ended = skopeo::pull(&scene.instance.image(":v1"), &to);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_holds(&to, &image);
    for reference in ["v1", image.digest().as_str()] {
        let answer = get(&scene.instance.url(&format!("manifests/{reference}"))).await;
        assert_eq!((answer.status, &answer.bytes), (200, &image.manifest));
        assert_eq!(answer.header("content-type"), media_type);
    }
}

#[tokio::test]
async fn a_docker_schema_2_image_arrives() {
    assert_arrives(Image::docker("in Docker's format"), DOCKER_MANIFEST, Destination::folder()).await;
}

#[tokio::test]
async fn an_index_arrives_with_all_its_images() {
    assert_arrives(Image::index("for everyone"), OCI_INDEX, Destination::oci()).await;
}

#[tokio::test]
async fn a_manifest_that_is_written_oddly_arrives_byte_for_byte() {
    let odd = Image::oci("odd").written_oddly();
    assert_ne!(odd.digest(), Image::oci("odd").digest());
    assert_arrives(odd, OCI_MANIFEST, Destination::folder()).await;
}

/// The record is of the tag, so a tag that moves from an image to an index of it has moved.
#[tokio::test]
async fn an_image_in_another_format_is_another_digest() {
    let scene = Scene::set();
    let (oci, docker) = (Image::oci("the same"), Image::docker("the same"));
    scene.stage.push("v1", &oci).await;
    assert_pulls(&scene.instance.image(":v1"), &oci);
    scene.stage.push("v1", &docker).await;
    let answer = get(&scene.instance.url("manifests/v1")).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"));
}
