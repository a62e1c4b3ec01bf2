//! `audit --keep`: what an instance has recorded is checked and imported when the instance is gone.

use testing::process::{Ended, Process, cli};
use testing::tags::tag;
use tlogistry::evidence::Bundle;

use crate::scene::{Scene, soon};

/// A sighting that the instance lists, with the evidence of it.
async fn seen(scene: &Scene, name: &str) {
    let signed = scene.seen(name).await;
    let log = scene.config.clients().unwrap().written;
    // The log answers with the entry that is there.
    let entry = log.upload(&signed.signed_payload(), soon()).await.unwrap().entry.verify(&scene.config.keys).unwrap();
    let bundle = Bundle::new(&signed.recorded_by(entry).unwrap()).to_json();
    scene.list.has_bundle(tag(name).canonical(), bundle);
}

fn command(scene: &Scene, arguments: &[&str]) -> Ended {
    let mut command = cli();
    command.args(arguments);
    command.args([
        "--rekor",
        scene.config.url.as_str(),
        "--rekor-api",
        "v2",
        "--rekor-key",
        &scene.file("log.pub.pem"),
    ]);
    Process::start(command.args(["--key", &scene.file("key.pub.pem")])).finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_sightings_are_verified_and_imported_without_the_instance() {
    let scene = Scene::set().await;
    for name in ["v1", "v2"] {
        seen(&scene, name).await;
    }
    let pending = scene.sign("v3", "3").await;
    scene.upload(&pending).await;
    scene.list.add_pending(&pending);
    let file = scene.file("kept.jsonl");
    let ended = scene.audit(&["--keep", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("{file}: 3 sightings kept\n")), "{}", ended.stdout);

    // What is kept is not fetched again.
    seen(&scene, "v4").await;
    scene.list.asked();
    let ended = scene.audit(&["--keep", &file]);
    assert!(ended.stdout.contains(&format!("{file}: 4 sightings kept\n")), "{ended:?}");
    let fetched: Vec<String> = scene.list.asked().into_iter().filter(|asked| asked.starts_with('/')).collect();
    assert_eq!(fetched, [format!("/sightings/{}", tag("v4"))]);

    let name = |name: &str| tag(name).canonical().to_owned();
    let verify =
        |tag_name: &str, file: &str| command(&scene, &["verify", &name(tag_name), "--kept", file, "--no-registry"]);
    let ended = verify("v1", &file);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{} holds\n\n  digest    ", name("v1"))), "{}", ended.stdout);
    let ended = verify("v3", &file);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("is pending: nothing shows that the log has it"), "{}", ended.stdout);
    assert!(verify("v9", &file).stdout.contains("has no such tag"));
    let changed = scene.file("changed.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let digest = tlogistry::image::Digest::sha256(b"v1");
    std::fs::write(&changed, text.replace(digest.as_str(), tlogistry::image::Digest::sha256(b"x").as_str())).unwrap();
    let ended = verify("v1", &changed);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("does not verify: its signature does not verify"), "{}", ended.stdout);

    let ledger = scene.file("ledger.redb");
    let ended = command(&scene, &["ledger", "import", "--ledger-file", &ledger, &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = "5 items: 4 tags' rows (4 new, 0 completed, 0 there before), 0 of the index, 0 refused, 0 unreadable";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    // And the file explains the log as the instance did.
    let ended = scene.run(&["--ledger-file", &ledger]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
