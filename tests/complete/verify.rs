//! `verify --state`: a complete audit has found no other digest for the tag.

use serde_json::{Value, json};
use testing::process::{Ended, Process, cli};
use testing::tags::tag;
use tlogistry::evidence::Bundle;
use tlogistry::sighting::SignedStatement;

use crate::scene::{Scene, soon};

/// Serves the bundle of a sighting, as an instance does.
pub async fn instance(scene: &Scene, signed: &SignedStatement) -> String {
    let log = scene.config.clients().unwrap().written;
    let entry = log.upload(&signed.signed_payload(), soon()).await.unwrap().entry.verify(&scene.config.keys).unwrap();
    let bundle = Bundle::new(&signed.recorded_by(entry).unwrap()).to_json();
    let address = testing::faulty::wire::serve(move |_| {
        let answer = testing::faulty::wire::status(200, &[], bundle.clone());
        async move { testing::faulty::wire::whole(answer) }
    });
    format!("http://{}", address.await)
}

pub fn verify(scene: &Scene, name: &str, instance: &str, arguments: &[&str]) -> Ended {
    let mut command = cli();
    command.args(["verify", tag(name).canonical(), "--rekor", scene.config.url.as_str(), "--rekor-api", "v2"]);
    command.args(["--rekor-key", &scene.file("log.pub.pem"), "--key", &scene.file("key.pub.pem"), "--no-registry"]);
    Process::start(command.args(["--instance", instance]).args(arguments)).finish()
}

#[track_caller]
fn assert_not_shown(ended: &Ended, name: &str, why: &str) {
    let said = format!(
        "{} could not be checked: --state does not show that no other digest is recorded for it: {why}\n",
        tag(name).canonical()
    );
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.starts_with(&said), "{said}: {}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_digest_is_recorded_for_a_tag_that_a_complete_audit_covers() {
    let scene = Scene::set().await;
    let first = scene.seen("v1").await;
    let served = instance(&scene, &first).await;
    let state = scene.file("state.json");
    let with = ["--state", &*state];
    let id = scene.log_id();
    assert_not_shown(
        &verify(&scene, "v1", &served, &with),
        "v1",
        &format!("the audit has not read the log {id}, which has its entry"),
    );
    assert_eq!(scene.audit_with_state().0, Some(0));
    let ended = verify(&scene, "v1", &served, &with);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = format!(
        "  - no other digest is recorded for this tag by your keys in log 127.0.0.1, up to size 1: a complete audit read it, \
         and {} explained each entry\n",
        scene.list.url
    );
    assert!(ended.stdout.contains(&said), "{}", ended.stdout);
    assert!(!ended.stdout.contains("whether the log has other entries"), "{}", ended.stdout);
    let shown: Value =
        serde_json::from_str(&verify(&scene, "v1", &served, &["--state", &state, "--json"]).stdout).unwrap();
    let absence = json!({"logId": id, "origin": "127.0.0.1", "size": 1, "source": scene.list.url, "notRead": []});
    assert_eq!((&shown["verdict"], &shown["absence"]), (&json!("holds"), &absence));
    let without = verify(&scene, "v1", &served, &[]);
    assert!(without.stdout.contains("Not checked: whether the log has other entries"), "{}", without.stdout);

    // A newer one.
    let second = scene.seen("v2").await;
    let newer = instance(&scene, &second).await;
    let why = "its entry has index 1, and the audit read up to size 1: run the audit again";
    assert_not_shown(&verify(&scene, "v2", &newer, &with), "v2", why);
    // Another key was not looked for.
    let own = std::fs::read(scene.file("key.pub.pem")).unwrap();
    let other = Scene::set().await.sign("v1", "v1").await.key().pem().to_owned();
    std::fs::write(scene.file("key.pub.pem"), [&own[..], other.as_bytes()].concat()).unwrap();
    assert_not_shown(&verify(&scene, "v1", &served, &with), "v1", "the audit did not look for all of your keys");
    std::fs::write(scene.file("key.pub.pem"), own).unwrap();
    // One that does not hold shows nothing.
    scene.upload(&scene.sign("v1", "another").await).await;
    assert_eq!(scene.audit_with_state().0, Some(1));
    assert_not_shown(&verify(&scene, "v1", &served, &with), "v1", "the audit did not hold when it ended last");
}
