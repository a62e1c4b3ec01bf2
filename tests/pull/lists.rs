//! Lists, from a registry that has no referrers API and sends all tags at once.

use serde_json::{Value, json};
use testing::client::{get, head};
use testing::image::{Image, OCI_INDEX};
use testing::stage::{REGISTRY, REPOSITORY};
use tlogistry::image::Tag;

use crate::Scene;

#[tokio::test]
async fn tags_are_listed_as_the_registry_lists_them() {
    let scene = Scene::set();
    for tag in ["v1", "v2"] {
        scene.stage.push(tag, &Image::oci("listed")).await;
    }
    let url = scene.instance.url("tags/list");
    let mirror = format!("http://{}/v2/{REPOSITORY}/tags/list?ns={REGISTRY}", scene.instance.address);
    for url in [url, mirror] {
        let (listed, headed) = (get(&url).await, head(&url).await);
        assert_eq!((listed.status, listed.header("content-type")), (200, "application/json"));
        let list: Value = serde_json::from_slice(&listed.bytes).unwrap();
        assert_eq!(list, json!({"name": REPOSITORY, "tags": ["v1", "v2"]}));
        assert_eq!((headed.status, headed.header("content-length")), (200, listed.header("content-length")));
    }
}

#[tokio::test]
async fn an_unknown_repository_has_no_tags() {
    let scene = Scene::set();
    let answer = get(&scene.instance.url("tags/list")).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (404, "NAME_UNKNOWN"));
}

#[tokio::test]
async fn referrers_are_read_from_the_fall_back_tag_where_there_is_no_api() {
    let scene = Scene::set();
    let image = Image::oci("referred to");
    scene.stage.push("v1", &image).await;
    let url = scene.instance.url(&format!("referrers/{}", image.digest()));
    let none = get(&url).await;
    assert_eq!((none.status, none.header("content-type")), (200, OCI_INDEX));
    let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
    assert_eq!(serde_json::from_slice::<Value>(&none.bytes).unwrap(), empty);

    let index = Image::index("refers to it");
    let tag = Tag::referrers(&format!("{REGISTRY}/{REPOSITORY}").parse().unwrap(), &image.digest());
    scene.stage.push(tag.name(), &index).await;
    let some = get(&url).await;
    assert_eq!((some.status, some.header("content-type"), &some.bytes), (200, OCI_INDEX, &index.manifest));
    assert_eq!(some.find("oci-filters-applied"), None, "nothing was filtered");
}
