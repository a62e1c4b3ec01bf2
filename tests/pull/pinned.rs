//! Everything below a pinned name but a manifest by tag is what it is below the plain one.

use testing::client::{Answer, get, head};
use testing::image::{Image, OCI_MANIFEST};
use testing::stage::{REGISTRY, REPOSITORY};
use tlogistry::image::Digest;

use crate::Scene;

/// The URL of `path` of the repository, by its pinned name.
fn pinned(scene: &Scene, path: &str) -> String {
    scene.instance.at(&format!("/v2/pinned.alt/{REGISTRY}/{REPOSITORY}/{path}"))
}

fn told(answer: &Answer) -> (u16, Vec<(String, String)>, &[u8]) {
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    headers.sort();
    (answer.status, headers, &answer.bytes)
}

#[tokio::test]
async fn digests_blobs_and_lists_are_the_same_by_both_names() {
    let scene = Scene::set();
    let image = Image::oci("listed");
    scene.stage.push("v1", &image).await;
    assert_eq!(get(&pinned(&scene, "manifests/v1")).await.header("tlog-first-seen"), "true");
    let missing = Digest::sha256(b"nowhere");
    let mut paths = vec![
        format!("manifests/{}", image.digest()),
        format!("manifests/{missing}"),
        format!("blobs/{missing}"),
        "tags/list".to_owned(),
        format!("referrers/{}", image.digest()),
        "manifests/v1".to_owned(),
        "manifests/v9".to_owned(),
        "manifests/.v".to_owned(),
    ];
    paths.extend(image.blobs.iter().map(|blob| format!("blobs/{}", Digest::sha256(blob))));
    for path in paths {
        let (by_one, by_other) = (scene.instance.url(&path), pinned(&scene, &path));
        // An answer says whether it was at hand, so each is asked for once before.
        for url in [&by_one, &by_other] {
            get(url).await;
            head(url).await;
        }
        assert_eq!(told(&get(&by_one).await), told(&get(&by_other).await), "{path}");
        assert_eq!(told(&head(&by_one).await), told(&head(&by_other).await), "{path}");
    }
}

#[tokio::test]
async fn a_pinned_pull_of_a_moved_tag_is_a_line_of_its_own_kind() {
    let scene = Scene::set();
    let (recorded, other) = (Image::oci("recorded"), Image::oci("something else"));
    scene.stage.push("v1", &recorded).await;
    assert_eq!(get(&scene.instance.url("manifests/v1")).await.status, 200);
    scene.stage.push("v1", &other).await;
    let (got, headed) = (get(&pinned(&scene, "manifests/v1")).await, head(&pinned(&scene, "manifests/v1")).await);
    assert_eq!((got.status, headed.status, &got.bytes), (200, 200, &recorded.manifest));
    for answer in [&got, &headed] {
        assert_eq!(answer.header("content-type"), OCI_MANIFEST);
        assert_eq!(answer.header("content-length"), recorded.manifest.len().to_string());
        assert_eq!(answer.header("docker-content-digest"), recorded.digest().as_str());
        assert_eq!(answer.header("tlog-moved"), other.digest().as_str());
        assert_eq!(answer.header("warning"), got.header("warning"));
    }
    let line = scene.instance.wait_for(|line| line.contains("\"outcome\":\"Pinned\"").then(|| line.to_owned()));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let line = if line["fields"].is_object() { &line["fields"] } else { &line };
    assert_eq!(line["status"], 200);
    assert_eq!(line["tag"], format!("{REGISTRY}/{REPOSITORY}:v1"));
    assert_eq!(line["digest"], recorded.digest().as_str());
    assert_eq!(line["path"], format!("/v2/pinned.alt/{REGISTRY}/{REPOSITORY}/manifests/v1"));
}
