//! Pulls by containerd of a tag that moves, by name and as a mirror's client.

use super::client::{Answer, get};
use super::containerd::{Containerd, Hosts};
use super::documented;
use super::image::Image;
use super::moving::{Seen, pulls_as_recorded};
use super::process::Ended;
use super::scene::Scene;
use super::stage::REPOSITORY;

/// The text that its user reads when tlogistry at `host` refuses the tag `name` with a message.
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
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

/// The user names the registry, and `hosts` sends the pull to tlogistry alone.
pub async fn refuses_as(hosts: Hosts, containerd: &Containerd, client: &str, words: Words) {
    let scene = Scene::mirror();
    let origin = &scene.stage.registry.address;
    let tag = format!("{origin}/{REPOSITORY}:v1");
    let seen = Seen {
        client,
        repository: format!("{origin}/{REPOSITORY}"),
        pull: &|image| pull_by(hosts, containerd, &scene, image),
        holds: &|text| containerd.assert_unpacked(text),
        refusal: &|message| words(&tag, &scene.instance.address, message),
        takes_tag_and_digest: true,
        hosts: if matches!(hosts, Hosts::MirrorAndServer | Hosts::MirrorAndServerOfAll) { 2 } else { 1 },
    };
    seen.tell(&scene.stage, &scene.instance, &scene.mirror_url("manifests/v1")).await;
}

/// The user writes the pinned name.
pub async fn pulls_pinned_by_name(containerd: &Containerd) {
    let scene = Scene::set();
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let pull = |image: &str| containerd.pull(&["--plain-http"], image);
    pulls_as_recorded(&scene.stage, &url, &name, &pull, &|text| containerd.assert_unpacked(text)).await;
}

/// The user names the registry, and its `hosts.toml` makes the name a pinned one.
pub async fn pulls_pinned_as_mirror(containerd: &Containerd) {
    let scene = Scene::mirror();
    let (url, name) = (scene.mirror_url("manifests/v1"), format!("{}/{REPOSITORY}:v1", scene.stage.registry.address));
    let pull = |image: &str| pull_by(Hosts::Pinned, containerd, &scene, image);
    pulls_as_recorded(&scene.stage, &url, &name, &pull, &|text| containerd.assert_unpacked(text)).await;
}

/// The registry itself is asked in the end, and the tag that moved is pulled. This is not a promise but a warning in
/// the documentation, kept true. Returns what tlogistry answers then.
pub async fn passes_by(hosts: Hosts, containerd: &Containerd, client: &str) -> Answer {
    documented::assert_passes_by(client);
    let scene = Scene::mirror();
    let tag = format!("{}/{REPOSITORY}:v1", scene.stage.registry.address);
    for text in ["reviewed", "something else"] {
        scene.stage.push("v1", &Image::files(text)).await;
        let ended = pull_by(hosts, containerd, &scene, &tag);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        containerd.assert_unpacked(text);
    }
    get(&scene.mirror_url("manifests/v1")).await
}

fn pull_by(hosts: Hosts, containerd: &Containerd, scene: &Scene, image: &str) -> Ended {
    let folder = containerd.hosts(hosts, &scene.stage.registry.address, &scene.instance.address);
    containerd.pull(&["--hosts-dir", folder.to_str().unwrap()], image)
}
