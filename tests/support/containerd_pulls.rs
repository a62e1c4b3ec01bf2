//! What containerd does with a tag that moves, by name and as a mirror's client.

use super::client::get;
use super::containerd::Containerd;
use super::image::Image;
use super::moving::Seen;
use super::process::Ended;
use super::scene::Scene;
use super::stage::REPOSITORY;

/// What its user reads, of what tlogistry says on the tag `name`, asked at `host`.
pub type Words = fn(name: &str, host: &str, message: &str) -> String;

pub async fn refuses_by_name(containerd: &Containerd, client: &str, words: Words) {
    let scene = Scene::set();
    let repository = scene.instance.image("");
    let tag = format!("{repository}:v1");
    let seen = Seen {
        client,
        repository,
        pull: &|image| containerd.pull(&["--plain-http"], image),
        holds: &|text| containerd.assert_unpacked(text),
        refusal: &|message| words(&tag, &scene.instance.address, message),
        takes_tag_and_digest: true,
    };
    seen.tell(&scene.stage, &scene.instance.url("manifests/v1")).await;
}

/// With the mirror as the server, nobody else is asked.
pub async fn refuses_as_server(containerd: &Containerd, client: &str, words: Words) {
    let scene = Scene::mirror();
    let origin = &scene.stage.registry.address;
    let tag = format!("{origin}/{REPOSITORY}:v1");
    let seen = Seen {
        client,
        repository: format!("{origin}/{REPOSITORY}"),
        pull: &|image| pull_by_mirror(containerd, &scene, true, image),
        holds: &|text| containerd.assert_unpacked(text),
        refusal: &|message| words(&tag, &scene.instance.address, message),
        takes_tag_and_digest: true,
    };
    seen.tell(&scene.stage, &scene.mirror_url("manifests/v1")).await;
}

/// Without, the registry itself is asked when the mirror refuses, and the tag that moved is pulled. This is no promise of
/// ours but a warning in the documentation, kept true.
pub async fn passes_a_mirror_by(containerd: &Containerd) {
    let scene = Scene::mirror();
    let tag = format!("{}/{REPOSITORY}:v1", scene.stage.registry.address);
    for text in ["reviewed", "something else"] {
        scene.stage.push("v1", &Image::files(text)).await;
        let ended = pull_by_mirror(containerd, &scene, false, &tag);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        containerd.assert_unpacked(text);
    }
    let answer = get(&scene.mirror_url("manifests/v1")).await;
    assert_eq!(answer.status, 403, "the mirror was asked first, and recorded the tag");
}

fn pull_by_mirror(containerd: &Containerd, scene: &Scene, strictly: bool, image: &str) -> Ended {
    let hosts = containerd.mirrored(&scene.stage.registry.address, &scene.instance.address, strictly);
    containerd.pull(&["--hosts-dir", hosts.to_str().unwrap()], image)
}
