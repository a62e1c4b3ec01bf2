//! Docker, by its daemon. `make peers-more` runs this as root.

use testing::client::get;
use testing::docker::{Docker, Engine};
use testing::documented;
use testing::image::Image;
use testing::moving::{Seen, pulls_as_recorded};
use testing::scene::Scene;

async fn refuses(engine: Engine, client: &str, refusal: &dyn Fn(&str) -> String) {
    let (scene, docker) = (Scene::set(), Docker::start(engine));
    let seen = Seen {
        client,
        repository: scene.instance.image(""),
        pull: &|image| docker.pull(image),
        holds: &|text| docker.assert_has(text),
        refusal,
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn debians_docker_refuses_a_tag_that_moved() {
    refuses(Engine::Debian, "Docker 20.10.24, classic store", &|message| format!("denied: {message}")).await;
}

#[tokio::test]
async fn moby_refuses_a_tag_that_moved() {
    refuses(Engine::Moby, "Docker 29 line (moby v2.0.0-beta.24), containerd store", &|message| message.to_owned())
        .await;
}

#[tokio::test]
async fn each_gets_what_was_recorded_by_the_pinned_name() {
    for engine in [Engine::Debian, Engine::Moby] {
        let (scene, docker) = (Scene::set(), Docker::start(engine));
        let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
        let holds = |text: &str| docker.assert_has(text);
        pulls_as_recorded(&scene.stage, &url, &name, &|image| docker.pull(image), &holds).await;
    }
}

/// The refusal of a build with a base image whose tag has moved.
async fn build_refused(engine: Engine, by_buildkit: bool, client: &str) {
    let (scene, docker) = (Scene::set(), Docker::start(engine));
    let image = scene.instance.image(":v1");
    scene.stage.push("v1", &Image::files("reviewed")).await;
    let ended = docker.build_from(&image, by_buildkit, true);
    assert_eq!(ended.code, Some(0), "{client}: {ended:?}");
    scene.stage.push("v1", &Image::files("something else")).await;
    let message = get(&scene.instance.url("manifests/v1")).await.error().1;
    let ended = docker.build_from(&image, by_buildkit, true);
    assert_eq!(ended.code, Some(1), "{client}: {ended:?}");
    let text = format!("{}{}", ended.stdout, ended.stderr);
    documented::assert_reads(client, &text, &message);
    println!("{client}: {}", text.trim());
    if !by_buildkit {
        let ended = docker.build_from(&image, by_buildkit, false);
        assert_eq!(ended.code, Some(0), "it uses what is there: {ended:?}");
    }
}

#[tokio::test]
async fn a_build_by_debians_docker_refuses_a_base_image_whose_tag_moved() {
    build_refused(Engine::Debian, false, "`docker build --pull` by Docker 20.10.24, classic builder").await;
    build_refused(Engine::Debian, true, "`docker build --pull` by Docker 20.10.24, BuildKit").await;
}

#[tokio::test]
async fn a_build_by_moby_refuses_a_base_image_whose_tag_moved() {
    build_refused(Engine::Moby, true, "`docker build --pull` by the Docker 29 line (moby v2.0.0-beta.24), BuildKit")
        .await;
}
