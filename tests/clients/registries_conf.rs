//! podman by the names that people are used to, sent here by `containers-registries.conf(5)`.

use testing::client::get;
use testing::containers::Home;
use testing::documented;
use testing::image::Image;
use testing::moving::Seen;
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY};

#[tokio::test]
async fn a_location_refuses_a_tag_that_moved() {
    let (scene, home) = (Scene::set(), Home::make());
    let location = format!("{}/{REGISTRY}", scene.instance.address);
    home.configure(
        "registries.conf",
        &format!("[[registry]]\nprefix = \"registry.example\"\nlocation = \"{location}\"\ninsecure = true\n"),
    );
    let repository = format!("registry.example/{REPOSITORY}");
    let seen = Seen {
        client: "podman 4.3.1, `location`",
        repository,
        pull: &|image| home.podman_pull(image),
        holds: &|text| home.assert_unpacked(text),
        refusal: &|message| message.to_owned(),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

/// This is not a promise but a warning in the documentation, kept true.
#[tokio::test]
async fn a_mirror_is_passed_by() {
    documented::assert_passes_by("podman 4.3.1, `[[registry.mirror]]`");
    let (scene, home) = (Scene::set(), Home::make());
    let (origin, mirror) = (&scene.stage.registry.address, format!("{}/{REGISTRY}", scene.instance.address));
    home.configure(
        "registries.conf",
        &format!(
            "[[registry]]\nlocation = \"{origin}\"\ninsecure = true\n\
             [[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = true\n"
        ),
    );
    for text in ["reviewed", "something else"] {
        scene.stage.push("v1", &Image::files(text)).await;
        let ended = home.podman_pull(&format!("{origin}/{REPOSITORY}:v1"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        home.assert_unpacked(text);
    }
    assert_eq!(get(&scene.instance.url("manifests/v1")).await.status, 403, "the mirror was asked first, and refused");
}
