//! An instance that is down, and a node that knows what it verified before, or has saved bundles.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use testing::image::Image;
use testing::process::root;
use tlogistry::key::PublicKey;
use tlogistry::tlog::LogKey;
use tokio::net::TcpListener;

use crate::scene::{Node, TAG};

const DOWN: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn what_was_verified_before_holds_and_all_else_is_refused_or_allowed_explicitly() {
    let (node, image) = Node::with_a_record().await;
    let (digest, other) = (image.digest().to_string(), Image::oci("something else").digest().to_string());
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
    let unknown = "registry.test/demo/app:v2";
    node.configure(&node.with_instance(DOWN));
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
    node.assert_refused(1, TAG, &other, "has moved and is refused");
    node.assert_refused(
        2,
        unknown,
        &digest,
        "could not be checked and is refused: registry.test/demo/app:v2: the instance could",
    );

    node.configure(&format!("{}unavailable = 'allow'\n", node.with_instance(DOWN)));
    node.assert_allowed(
        unknown,
        &digest,
        "registry.test/demo/app:v2 could not be checked, and 'unavailable' allows that: ",
    );
    node.assert_refused(1, TAG, &other, "has moved and is refused");
}

#[tokio::test]
async fn a_kept_sighting_counts_by_its_signatures_alone() {
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
    let kept: Vec<_> = std::fs::read_dir(node.path("cache")).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &kept[..] else { panic!("{kept:?}") };
    let genuine = std::fs::read(file).unwrap();
    assert_eq!(genuine, node.bundle().await, "it is the evidence as the instance serves it");

    // One bit of any part, another file in its place, none at all: the instance is asked again, or nobody.
    let mut altered = Vec::new();
    for at in (0..genuine.len()).step_by(211) {
        let mut bytes = genuine.clone();
        bytes[at] ^= 1;
        altered.push(bytes);
    }
    altered.extend([Vec::new(), b"{}".to_vec(), vec![b'['; 1 << 20], genuine[..genuine.len() / 2].to_vec()]);
    for bytes in altered {
        std::fs::write(file, &bytes).unwrap();
        node.configure(&node.with_instance(DOWN));
        let told = node.verify(TAG, &digest);
        // The hint of a key proves nothing, so it may change.
        assert!(told.code == Some(2) || told.code == Some(0) && same_but_for_the_hint(&bytes, &genuine), "{told:?}");
    }
    node.configure(&node.usual());
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
    assert_eq!(std::fs::read(file).unwrap(), genuine, "what does not hold was replaced");
    assert_eq!(std::fs::read_dir(node.path("cache")).unwrap().count(), 1, "nothing is left aside");

    // A key that no longer counts.
    node.configure(&node.with_instance(DOWN).replace("/key.pem", "/log.pem"));
    node.assert_refused(2, TAG, &digest, "could not be reached");
}

fn same_but_for_the_hint(bytes: &[u8], genuine: &[u8]) -> bool {
    let without_hint = |bytes: &[u8]| {
        let mut json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        json["verificationMaterial"]["publicKey"]["hint"] = "".into();
        json["verificationMaterial"]["tlogEntries"][0]["kindVersion"] = "".into();
        Some(json)
    };
    without_hint(bytes) == without_hint(genuine)
}

#[tokio::test]
async fn a_folder_that_others_can_write_keeps_nothing_and_the_check_goes_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let (node, image) = Node::with_a_record().await;
    std::fs::create_dir(node.path("cache")).unwrap();
    std::fs::set_permissions(node.path("cache"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let told = node.verify(TAG, image.digest().as_str());
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains("others can write it"), "{told:?}");
    assert_eq!(std::fs::read_dir(node.path("cache")).unwrap().count(), 0);
}

#[tokio::test]
async fn saved_bundles_are_enough_without_any_network() {
    let (node, image) = Node::with_a_record().await;
    let (digest, other) = (image.digest().to_string(), Image::oci("something else").digest().to_string());
    let folder = node.path("bundles");
    std::fs::create_dir(&folder).unwrap();
    let bundle = node.bundle().await;
    std::fs::write(folder.join("app.json"), &bundle).unwrap();
    std::fs::write(folder.join("NOTES"), "of no use").unwrap();
    std::fs::create_dir(folder.join("older")).unwrap();
    node.configure(&format!("{}bundles = '{}'\n", node.keys(), folder.display()));
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
    let told = node.verify(TAG, &other);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.reason.ends_with(&format!("pull registry.test/demo/app@{digest}")), "there is no host: {told:?}");
    node.assert_refused(1, "registry.test/demo/app:v2", &digest, "was never seen, and 'unseen' denies that");

    // One that was changed is named, and does not stand for the tag.
    let altered = String::from_utf8(bundle.clone()).unwrap().replace("\"integratedTime\":\"", "\"integratedTime\":\"1");
    std::fs::write(folder.join("app.json"), altered).unwrap();
    node.assert_refused(2, TAG, &digest, "app.json: its log entry does not verify");
    // Beside a genuine one it does no harm.
    std::fs::write(folder.join("b.json"), &bundle).unwrap();
    node.assert_allowed(TAG, &digest, "is what it was recorded as");
}

/// containerd gives a verifier ten seconds, and shows nothing of its reason after that.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_hangs_the_answer_comes_within_eight_seconds() {
    let (node, image) = Node::with_a_record().await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    node.configure(&node.with_instance(&format!("http://{}", silent.local_addr().unwrap())));
    let told = within_eight_seconds(|| node.verify(TAG, image.digest().as_str()));
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.reason.ends_with("the instance could not be reached: no answer in time"), "{told:?}");

    // A pipe that nobody writes to, in the place of the configuration.
    std::fs::remove_file(node.path("image-verifier.toml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(node.path("image-verifier.toml")).status().unwrap();
    assert!(made.success());
    let told = within_eight_seconds(|| node.verify(TAG, image.digest().as_str()));
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Some(2), "the image could not be checked and is refused: no judgement within 7.8s")
    );
}

/// A busy machine has several tries.
fn within_eight_seconds<T>(mut answer: impl FnMut() -> T) -> T {
    let mut took = Vec::new();
    loop {
        let began = Instant::now();
        let told = answer();
        took.push(began.elapsed());
        if took.last() < Some(&Duration::from_secs(8)) {
            return told;
        }
        assert!(took.len() < 5, "it took {took:?}");
    }
}

/// A log of tiles signs no time. Its key is a line with its name.
#[tokio::test]
async fn a_saved_bundle_of_rekor_v2_is_enough_too() {
    let node = Node::set().await;
    let data = |name: &str| std::fs::read_to_string(root().join("tests/data/rekor-v2/ours").join(name)).unwrap();
    let trusted: Value = serde_json::from_str(&data("trusted-root.json")).unwrap();
    let der = BASE64_STANDARD.decode(trusted["tlogs"][0]["publicKey"]["rawBytes"].as_str().unwrap()).unwrap();
    let key = LogKey::v2(PublicKey::from_der(&der).unwrap(), "localhost").unwrap();
    let encoded = BASE64_STANDARD.encode([&[1], &der[der.len() - 32..]].concat());
    std::fs::write(node.path("log.pem"), format!("localhost+{}+{encoded}\n", hex::encode(&key.id()[..4]))).unwrap();
    std::fs::write(node.path("key.pem"), data("key.pem")).unwrap();
    std::fs::create_dir(node.path("bundles")).unwrap();
    std::fs::write(node.path("bundles/alpine.json"), data("bundle-manifest-first.json")).unwrap();
    node.configure(&format!("{}bundles = '{}'\n", node.keys(), node.path("bundles").display()));

    let bundle: Value = serde_json::from_str(&data("bundle-manifest-first.json")).unwrap();
    let payload = BASE64_STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let recorded = statement["predicate"]["digest"].as_str().unwrap();
    let (name, canonical) = ("docker.io/library/alpine:3.16.0", "index.docker.io/library/alpine:3.16.0");
    node.assert_allowed(name, recorded, &format!("{canonical} is what it was recorded as (Rekor log index "));
    let other = Image::oci("something else").digest().to_string();
    node.assert_refused(1, name, &other, &format!("it was recorded as {recorded} (Rekor log index "));
}
