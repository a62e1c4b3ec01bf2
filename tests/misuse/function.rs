//! An instance whose ledger has no row for the tag.

use testing::filed::copies::{of_another_tag, of_this_tag};
use testing::filed::ours::{Says, everything};
use testing::filed::strangers::that_hold_our_key;
use testing::traced::Traced;

use crate::scene::{Pulled, Scene};

const UNEXPLAINED: &str = "that no sighting of this tag explains";

/// Pulls the current tag from an instance that knows nothing. Says whether it told of an equivocation.
async fn pull(scene: &Scene) -> (Pulled, bool) {
    let traced = Traced::default();
    let listening = traced.listen();
    let pulled = scene.pull(&scene.instance()).await;
    drop(listening);
    (pulled, traced.text().contains("EQUIVOCATION"))
}

#[track_caller]
fn assert_unexplained(name: &str, pulled: &Pulled) {
    assert_eq!(pulled.status, 503, "{name}: {pulled:?}");
    assert!(pulled.body.contains(UNEXPLAINED), "{name}: {pulled:?}");
}

#[tokio::test]
async fn what_no_sighting_explains_is_never_a_first_sight_and_is_told() {
    let mut scene = Scene::set().await;
    for number in 0..everything(scene.case()).len() {
        let (filed, says) = everything(scene.next()).remove(number);
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        if says == Says::Contradicted("sighting") || filed.name == "as a sighting, the statement lost" {
            // It counts, and the registry serves something else.
            assert_eq!(pulled.status, 403, "{}: {pulled:?}", filed.name);
        } else {
            assert_unexplained(filed.name, &pulled);
            assert_eq!(told, says != Says::Unreadable, "{}", filed.name);
        }
    }
    assert_eq!(scene.log.uploads(), 0);
}

#[tokio::test]
async fn beside_a_sighting_it_stops_the_pull_too() {
    let mut scene = Scene::set().await;
    for number in 0..everything(scene.case()).len() {
        let (filed, says) = everything(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        if says == Says::Contradicted("sighting") {
            // Of two sightings the first counts; that there are two is told.
            assert_eq!((pulled.status, pulled.first_seen, told), (200, false, true), "{}: {pulled:?}", filed.name);
        } else {
            assert_unexplained(filed.name, &pulled);
            assert_eq!(told, says != Says::Unreadable, "{}", filed.name);
        }
    }
    assert_eq!(scene.log.uploads(), 0);
}

#[tokio::test]
async fn copies_of_the_sighting_stop_nothing() {
    let mut scene = Scene::set().await;
    for number in 0..of_this_tag(scene.case()).len() {
        let (filed, _) = of_this_tag(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        assert_eq!((pulled.status, pulled.first_seen, told), (200, false, false), "{}: {pulled:?}", filed.name);
    }
}

#[tokio::test]
async fn copies_of_another_tags_sighting_stop_no_first_sight() {
    let mut scene = Scene::set().await;
    for number in 0..of_another_tag(scene.case()).copies.len() {
        let filed = of_another_tag(scene.next()).copies.remove(number);
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        assert_eq!((pulled.status, pulled.first_seen, told), (200, true, false), "{}: {pulled:?}", filed.name);
    }
    for number in 0..of_another_tag(scene.case()).bare.len() {
        let mut other = of_another_tag(scene.next());
        let filed = other.bare.remove(number);
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        assert_unexplained(filed.name, &pulled);
        assert!(told, "{}", filed.name);
        // Its statement is found under the statement's hash.
        scene.log.file(&other.original, &[&other.payload_hash]);
        let (pulled, told) = pull(&scene).await;
        assert_eq!((pulled.status, pulled.first_seen, told), (200, true, false), "{}: {pulled:?}", filed.name);
    }
}

/// The sighting's own statement is lost, and what the copy is about is looked up all the same.
#[tokio::test]
async fn a_lost_statement_and_a_copy_of_another_tags_stop_nothing_together() {
    let mut scene = Scene::set().await;
    let case = scene.next();
    let (lost, mut other) = (case.sighting().without_attestation("lost"), of_another_tag(case));
    scene.file(&lost);
    scene.file(&other.bare.remove(0));
    scene.log.file(&other.original, &[&other.payload_hash]);
    let (pulled, told) = pull(&scene).await;
    assert_eq!((pulled.status, pulled.first_seen, told), (200, false, false), "{pulled:?}");
}

#[tokio::test]
async fn strangers_that_hold_our_key_stop_no_first_sight() {
    let mut scene = Scene::set().await;
    for number in 0..that_hold_our_key(scene.case()).len() {
        let filed = that_hold_our_key(scene.next()).remove(number);
        scene.file(&filed);
        let (pulled, told) = pull(&scene).await;
        assert_eq!((pulled.status, pulled.first_seen, told), (200, true, false), "{}: {pulled:?}", filed.name);
    }
}
