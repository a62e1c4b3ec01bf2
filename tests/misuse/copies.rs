//! Copies of our published statements alarm nobody.

use testing::filed::copies::{of_another_tag, of_this_tag};

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_sighting_is_the_same_fact_in_any_form() {
    let mut scene = Scene::set().await;
    for number in 0..of_this_tag(scene.case()).len() {
        let (filed, standing) = of_this_tag(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        scene.assert_holds(filed.name, &["sighting", standing]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_alarm_nobody_however_many_they_are() {
    let mut scene = Scene::set().await;
    scene.next();
    scene.file_sighting();
    let mut standings = vec!["sighting"];
    for (filed, standing) in of_this_tag(scene.case()).into_iter().chain(of_this_tag(scene.case())) {
        scene.file(&filed);
        standings.push(standing);
    }
    scene.assert_holds("all", &standings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_alone_is_no_sighting_and_no_contradiction() {
    let mut scene = Scene::set().await;
    for number in 0..of_this_tag(scene.case()).len() {
        let (filed, standing) = of_this_tag(scene.next()).remove(number);
        if standing == "refiled" {
            scene.file(&filed);
            assert_eq!(scene.say("history").1, 2, "{}", filed.name);
            let (said, code) = scene.say("verify");
            assert_eq!((said["verdict"].as_str(), code), (Some("unchecked"), 2), "{}: {said}", filed.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_tags_sighting_that_a_certificate_files_here_says_nothing() {
    let mut scene = Scene::set().await;
    for number in 0..of_another_tag(scene.case()).copies.len() {
        let filed = of_another_tag(scene.next()).copies.remove(number);
        scene.file_sighting();
        scene.file(&filed);
        scene.assert_holds(filed.name, &["sighting", "unrelated"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_such_a_copy_does_not_tell_is_looked_up_and_without_that_it_is_doubt() {
    let mut scene = Scene::set().await;
    for number in 0..of_another_tag(scene.case()).bare.len() {
        let mut other = of_another_tag(scene.next());
        let filed = other.bare.remove(number);
        scene.file_sighting();
        scene.file(&filed);
        // The log lists only the copy under its statement's hash.
        scene.log.file(&filed, &[&other.payload_hash]);
        let (said, code) = scene.say("verify");
        assert_eq!((said["verdict"].as_str(), code), (Some("unchecked"), 2), "{}: {said}", filed.name);
        assert_eq!(scene.say("history").1, 2, "{}", filed.name);
        assert_eq!(scene.audit(), (vec!["unattested".to_owned()], 2), "{}", filed.name);

        scene.log.file(&other.original, &[&other.payload_hash]);
        scene.assert_holds(filed.name, &["sighting", "unrelated"]);
    }
}
