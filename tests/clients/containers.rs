//! skopeo with umoci, podman, buildah.

use testing::containers::Home;
use testing::moving::Seen;
use testing::scene::Scene;
use testing::unpacked::assert_unpacked;

/// The words that all of them put around a registry's message.
fn denied(repository: &str, message: &str) -> String {
    format!("reading manifest v1 in {repository}: denied: {message}")
}

#[tokio::test]
async fn what_skopeo_pulls_umoci_unpacks() {
    let (scene, home, folder) = (Scene::set(), Home::make(), tempfile::tempdir().unwrap());
    let (layout, bundles) = (folder.path().join("layout"), folder.path().join("bundles"));
    let repository = scene.instance.image("");
    let seen = Seen {
        client: "skopeo 1.9.3",
        repository: repository.clone(),
        pull: &|image| {
            let _ = std::fs::remove_dir_all(&layout);
            home.skopeo_copy(image, &layout)
        },
        holds: &|text| {
            let _ = std::fs::remove_dir_all(&bundles);
            std::fs::create_dir(&bundles).unwrap();
            let ended = home.umoci_unpack(&layout, &bundles.join("bundle"));
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_unpacked(&bundles.join("bundle"), text);
        },
        refusal: &|message| denied(&repository, message),
        takes_tag_and_digest: false,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn podman_refuses_a_tag_that_moved() {
    let (scene, home) = (Scene::set(), Home::make());
    let repository = scene.instance.image("");
    let seen = Seen {
        client: "podman 4.3.1",
        repository: repository.clone(),
        pull: &|image| home.podman_pull(image),
        holds: &|text| home.assert_unpacked(text),
        refusal: &|message| denied(&repository, message),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn buildah_refuses_a_tag_that_moved_when_it_asks() {
    let (scene, home) = (Scene::set(), Home::make());
    let repository = scene.instance.image("");
    let seen = Seen {
        client: "buildah 1.28.2",
        repository: repository.clone(),
        pull: &|image| home.buildah_pull(image),
        holds: &|text| home.assert_unpacked(text),
        refusal: &|message| denied(&repository, message),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;

    // It uses an image that it has without asking, as docker run and podman run do.
    let ended = home.buildah_pull_by(&[], &scene.instance.image(":v1"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
