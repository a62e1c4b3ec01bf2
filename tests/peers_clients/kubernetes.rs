//! containerd as kubelet pulls by it.

use testing::cri::Cri;
use testing::moving::{Seen, pulls_as_recorded};
use testing::scene::Scene;

#[tokio::test]
async fn a_pull_by_kubelets_interface_refuses_a_tag_that_moved() {
    let (scene, none) = (Scene::set(), tempfile::tempdir().unwrap());
    let cri = Cri::start(none.path(), &[&scene.instance.address], None, "");
    let seen = Seen {
        client: "containerd 2.4.2 by crictl 1.37.0",
        repository: scene.instance.image(""),
        pull: &|image| cri.pull(image),
        holds: &|text| cri.assert_unpacked(text),
        refusal: &|message| format!("403 Forbidden\n\tdenied: {message}\n"),
        takes_tag_and_digest: true,
        hosts: 2,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn a_pull_by_kubelets_interface_gets_what_was_recorded_by_the_pinned_name() {
    let (scene, none) = (Scene::set(), tempfile::tempdir().unwrap());
    let cri = Cri::start(none.path(), &[&scene.instance.address], None, "");
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    pulls_as_recorded(&scene.stage, &url, &name, &|image| cri.pull(image), &|text| cri.assert_unpacked(text)).await;
}
