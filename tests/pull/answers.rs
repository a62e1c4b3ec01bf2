//! The answers to plain requests: first pulls, digests, blobs, and what is not there.

use testing::client::{get, head};
use testing::image::{Image, OCI_MANIFEST};
use testing::stage::REPOSITORY;
use tlogistry::image::Digest;

use crate::Scene;

#[tokio::test]
async fn the_pull_that_records_a_tag_says_so() {
    let scene = Scene::set();
    let image = Image::oci("new");
    for tag in ["by-get", "by-head"] {
        scene.stage.push(tag, &image).await;
    }
    let url = scene.instance.url("manifests/by-get");
    let (first, second) = (get(&url).await, get(&url).await);
    assert_eq!((first.status, &first.bytes), (200, &image.manifest));
    assert_eq!(first.header("tlog-first-seen"), "true");
    assert_eq!(second.find("tlog-first-seen"), None);
    assert_eq!(first.header("tlog-uuid"), second.header("tlog-uuid"));

    // containerd begins with a HEAD.
    let url = scene.instance.url("manifests/by-head");
    let (first, second) = (head(&url).await, head(&url).await);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.header("tlog-first-seen"), "true");
    assert_eq!(second.find("tlog-first-seen"), None);
    assert_eq!(first.header("tlog-uuid"), second.header("tlog-uuid"));
    for answer in [first, second] {
        assert_eq!(answer.header("content-length"), image.manifest.len().to_string());
    }
}

#[tokio::test]
async fn a_manifest_by_digest_needs_no_record_and_may_be_kept_forever() {
    let scene = Scene::set();
    let image = Image::oci("by digest");
    scene.stage.push("v1", &image).await;
    let url = scene.instance.url(&format!("manifests/{}", image.digest()));
    // Once before a GET has put it into the cache, once after.
    for headed_is_checked in [false, true] {
        let (headed, got) = (head(&url).await, get(&url).await);
        assert_eq!((got.status, &got.bytes), (200, &image.manifest));
        for answer in [&got, &headed] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), OCI_MANIFEST);
            assert_eq!(answer.header("content-length"), image.manifest.len().to_string());
            assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
            assert_eq!(answer.header("etag"), format!("\"{}\"", image.digest()));
            assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("tlog-")), "{answer:?}");
        }
        let forever = "public, max-age=31536000, immutable";
        assert_eq!(got.header("cache-control"), forever);
        // Before, it is what the registry says and no more.
        assert_eq!(headed.header("cache-control"), if headed_is_checked { forever } else { "no-store" });
    }
}

#[tokio::test]
async fn a_blob_is_never_carried() {
    let scene = Scene::set();
    let image = Image::oci("blobs");
    scene.stage.push("v1", &image).await;
    for blob in &image.blobs {
        let path = format!("blobs/{}", Digest::sha256(blob));
        let location = scene.stage.registry.url(&format!("{REPOSITORY}/{path}"));
        for answer in [get(&scene.instance.url(&path)).await, head(&scene.instance.url(&path)).await] {
            assert_eq!((answer.status, answer.header("location")), (307, location.as_str()));
            assert_eq!((answer.bytes.len(), answer.header("content-length")), (0, "0"));
        }
        assert_eq!(get(&location).await.bytes, blob, "the location has the blob");
    }
}

#[tokio::test]
async fn a_manifest_that_the_registry_lacks_is_not_found_and_leaves_no_record() {
    let scene = Scene::set();
    scene.stage.push("v1", &Image::oci("there")).await;
    let missing = Digest::sha256(b"nowhere");
    let registry = "registry.test";
    let cases = [
        ("manifests/v9".to_owned(), "MANIFEST_UNKNOWN", "manifest"),
        (format!("manifests/{missing}"), "MANIFEST_UNKNOWN", "manifest"),
        (format!("blobs/{missing}"), "BLOB_UNKNOWN", "blob"),
    ];
    for (path, code, what) in cases {
        let url = scene.instance.url(&path);
        let (got, headed) = (get(&url).await, head(&url).await);
        assert_eq!((got.status, headed.status), (404, 404), "{path}");
        let (found, message, _) = got.error();
        assert_eq!((found.as_str(), message), (code, format!("{registry} has no such {what}")), "{path}");
    }
}
