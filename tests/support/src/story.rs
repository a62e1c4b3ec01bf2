//! The story of a tag, the same behind both front ends: seen, unchanged, moved, refused, and refused for good.

use tlogistry::image::Digest;
use tlogistry::sighting::{Sighting, parse_statement};

use super::client::{get, head};
use super::image::{Image, OCI_MANIFEST};
use super::instance::Instance;
use super::skopeo::{self, Destination};
use super::stage::{REGISTRY, REPOSITORY, Stage};

/// The story's traces.
pub struct Told {
    /// The entry that the tag `v1` was recorded with.
    pub uuid: String,
    pub digest: Digest,
}

/// Pulls with skopeo and plain HTTP through instances that `start` starts.
pub async fn tell(stage: &Stage, start: impl Fn() -> Instance) -> Told {
    let (reviewed, other) = (Image::oci("what was reviewed"), Image::oci("something else entirely"));
    stage.push("v1", &reviewed).await;
    stage.push("v2", &other).await;
    let instance = start();

    // The first pull by tag works and brings exactly what was pushed.
    assert_pulls(&instance.image(":v1"), &reviewed);

    // The tag is recorded, and an unchanged tag is the same record each time. A HEAD announces what a GET brings.
    let url = instance.url("manifests/v1");
    let (got, headed) = (get(&url).await, head(&url).await);
    assert_eq!((got.status, headed.status), (200, 200), "{got:?} {headed:?}");
    assert_eq!(got.bytes, reviewed.manifest);
    assert_eq!(got.header("content-length"), reviewed.manifest.len().to_string());
    for answer in [&got, &headed] {
        for (name, value) in [
            ("content-type", OCI_MANIFEST),
            ("docker-content-digest", reviewed.digest().as_str()),
            ("etag", &format!("\"{}\"", reviewed.digest())),
            ("cache-control", "no-store"),
            ("docker-distribution-api-version", "registry/2.0"),
            ("x-content-type-options", "nosniff"),
            ("content-length", got.header("content-length")),
            ("tlog-uuid", got.header("tlog-uuid")),
            ("tlog-logindex", got.header("tlog-logindex")),
            ("tlog-integratedtime", got.header("tlog-integratedtime")),
            ("tlog-entry", &format!("{}/api/v1/log/entries/{}", stage.log.url, got.header("tlog-uuid"))),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert_eq!(answer.find("tlog-first-seen"), None, "skopeo's pull was the first");
    }
    let (uuid, index, time) = ["tlog-uuid", "tlog-logindex", "tlog-integratedtime"].map(|name| got.header(name)).into();
    let entry = stage.log.entry(uuid).await;
    assert_eq!((entry.id().to_string().as_str(), entry.log_index().to_string().as_str()), (uuid, index));
    assert_eq!(chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp(), entry.integrated_time() as i64);
    assert!(time.ends_with('Z'), "{time}");
    let tag = format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap();
    assert_eq!(parse_statement(entry.attestation().unwrap()), Some((tag, reviewed.digest())));

    // Someone pushes another image to the tag: the pull is refused, and skopeo's user reads why.
    stage.push("v1", &other).await;
    let message = moved(&instance, index, time, &reviewed, &other);
    assert_refused(&instance, &message);
    let refusal = get(&url).await;
    assert_eq!(refusal.status, 403, "{refusal:?}");
    let (code, text, error) = refusal.error();
    assert_eq!((code.as_str(), text.as_str()), ("DENIED", message.as_str()));
    let detail = serde_json::json!({
        "tag": format!("{REGISTRY}/{REPOSITORY}:v1"),
        "recorded": reviewed.digest().as_str(),
        "current": other.digest().as_str(),
        "logIndex": entry.log_index().to_string(),
        "integratedTime": time,
        "entry": got.header("tlog-entry"),
        "difference": {
            "recorded": {"mediaType": OCI_MANIFEST, "layers": 2},
            "current": {"mediaType": OCI_MANIFEST, "layers": 2},
            "sameLayers": 0,
            "configChanged": true,
        },
    });
    assert_eq!(error["detail"], detail);
    let headed = head(&url).await;
    assert_eq!((headed.status, headed.header("content-length")), (403, refusal.header("content-length")));

    // The recorded image can still be pulled by digest and by the pinned name, and other tags are not affected.
    assert_pulls(&instance.image(&format!("@{}", reviewed.digest())), &reviewed);
    assert_pulls(&instance.pinned(":v1"), &reviewed);
    assert_pulls(&instance.image(":v2"), &other);

    // An instance that remembers nothing learns from the log, and refuses with the same words.
    drop(instance);
    let instance = start();
    assert_refused(&instance, &moved(&instance, index, time, &reviewed, &other));
    assert_pulls(&instance.pinned(":v1"), &reviewed);

    // Pushed back, the tag is what it was and served again, under the record that it always had.
    stage.push("v1", &reviewed).await;
    assert_pulls(&instance.image(":v1"), &reviewed);
    assert_eq!(get(&instance.url("manifests/v1")).await.header("tlog-uuid"), uuid);
    Told { uuid: uuid.to_owned(), digest: reviewed.digest() }
}

/// The message of a refusal, whole.
fn moved(instance: &Instance, index: &str, time: &str, recorded: &Image, current: &Image) -> String {
    let (repository, recorded, current) = (format!("{REGISTRY}/{REPOSITORY}"), recorded.digest(), current.digest());
    let pinned = instance.pinned(":v1");
    format!(
        "the tag {repository}:v1 has moved and is refused: it was recorded as {recorded} on {time} (Rekor log index \
         {index}), but the registry now serves {current} (another image, no layer unchanged); if you trust what was recorded, \
         pull {repository}@{recorded} or {pinned}"
    )
}

/// skopeo pulls it, and it is `expected` to the byte: the manifest, what an index names, and every blob.
#[track_caller]
pub fn assert_pulls(image: &str, expected: &Image) {
    let to = Destination::oci();
    let ended = skopeo::pull(image, &to);
    assert_eq!(ended.code, Some(0), "{image}: {}", ended.stderr);
    assert_holds(&to, expected);
}

#[track_caller]
pub fn assert_holds(pulled: &Destination, expected: &Image) {
    assert_eq!(pulled.manifest(), expected.manifest);
    for image in std::iter::once(expected).chain(&expected.images) {
        for blob in &image.blobs {
            assert_eq!(pulled.blob(&Digest::sha256(blob)).as_deref(), Some(&blob[..]));
        }
    }
    assert!(expected.images.iter().all(|image| pulled.blob(&image.digest()).as_deref() == Some(&image.manifest[..])));
}

/// skopeo fails without another try and shows `message`.
#[track_caller]
fn assert_refused(instance: &Instance, message: &str) {
    let before = instance.refusals();
    let ended = skopeo::pull(&instance.image(":v1"), &Destination::oci());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(message), "{message}\nis not in\n{}", ended.stderr);
    assert!(instance.refusals() - before <= 2, "it was tried again and again");
}

/// The sighting that the story left is signed by `key` and no other.
pub async fn assert_signed_by(stage: &Stage, told: &Told, key: &tlogistry::key::PublicKey) {
    let tag: tlogistry::image::Tag = format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap();
    let entry = stage.log.entry(&told.uuid).await;
    let by = |key| Sighting::check(entry.clone(), tag.clone(), told.digest.clone(), &[key]).is_some();
    assert!(by(key.clone()), "the entry is not signed by the key");
    let another = tlogistry::sighting::LocalKey::generate().unwrap();
    assert!(!by(another.public_key().clone()), "any key will do");
}
