//! Sigstore's own tools check the evidence: the commands are those of `docs/sigstore-tools.md`, run as they stand
//! there, against the real Rekor and the embedded log, of either version. Sigstore's Go library, cosign's own, checks it too.

mod commands;
mod moved_over;
mod tampered;
mod time_stamps;

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use commands::Commands;
use serde_json::Value;
use sigstore::crypto::signing_key::KeyPair as _;
use sigstore::crypto::signing_key::ed25519::Ed25519Keys;
use tampered::IN_THE_CHECKPOINT;
use testing::client::get;
use testing::image::Image;
use testing::process::Ended;
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};
use testing::transparency_log::TransparencyLog;
use tlogistry::evidence::trusted_root;
use tlogistry::key::PublicKey;
use tlogistry::tlog::{LogKey, LogKeys, RekorApi};

/// A check beside the documented ones: with Sigstore's Go library.
const SIGSTORE_GO: &str = "sigstore-go";

/// A tag that was pulled once, and someone who follows the documentation in a folder of his own.
struct Documented {
    scene: Scene,
    image: Image,
    user: Commands,
}

impl Documented {
    async fn with_log(log: TransparencyLog) -> Self {
        Self::with_variables(log, &[]).await
    }

    async fn with_variables(log: TransparencyLog, variables: &[(&str, String)]) -> Self {
        let scene = Scene::with_variables(log, variables);
        // An entry before it, so that there is something to prove.
        let (before, image) = (Image::oci("another"), Image::index("what was reviewed"));
        for (tag, image) in [("before", &before), ("v1", &image)] {
            scene.stage.push(tag, image).await;
            let pulled = get(&scene.instance.url(&format!("manifests/{tag}"))).await;
            assert_eq!(pulled.header("tlog-first-seen"), "true");
        }
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
    let checked = documented.user.sigstore_go(&[]);
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

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_commands_verify_a_sighting_in_rekor_v2() {
    the_documented_commands_verify_a_sighting(TransparencyLog::rekor_tiles().await).await;
}

#[tokio::test]
async fn the_documented_commands_verify_a_sighting_in_the_embedded_log_of_version_2() {
    the_documented_commands_verify_a_sighting(TransparencyLog::embedded_with(RekorApi::V2)).await;
}

/// Runs a documented check, or that with Sigstore's Go library.
fn check(user: &Commands, check: &str) -> Ended {
    if check == SIGSTORE_GO { user.sigstore_go(&[]) } else { user.run(check) }
}

async fn whatever_is_changed_is_refused(documented: Documented) {
    let api = documented.scene.stage.log.api;
    documented.user.fetch();
    let checks = ["cosign verify-blob-attestation", "node", SIGSTORE_GO];
    let bundle = documented.user.read("sighting.json");
    let genuine: Value = serde_json::from_str(&bundle).unwrap();
    for (what, changed) in tampered::bundles(&genuine) {
        documented.user.write("sighting.json", &changed.to_string());
        for name in checks {
            let refused = check(&documented.user, name);
            // docs/sigstore-tools.md says which tool reads what.
            let reads = !IN_THE_CHECKPOINT.contains(&what) || (api == RekorApi::V1 && name != "node");
            assert_eq!(refused.code != Some(0), reads, "{name} and {what}: {refused:?}");
        }
        let refused = documented.user.verify_entry();
        assert_eq!(refused.code, Some(1), "verify-entry takes {what}: {refused:?}");
    }
    documented.user.write("sighting.json", &bundle);
    for name in checks {
        assert_eq!(check(&documented.user, name).code, Some(0), "{name}: the genuine one is taken again");
    }
    let holds = documented.user.verify_entry();
    assert_eq!(holds.code, Some(0), "{holds:?}");

    // Another tag, another log, and another key.
    let tag = documented.user.read("tag.txt");
    let other = documented.user.clone_for(&format!("{REGISTRY}/{REPOSITORY}:v2"));
    for name in checks {
        assert_ne!(check(&other, name).code, Some(0), "{name} takes the evidence of one tag for another");
    }
    documented.user.write("tag.txt", &tag);
    let every_check = [&checks[..], &["cosign verify-attestation"]].concat();
    let root = documented.user.read("trusted-root.json");
    documented.user.write("trusted-root.json", &of_another_log(&root));
    for name in &every_check {
        let refused = check(&documented.user, name);
        assert_ne!(refused.code, Some(0), "{name} takes another log's entry: {refused:?}");
    }
    documented.user.write("trusted-root.json", &root);
    for name in &every_check {
        assert_eq!(check(&documented.user, name).code, Some(0), "{name}: all is as it was");
    }
    let stranger = tlogistry::sighting::LocalKey::generate().unwrap();
    documented.user.write("key.pem", stranger.public_key().pem());
    for name in &every_check {
        assert_ne!(check(&documented.user, name).code, Some(0), "{name} takes another's signature");
    }
}

/// The trusted root with another key in each log's place: of the same kind, and for the same URL.
fn of_another_log(root: &str) -> String {
    let mut root: Value = serde_json::from_str(root).unwrap();
    for log in root["tlogs"].as_array_mut().unwrap() {
        let url: url::Url = log["baseUrl"].as_str().unwrap().parse().unwrap();
        let key = if log["publicKey"]["keyDetails"] == "PKIX_ED25519" {
            let pem = Ed25519Keys::new().unwrap().public_key_to_pem().unwrap();
            LogKey::v2(PublicKey::from_pem(&pem).unwrap(), url.host_str().unwrap()).unwrap()
        } else {
            LogKey::v1(tlogistry::sighting::LocalKey::generate().unwrap().public_key().clone())
        };
        let keys = LogKeys::new(vec![key]).unwrap();
        let other: Value = serde_json::from_str(&trusted_root(&keys, |_| &url)).unwrap();
        assert_ne!(*log, other["tlogs"][0]);
        *log = other["tlogs"][0].clone();
    }
    root.to_string()
}

#[tokio::test]
async fn whatever_is_changed_is_refused_in_rekor() {
    whatever_is_changed_is_refused(Documented::with_log(TransparencyLog::rekor()).await).await;
}

#[tokio::test]
async fn whatever_is_changed_is_refused_in_the_embedded_log() {
    whatever_is_changed_is_refused(Documented::with_log(TransparencyLog::embedded()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_is_refused_in_rekor_v2() {
    whatever_is_changed_is_refused(Documented::with_log(TransparencyLog::rekor_tiles().await).await).await;
}

#[tokio::test]
async fn whatever_is_changed_is_refused_in_the_embedded_log_of_version_2() {
    let log = TransparencyLog::embedded_with(RekorApi::V2);
    whatever_is_changed_is_refused(Documented::with_log(log).await).await;
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
