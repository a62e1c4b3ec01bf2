//! Artifacts other than images: a file pushed by oras, a Helm chart, a cosign signature.

use serde_json::Value;
use testing::artifact::{SBOM, helm_chart, sbom, signature, signature_tag};
use testing::image::Image;
use testing::process::{Ended, Process, go_tool};
use testing::scene::Scene;
use testing::skopeo::{self, Destination};
use testing::stage::REPOSITORY;
use testing::story::assert_holds;

fn oras_copy(image: &str, to: &Destination) -> Ended {
    let mut command = go_tool("oras");
    command.args(["copy", "--from-plain-http", image, "--to-oci-layout"]);
    Process::start(command.arg(format!("{}:pulled", to.path().display()))).finish()
}

fn crane_pull(image: &str, to: &Destination) -> Ended {
    let mut command = go_tool("crane");
    command.args(["pull", "--insecure", "--format=oci", image]);
    Process::start(command.arg(to.path())).finish()
}

/// Every client copies it, to the byte.
async fn assert_copied(scene: &Scene, tag: &str, artifact: &Image) {
    scene.stage.push(tag, artifact).await;
    let image = scene.instance.image(&format!(":{tag}"));
    for copy in [oras_copy, crane_pull, skopeo::pull] {
        let to = Destination::oci();
        let ended = copy(&image, &to);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_holds(&to, artifact);
    }
}

#[tokio::test]
async fn a_file_arrives_until_its_tag_moves() {
    let scene = Scene::set();
    assert_copied(&scene, "v1", &sbom("{}")).await;

    let folder = tempfile::tempdir().unwrap();
    let pull = || {
        let mut command = go_tool("oras");
        command.args(["pull", "--plain-http", &scene.instance.image(":v1"), "--output"]).arg(folder.path());
        Process::start(&mut command).finish()
    };
    let ended = pull();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("sbom.json")).unwrap(), "{}");

    scene.stage.push("v1", &sbom("[]")).await;
    let ended = pull();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("has moved and is refused"), "{ended:?}");
}

#[tokio::test]
async fn a_helm_chart_arrives_until_its_tag_moves() {
    let scene = Scene::set();
    assert_copied(&scene, "1.0.0", &helm_chart("an archive")).await;
    scene.stage.push("1.0.0", &helm_chart("another archive")).await;
    for copy in [oras_copy, crane_pull, skopeo::pull] {
        let ended = copy(&scene.instance.image(":1.0.0"), &Destination::oci());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("has moved and is refused"), "{ended:?}");
    }
}

/// cosign adds signatures by rewriting the tag.
#[tokio::test]
async fn cosigns_signatures_arrive_and_may_be_added_to() {
    let scene = Scene::set();
    let signed = Image::oci("signed");
    for by in ["one", "another"] {
        assert_copied(&scene, &signature_tag(&signed.digest()), &signature(&signed.digest(), by)).await;
    }
}

/// oras writes a list of an image's referrers to a tag of its own where the registry does not keep one, as here.
#[tokio::test]
async fn what_refers_to_an_image_is_found_by_the_fall_back_tag() {
    let scene = Scene::set();
    let image = Image::oci("referred to");
    scene.stage.push("v1", &image).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sbom.json"), "{}").unwrap();
    let mut attach = go_tool("oras");
    attach.current_dir(folder.path()).args(["attach", "--plain-http", "--artifact-type", SBOM]);
    attach.arg(format!("{}/{REPOSITORY}@{}", scene.stage.registry.address, image.digest())).arg("sbom.json");
    let ended = Process::start(&mut attach).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    for reference in [":v1".to_owned(), format!("@{}", image.digest())] {
        let mut discover = go_tool("oras");
        discover.args(["discover", "--plain-http", "--format", "json", &scene.instance.image(&reference)]);
        let ended = Process::start(&mut discover).finish();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let found: Value = serde_json::from_str(&ended.stdout).unwrap();
        let attached = found["referrers"].as_array().unwrap().iter().filter(|one| one["artifactType"] == SBOM);
        assert_eq!(attached.count(), 1, "{found}");
    }
}
