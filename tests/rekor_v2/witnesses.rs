//! `WITNESS_POLICY`: new entries need the cosignatures of witnesses, and what was recorded before does not.

use testing::faulty::log::Call;
use testing::witness::Witness;
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::tlog::Policy;

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull};

/// An instance that demands both witnesses.
fn demanding(scene: &Scene, witnesses: &[Witness; 2]) -> Service {
    let [a, b] = witnesses.each_ref().map(Witness::vkey);
    let policy = format!("witness a {a}\nwitness b {b}\ngroup g all a b\nquorum g\n");
    let policy = Some(Policy::parse(policy.as_bytes()).unwrap());
    scene.instance_with(LogConfig { policy, ..scene.log.config() })
}

fn witnesses() -> [Witness; 2] {
    ["a.test", "b.test"].map(Witness::new)
}

fn cosigned_by(scene: &Scene, witnesses: &[Witness]) {
    let witnesses = witnesses.to_vec();
    scene
        .log
        .is_cosigned(move |note| witnesses.iter().fold(note.to_owned(), |note, by| by.cosign(&note, 1_778_700_214)));
}

#[tokio::test]
async fn an_entry_under_a_cosigned_checkpoint_is_recorded_at_once() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    cosigned_by(&scene, &witnesses);
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&demanding(&scene, &witnesses), "v1").await, &digest);
    assert_eq!(scene.log.asked(), [Call::Upload]);
}

#[tokio::test]
async fn one_that_falls_short_stays_pending_and_is_completed_by_tiles_without_a_new_signature() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    let instance = demanding(&scene, &witnesses);
    let digest = scene.tags.push("v1", "one");
    cosigned_by(&scene, &witnesses[..1]);
    for _ in 0..2 {
        assert_refused(
            &pull(&instance, "v1").await,
            503,
            "the new entry does not count yet: its checkpoint is not cosigned",
        );
    }
    // A pending tag is not another digest's.
    scene.tags.push("v1", "two");
    assert_refused(&pull(&instance, "v1").await, 503, "b did not cosign");
    assert_eq!(scene.log.size().await, 1);

    cosigned_by(&scene, &witnesses);
    scene.log.asked();
    let moved = pull(&demanding(&scene, &witnesses), "v1").await;
    assert_refused(&moved, 403, digest.as_str());
    let asked = scene.log.asked();
    assert_eq!(asked[..2], [Call::Upload, Call::Head], "{asked:?}");
    assert_eq!(scene.log.size().await, 1, "nothing was signed anew");
    scene.tags.push("v1", "one");
    assert_unchanged(&pull(&instance, "v1").await, &digest);
}

#[tokio::test]
async fn what_was_recorded_before_is_not_judged_by_it() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&scene.pull("v1").await, &digest);
    assert_unchanged(&pull(&demanding(&scene, &witnesses), "v1").await, &digest);
}
