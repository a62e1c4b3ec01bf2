//! An experiment: containerd as the client of a mirror that it may pass by, with our image verifier on the node and without.
//!
//! | | without | with |
//! |---|---|---|
//! | the tag has not moved | pulled | pulled |
//! | the tag has moved: the mirror refuses it, the registry serves it | pulled | refused, with the message |
//! | it has moved, and the instance is down | pulled | refused by what was verified before |
//! | the instance is down, and the tag was never seen | pulled | refused |

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testing::client::get;
use testing::containerd::{Containerd, Hosts};
use testing::cri::Cri;
use testing::documented;
use testing::image::Image;
use testing::process::{Ended, built, go_tool};
use testing::scene::Scene;
use testing::stage::REPOSITORY;

/// A node whose containerd asks the instance first, and the registry if that refuses or is down.
struct Node {
    containerd: Containerd,
    folder: tempfile::TempDir,
    /// The registry's address, and the instance's.
    addresses: [String; 2],
}

impl Node {
    /// The verifiers' folder of one node is empty, and containerd then lets everything pass.
    async fn set(scene: &Scene, with_verifier: bool) -> Self {
        let folder = verifiers(scene, with_verifier).await;
        let bin = folder.path().join("bin");
        let containerd = Containerd::with_verifiers(go_tool("containerd"), || go_tool("ctr"), &bin);
        Self { containerd, folder, addresses: [scene.stage.registry.address.clone(), scene.instance.address.clone()] }
    }

    fn pull(&self, tag: &str) -> Ended {
        let [origin, host] = &self.addresses;
        let hosts = self.containerd.hosts(Hosts::Mirror, origin, host);
        self.containerd.pull(&["--hosts-dir", hosts.to_str().unwrap()], &format!("{origin}/{REPOSITORY}:{tag}"))
    }

    #[track_caller]
    fn assert_pulls(&self, tag: &str, text: &str) {
        let ended = self.pull(tag);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.containerd.assert_unpacked(text);
    }

    #[track_caller]
    fn assert_refused(&self, tag: &str, words: &str) -> Ended {
        let ended = self.pull(tag);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let expected = format!("image verifier bindir blocked pull of {}/{REPOSITORY}:{tag}", self.addresses[0]);
        for part in [expected.as_str(), "verifier tlogistry rejected image", words] {
            assert!(ended.stderr.contains(part), "{part}\nis not in\n{}", ended.stderr);
        }
        println!("containerd 2.4.2 by ctr, image verifier: {}", ended.stderr.trim());
        ended
    }
}

/// A folder with the verifiers' folder `bin` in it, and beside that what the verifier needs.
async fn verifiers(scene: &Scene, with_verifier: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("bin")).unwrap();
    if with_verifier {
        std::fs::write(path("key.pem"), get(&scene.instance.at("/key.pem")).await.bytes).unwrap();
        std::fs::write(path("log.pem"), &scene.stage.log.public_key).unwrap();
        let config = format!(
            "instance = '{}'\nkey = '{}'\nlog_key = '{}'\ncache = '{}'\n",
            scene.instance.at(""),
            path("key.pem").display(),
            path("log.pem").display(),
            path("cache").display()
        );
        std::fs::write(path("image-verifier.toml"), config).unwrap();
        write_wrapper(&path("bin/tlogistry"), &path("image-verifier.toml"));
    }
    folder
}

fn write_wrapper(path: &Path, config: &Path) {
    let program = built("tlogistry-cli");
    let text = format!("#!/bin/sh\nexec {} image-verifier --config {} \"$@\"\n", program.display(), config.display());
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_verifier_on_the_node_refuses_what_passes_a_mirror_by() {
    let scene = Scene::mirror();
    let (without, with) = (Node::set(&scene, false).await, Node::set(&scene, true).await);
    let (reviewed, other) = (Image::files("reviewed"), Image::files("something else"));

    // Unmoved: the mirror records it at the first pull.
    scene.stage.push("v1", &reviewed).await;
    without.assert_pulls("v1", "reviewed");
    with.assert_pulls("v1", "reviewed");
    let kept = || std::fs::read_dir(with.folder.path().join("cache")).unwrap().count();
    assert_eq!(kept(), 1);

    // Moved: the mirror refuses it, and containerd goes to the registry.
    scene.stage.push("v1", &other).await;
    let answer = get(&scene.mirror_url("manifests/v1")).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let (recorded, current) = (reviewed.digest(), other.digest());
    without.assert_pulls("v1", "something else");
    let tag = format!("{}/{REPOSITORY}:v1", scene.stage.registry.address);
    let moved = format!("the tag {tag} has moved and is refused: it was recorded as {recorded} on ");
    let ended = with.assert_refused("v1", &moved);
    documented::assert_reads("containerd 2.4.2 by ctr, image verifier", &ended.stderr, &moved);
    with.assert_refused("v1", &format!("but this pull found {current}; if you trust what was recorded, pull "));

    // Down: what was verified before holds, and nothing else passes.
    let Scene { stage, instance } = scene;
    stage.push("v2", &other).await;
    drop(instance);
    without.assert_pulls("v1", "something else");
    with.assert_refused("v1", &moved);
    without.assert_pulls("v2", "something else");
    with.assert_refused("v2", "could not be checked and is refused: ");
    stage.push("v1", &reviewed).await;
    with.assert_pulls("v1", "reviewed");
}

/// As kubelet pulls, and with the settings of containerd that keep kubelet's pulls from being verified.
#[tokio::test]
async fn kubelets_pulls_are_verified_unless_containerd_falls_back_to_local_ones() {
    let scene = Scene::mirror();
    let folder = verifiers(&scene, true).await;
    let (origin, host) = (scene.stage.registry.address.as_str(), scene.instance.address.as_str());
    let start = |images: &str| Cri::start(&folder.path().join("bin"), &[origin, host], Some((origin, host)), images);
    let name = format!("{origin}/{REPOSITORY}:v1");
    let (verified, client) =
        (start("use_local_image_pull = false\n"), "containerd 2.4.2 by crictl 1.37.0, image verifier");

    scene.stage.push("v1", &Image::files("reviewed")).await;
    let ended = verified.pull(&name);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    verified.assert_unpacked("reviewed");
    scene.stage.push("v1", &Image::files("something else")).await;
    let ended = verified.pull(&name);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    documented::assert_reads(
        client,
        &ended.stderr,
        &format!("the tag {name} has moved and is refused: it was recorded as "),
    );

    // This is not a promise but a warning in docs/node.md, kept true.
    let page = std::fs::read_to_string(testing::process::root().join("docs/node.md")).unwrap();
    for trap in [
        "use_local_image_pull = true",
        "discard_unpacked_layers = true",
        "image_pull_with_sync_fs = true",
        "max_concurrent_downloads = 4",
    ] {
        assert!(page.contains(trap.strip_suffix(" = 4").unwrap_or(trap)), "docs/node.md does not name {trap}");
        let passed = start(&format!("{trap}\n"));
        let ended = passed.pull(&name);
        assert_eq!(ended.code, Some(0), "{trap}: {ended:?}");
        passed.assert_unpacked("something else");
    }
}
