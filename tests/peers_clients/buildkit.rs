//! BuildKit: what `docker build` and `docker buildx build` pull with.

use testing::buildkit::Buildkit;
use testing::client::get;
use testing::documented;
use testing::image::Image;
use testing::moving::{Seen, pulls_as_recorded};
use testing::scene::Scene;
use testing::stage::REPOSITORY;

#[tokio::test]
async fn a_build_refuses_a_base_image_whose_tag_moved() {
    let scene = Scene::set();
    let buildkit = Buildkit::start(&[&scene.instance.address], &[]);
    let seen = Seen {
        client: "BuildKit 0.34.2 by buildctl",
        repository: scene.instance.image(""),
        pull: &|image| buildkit.build_from(image),
        holds: &|text| buildkit.assert_built(text),
        refusal: &|message| format!("403 Forbidden\ndenied: {message}\n"),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn a_build_by_the_pinned_name_gets_what_was_recorded() {
    let scene = Scene::set();
    let buildkit = Buildkit::start(&[&scene.instance.address], &[]);
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let pull = |image: &str| buildkit.build_from(image);
    pulls_as_recorded(&scene.stage, &url, &name, &pull, &|text| buildkit.assert_built(text)).await;
}

/// This is not a promise but a warning in the documentation, kept true.
#[tokio::test]
async fn a_mirror_is_passed_by() {
    documented::assert_passes_by("BuildKit 0.34.2 by buildctl, `mirrors`");
    let scene = Scene::mirror();
    let (origin, host) = (scene.stage.registry.address.as_str(), scene.instance.address.as_str());
    let buildkit = Buildkit::start(&[origin, host], &[(origin, host)]);
    for text in ["reviewed", "something else"] {
        scene.stage.push("v1", &Image::files(text)).await;
        let ended = buildkit.build_from(&format!("{origin}/{REPOSITORY}:v1"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        buildkit.assert_built(text);
    }
    let answer = get(&scene.mirror_url("manifests/v1")).await;
    assert_eq!(answer.status, 403, "the mirror was asked first, and recorded the tag");
}
