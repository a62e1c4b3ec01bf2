//! Pulls by the pinned name of a tag that has moved.

use testing::containerd::Containerd;
use testing::containerd_pulls::{pulls_pinned_as_mirror, pulls_pinned_by_name};
use testing::containers::Home;
use testing::image::Image;
use testing::moving::pulls_as_recorded;
use testing::process::tool;
use testing::scene::Scene;
use testing::skopeo::{self, Destination};
use testing::stage::REGISTRY;
use testing::story::assert_holds;

fn containerd() -> Containerd {
    Containerd::start(tool("containerd"), || tool("ctr"))
}

#[tokio::test]
async fn skopeo_gets_what_was_recorded() {
    let (scene, to) = (Scene::set(), Destination::oci());
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let holds = |text: &str| assert_holds(&to, &Image::files(text));
    pulls_as_recorded(&scene.stage, &url, &name, &|image| skopeo::pull(image, &to), &holds).await;
}

#[tokio::test]
async fn podman_gets_what_was_recorded() {
    let (scene, home) = (Scene::set(), Home::make());
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let holds = |text: &str| home.assert_unpacked(text);
    pulls_as_recorded(&scene.stage, &url, &name, &|image| home.podman_pull(image), &holds).await;
}

/// By the names that people are used to.
#[tokio::test]
async fn podman_gets_what_was_recorded_by_a_location() {
    let (scene, home) = (Scene::set(), Home::make());
    let location = format!("{}/pinned.alt/{REGISTRY}", scene.instance.address);
    home.configure(
        "registries.conf",
        &format!("[[registry]]\nprefix = \"registry.example\"\nlocation = \"{location}\"\ninsecure = true\n"),
    );
    let (url, name) = (scene.instance.url("manifests/v1"), "registry.example/demo/app:v1");
    let holds = |text: &str| home.assert_unpacked(text);
    pulls_as_recorded(&scene.stage, &url, name, &|image| home.podman_pull(image), &holds).await;
}

#[tokio::test]
async fn containerd_gets_what_was_recorded() {
    pulls_pinned_by_name(&containerd()).await;
}

#[tokio::test]
async fn containerd_gets_what_was_recorded_by_a_mirrors_path() {
    pulls_pinned_as_mirror(&containerd()).await;
}
