//! Sigstore's own tools check the evidence: the commands are those of `docs/sigstore-tools.md`, run as they stand
//! there, against the real Rekor and the embedded log.

mod commands;
mod tampered;

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use commands::Commands;
use serde_json::Value;
use tampered::NOT_READ_BY_NODE;
use testing::client::get;
use testing::image::Image;
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};
use testing::transparency_log::TransparencyLog;

/// A tag that was pulled once, and someone who follows the documentation in a folder of his own.
struct Documented {
    scene: Scene,
    image: Image,
    user: Commands,
}

impl Documented {
    async fn with_log(log: TransparencyLog) -> Self {
        let scene = Scene::with_log(log);
        let image = Image::index("what was reviewed");
        scene.stage.push("v1", &image).await;
        let pulled = get(&scene.instance.url("manifests/v1")).await;
        assert_eq!(pulled.header("tlog-first-seen"), "true");
        let user = Commands::of_the_documentation(&scene.instance.address, &format!("{REGISTRY}/{REPOSITORY}:v1"));
        Self { scene, image, user }
    }
}

async fn the_documented_commands_verify_a_sighting(log: TransparencyLog) {
    let documented = Documented::with_log(log).await;
    documented.user.fetch();
    let verified = documented.user.run("cosign verify-blob-attestation");
    assert_eq!((verified.code, verified.stderr.trim()), (Some(0), "Verified OK"), "{verified:?}");
    let digest = documented.user.run("python3");
    assert_eq!(digest.stdout.trim(), documented.image.digest().as_str(), "{digest:?}");

    let attested = documented.user.run("cosign verify-attestation");
    assert_eq!(attested.code, Some(0), "{attested:?}");
    assert!(attested.stderr.contains("Existence of the claims in the transparency log was verified offline"));
    let envelope: Value = serde_json::from_str(attested.stdout.lines().last().unwrap()).unwrap();
    let statement = BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(statement["predicate"]["tag"], format!("{REGISTRY}/{REPOSITORY}:v1"));
    assert_eq!(statement["predicate"]["digest"], documented.image.digest().as_str());

    // cosign takes the sighting for a signature of the image, and shows the manifest's digest: the first subject's.
    let accepted = documented.user.run("cosign verify ");
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    let shown: Value = serde_json::from_str(accepted.stdout.lines().last().unwrap()).unwrap();
    let critical = &shown[0]["critical"];
    assert_eq!(critical["image"]["docker-manifest-digest"], documented.image.digest().as_str(), "{shown}");
    assert_eq!(critical["type"], "https://tlogistry.dev/tag-sighting/v1", "{shown}");

    let checked = documented.user.run("node");
    assert_eq!((checked.code, checked.stdout.trim()), (Some(0), documented.image.digest().as_str()), "{checked:?}");

    // The tag moves: the old evidence still holds, and the new image is not attested.
    documented.scene.stage.push("v1", &Image::oci("something else entirely")).await;
    assert_eq!(documented.user.run("cosign verify-blob-attestation").code, Some(0));
    for command in ["cosign verify-attestation", "cosign verify "] {
        let refused = documented.user.run(command);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(refused.stderr.contains("has moved and is refused"), "{refused:?}");
    }

    // By its pinned name it is what it was, and attested.
    let pinned = documented.user.pinned(&documented.scene.instance.address);
    let attested = pinned.run("cosign verify-attestation");
    assert_eq!(attested.code, Some(0), "{attested:?}");
    let envelope: Value = serde_json::from_str(attested.stdout.lines().last().unwrap()).unwrap();
    let statement = BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(statement["predicate"]["tag"], format!("{REGISTRY}/{REPOSITORY}:v1"));
    assert_eq!(statement["predicate"]["digest"], documented.image.digest().as_str());
}

#[tokio::test]
async fn the_documented_commands_verify_a_sighting_in_rekor() {
    the_documented_commands_verify_a_sighting(TransparencyLog::rekor()).await;
}

#[tokio::test]
async fn the_documented_commands_verify_a_sighting_in_the_embedded_log() {
    the_documented_commands_verify_a_sighting(TransparencyLog::embedded()).await;
}

async fn whatever_is_changed_is_refused(log: TransparencyLog) {
    let documented = Documented::with_log(log).await;
    documented.user.fetch();
    let (checks, bundle) = (["cosign verify-blob-attestation", "node"], documented.user.read("sighting.json"));
    let genuine: Value = serde_json::from_str(&bundle).unwrap();
    for (what, changed) in tampered::bundles(&genuine) {
        documented.user.write("sighting.json", &changed.to_string());
        for check in checks.into_iter().filter(|check| *check != "node" || !NOT_READ_BY_NODE.contains(&what)) {
            let refused = documented.user.run(check);
            assert_ne!(refused.code, Some(0), "{check} takes {what}: {refused:?}");
        }
    }
    documented.user.write("sighting.json", &bundle);
    for check in checks {
        assert_eq!(documented.user.run(check).code, Some(0), "the genuine one is taken again");
    }

    // Another tag, and another key.
    let other = documented.user.clone_for(&format!("{REGISTRY}/{REPOSITORY}:v2"));
    for check in checks {
        assert_ne!(other.run(check).code, Some(0), "{check} takes the evidence of one tag for another");
    }
    let stranger = tlogistry::sighting::LocalKey::generate().unwrap();
    documented.user.write("key.pem", stranger.public_key().pem());
    for check in [&checks[..], &["cosign verify-attestation"]].concat() {
        assert_ne!(documented.user.run(check).code, Some(0), "{check} takes another's signature");
    }
}

#[tokio::test]
async fn whatever_is_changed_is_refused_in_rekor() {
    whatever_is_changed_is_refused(TransparencyLog::rekor()).await;
}

#[tokio::test]
async fn whatever_is_changed_is_refused_in_the_embedded_log() {
    whatever_is_changed_is_refused(TransparencyLog::embedded()).await;
}

/// oras shows the attestation, and copies the image with it: every part can be fetched.
#[tokio::test]
async fn an_image_is_copied_with_its_attestation() {
    let documented = Documented::with_log(TransparencyLog::start()).await;
    let oras = |arguments: &[&str]| {
        let mut command = testing::process::go_tool("oras");
        command.args(arguments).env("HOME", documented.user.folder());
        testing::process::Process::start(&mut command).finish()
    };
    let image = documented.scene.instance.image(":v1");
    let shown = oras(&["discover", "--plain-http", &image]);
    assert!(shown.stdout.contains("application/vnd.dev.sigstore.bundle.v0.3+json"), "{shown:?}");
    assert!(shown.stdout.contains("https://tlogistry.dev/tag-sighting/v1"), "{shown:?}");
    let layout = documented.user.folder().join("layout");
    let to = format!("{}:v1", layout.display());
    let copied = oras(&["copy", "--recursive", "--from-plain-http", &image, "--to-oci-layout", &to]);
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let blob = |digest: &str| std::fs::read(layout.join(Path::new("blobs/sha256").join(digest)));
    let bundle = get(&documented.scene.instance.at(&format!("/sightings/{REGISTRY}/{REPOSITORY}:v1"))).await;
    let digest = tlogistry::image::Digest::sha256(&bundle.bytes);
    assert_eq!(blob(digest.hex()).unwrap(), bundle.bytes);
}
