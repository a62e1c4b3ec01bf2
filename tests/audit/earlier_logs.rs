//! `audit` of several Rekor v1: each tree's growth is proven by the log that has it.

use testing::process::{Ended, Process};
use tlogistry::image::Digest;

use crate::scene::Scene;

fn audit(scene: &Scene, earlier: &Scene) -> Ended {
    let list = scene.list(&["v1"]);
    let state = scene.file("state.json");
    let arguments = ["--tags", &list, "--earlier-log", &earlier.url, "--state", state.to_str().unwrap()];
    Process::start(&mut scene.command("audit", &arguments)).finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trees_of_two_logs_are_each_followed() {
    let (scene, earlier) = (Scene::set().await, Scene::set().await);
    let read = |scene: &Scene| std::fs::read_to_string(scene.file("log.pub.pem")).unwrap();
    std::fs::write(scene.file("log.pub.pem"), format!("{}{}", read(&scene), read(&earlier))).unwrap();
    let digest = Digest::sha256(b"v1");
    let trees = [scene.head().await.0, earlier.head().await.0];
    scene.record("v1", &digest).await;
    earlier.record_by(&scene.signer, "v1", &digest).await;
    for size in 2..5 {
        assert_eq!(audit(&scene, &earlier).code, Some(0));
        scene.record("v1", &digest).await;
        earlier.record_by(&scene.signer, "v1", &digest).await;
        let ended = audit(&scene, &earlier);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for tree in &trees {
            let said = format!("the log's tree {tree} grew from {} to {size} entries, and only grew\n", size - 1);
            assert!(ended.stdout.contains(&said), "{said}: {}", ended.stdout);
        }
    }
}
