//! What is no image: a file pushed by oras, a Helm chart, a cosign signature.

use crate::support::artifact::{helm_chart, sbom, signature, signature_tag};
use crate::support::image::Image;
use crate::support::process::{Ended, Process, go_tool};
use crate::support::scene::Scene;
use crate::support::skopeo::{self, Destination};
use crate::support::story::assert_holds;

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

/// cosign adds signatures by writing the tag anew.
#[tokio::test]
async fn cosigns_signatures_arrive_and_may_be_added_to() {
    let scene = Scene::set();
    let signed = Image::oci("signed");
    for by in ["one", "another"] {
        assert_copied(&scene, &signature_tag(&signed.digest()), &signature(&signed.digest(), by)).await;
    }
}
