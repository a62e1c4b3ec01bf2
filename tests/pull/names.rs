//! One tag, one record, by whatever name it is asked for; and the tags that are never recorded.

use testing::client::{get, head};
use testing::image::Image;
use testing::stage::{REGISTRY, REPOSITORY};

use crate::Scene;

#[tokio::test]
async fn a_mirrors_client_is_told_the_same_record() {
    let scene = Scene::set();
    scene.stage.push("v1", &Image::oci("mirrored")).await;
    // containerd sends the registry in the query, and the path holds the repository alone.
    let mirror = format!("http://{}/v2/{REPOSITORY}/manifests/v1?ns={REGISTRY}", scene.instance.address);
    let first = get(&mirror).await;
    assert_eq!((first.status, first.header("tlog-first-seen")), (200, "true"));

    let second = get(&scene.instance.url("manifests/v1")).await;
    assert_eq!((second.status, second.find("tlog-first-seen")), (200, None));
    assert_eq!(second.header("tlog-uuid"), first.header("tlog-uuid"));

    scene.stage.push("v1", &Image::oci("moved")).await;
    let (moved, mirrored) = (get(&scene.instance.url("manifests/v1")).await, get(&mirror).await);
    assert_eq!((moved.status, mirrored.status), (403, 403));
    assert_eq!(moved.error(), mirrored.error());
}

/// Such tags stand for a digest by convention (cosign's signatures, the referrers' fall-back) and are rewritten by
/// protocol.
#[tokio::test]
async fn a_referrers_tag_is_served_unrecorded_and_may_move() {
    let scene = Scene::set();
    for suffix in ["", ".sig"] {
        let tag = format!("sha256-{}{suffix}", "5".repeat(64));
        let url = scene.instance.url(&format!("manifests/{tag}"));
        for text in ["one signature", "two signatures"] {
            let image = Image::oci(text);
            scene.stage.push(&tag, &image).await;
            let (got, headed) = (get(&url).await, head(&url).await);
            assert_eq!((got.status, &got.bytes), (200, &image.manifest));
            for answer in [&got, &headed] {
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("tlog-exempt"), "referrers-tag");
                assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
                assert_eq!(answer.header("content-length"), image.manifest.len().to_string());
                assert_eq!(answer.header("cache-control"), "no-store");
                for name in ["tlog-uuid", "tlog-logindex", "tlog-integratedtime", "tlog-entry", "tlog-first-seen"] {
                    assert_eq!(answer.find(name), None);
                }
            }
        }
    }
    let head_of_log = get(&format!("{}/api/v1/log", scene.stage.log.url)).await;
    let state: serde_json::Value = serde_json::from_slice(&head_of_log.bytes).unwrap();
    assert_eq!(state["treeSize"], 0, "{state}");
}
