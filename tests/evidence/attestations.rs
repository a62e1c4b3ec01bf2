//! The service's own attestations among what refers to an image.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testing::client::get;
use testing::image::{Image, OCI_INDEX, OCI_MANIFEST};
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};
use tlogistry::image::{Digest, Tag};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// The list of what refers to `image`.
async fn referrers(scene: &Scene, image: &Image, query: &str) -> Vec<Value> {
    let answer = get(&scene.instance.url(&format!("referrers/{}{query}", image.digest()))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, OCI_INDEX));
    let index: Value = serde_json::from_slice(&answer.bytes).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_sighting_is_listed_and_served_as_cosign_writes_attestations() {
    let scene = Scene::set();
    let image = Image::index("attested");
    scene.stage.push("v1", &image).await;
    assert_eq!(referrers(&scene, &image, "").await, [] as [Value; 0], "it was never pulled by tag");
    let pulled = get(&scene.instance.url("manifests/v1")).await;
    assert_eq!(pulled.status, 200);

    let listed = referrers(&scene, &image, "").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let annotations = json!({
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://tlogistry.dev/tag-sighting/v1",
        "org.opencontainers.image.created": pulled.header("tlog-integratedtime"),
    });
    let digest = listed[0]["digest"].as_str().unwrap();
    assert_eq!(
        (&listed[0]["artifactType"], &listed[0]["mediaType"], &listed[0]["annotations"]),
        (&json!(BUNDLE), &json!(OCI_MANIFEST), &annotations)
    );

    let manifest = get(&scene.instance.url(&format!("manifests/{digest}"))).await;
    assert_eq!((manifest.status, manifest.header("content-type")), (200, OCI_MANIFEST));
    assert_eq!(manifest.header("docker-content-digest"), digest);
    assert_eq!(manifest.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(Digest::sha256(&manifest.bytes).as_str(), digest);
    assert_eq!(listed[0]["size"], manifest.bytes.len());
    let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    let bundle = get(&scene.instance.at(&format!("/sightings/{REGISTRY}/{REPOSITORY}:v1"))).await;
    let subject = json!({"mediaType": OCI_INDEX, "size": image.manifest.len(), "digest": image.digest().as_str()});
    let layer = json!({"mediaType": BUNDLE, "size": bundle.bytes.len(), "digest": Digest::sha256(&bundle.bytes).as_str(),
        "data": BASE64_STANDARD.encode(&bundle.bytes)});
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": EMPTY, "data": "e30=",
        "artifactType": BUNDLE});
    assert_eq!(
        manifest,
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": BUNDLE, "config": config,
            "layers": [layer], "subject": subject, "annotations": annotations})
    );

    let blob = get(&scene.instance.url(&format!("blobs/{}", Digest::sha256(&bundle.bytes)))).await;
    assert_eq!((blob.status, &blob.bytes), (200, &bundle.bytes), "the layer is the bundle");
    assert_eq!(blob.header("cache-control"), "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn the_registrys_own_referrers_stay() {
    let scene = Scene::set();
    let (image, theirs) = (Image::oci("attested"), Image::index("by others"));
    scene.stage.push("v1", &image).await;
    let fall_back = Tag::referrers(&format!("{REGISTRY}/{REPOSITORY}").parse().unwrap(), &image.digest());
    scene.stage.push(fall_back.name(), &theirs).await;
    let index: Value = serde_json::from_slice(&theirs.manifest).unwrap();
    let theirs = index["manifests"].as_array().unwrap();
    assert_eq!(&referrers(&scene, &image, "").await, theirs);

    get(&scene.instance.url("manifests/v1")).await;
    let listed = referrers(&scene, &image, "").await;
    assert_eq!((&listed[..2], listed.len()), (&theirs[..], 3));
    // Of a type, and of another; on a later page.
    assert_eq!(referrers(&scene, &image, &format!("?artifactType={BUNDLE}").replace('+', "%2B")).await.len(), 3);
    assert_eq!(&referrers(&scene, &image, "?artifactType=a%2Fb").await, theirs);
    assert_eq!(&referrers(&scene, &image, "?last=x").await, theirs);
}

#[tokio::test]
async fn each_tag_that_was_seen_at_a_digest_attests_it_and_no_other_does() {
    let scene = Scene::set();
    let (image, other) = (Image::oci("attested"), Image::oci("other"));
    for (tag, image) in [("v1", &image), ("v1.0", &image), ("v2", &other)] {
        scene.stage.push(tag, image).await;
        get(&scene.instance.url(&format!("manifests/{tag}"))).await;
    }
    assert_eq!(referrers(&scene, &image, "").await.len(), 2);
    assert_eq!(referrers(&scene, &other, "").await.len(), 1);
    // A tag that has moved was still seen at what it was.
    scene.stage.push("v2", &image).await;
    assert_eq!(get(&scene.instance.url("manifests/v2")).await.status, 403);
    assert_eq!(referrers(&scene, &image, "").await.len(), 2);
    assert_eq!(referrers(&scene, &other, "").await.len(), 1);
}
