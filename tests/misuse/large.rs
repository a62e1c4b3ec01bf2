//! Entries that are too large to be read, or cannot be: they cost neither others' words nor the time for them.

use std::collections::BTreeSet;

use testing::any_log::Plight;
use testing::filed::{Case, Filed, Key, intoto_2};
use tlogistry::dsse::IN_TOTO;
use tlogistry::image::Digest;
use tlogistry::sighting::statement;

use crate::scene::Scene;

/// A stranger's entry with 5 MB before his key. Rekor keeps them.
fn large(case: &Case, number: usize) -> Filed {
    let payload = statement(&case.tag, &Digest::sha256(number.to_string().as_bytes()));
    let key = format!("{}\n{}", "#".repeat(5_000_000), case.theirs.pem());
    intoto_2("large", IN_TOTO, &payload, &[case.theirs.signer_of(IN_TOTO, &payload).with_key(key)])
}

fn small(case: &Case, number: usize) -> Filed {
    let payload = statement(&case.tag, &Digest::sha256(number.to_string().as_bytes()));
    intoto_2("small", IN_TOTO, &payload, &[case.theirs.signer_of(IN_TOTO, &payload)])
}

fn second_digest(case: &Case) -> Filed {
    intoto_2("a second digest", IN_TOTO, &case.other(), &[case.ours.signer_of(IN_TOTO, &case.other())])
}

#[tokio::test(flavor = "multi_thread")]
async fn large_entries_of_strangers_stop_no_pull_and_are_asked_for_once() {
    let mut scene = Scene::set().await;
    let instance = scene.instance();
    scene.next();
    let large = [large(scene.case(), 1), large(scene.case(), 2)].map(|filed| scene.file(&filed));
    (3..12).for_each(|number| drop(scene.file(&small(scene.case(), number))));
    let pulled = scene.pull(&instance).await;
    assert_eq!((pulled.status, pulled.first_seen), (200, true), "{pulled:?}");

    // A tag that is known: its sighting counts.
    let other = Scene::set().await;
    large_beside_a_sighting(other).await;

    // Another instance asks again, this one never does.
    let asked = || scene.log.retrieved().concat().into_iter().filter(|id| large.contains(id)).count();
    let before = asked();
    assert!(before >= 2, "{before}");
}

async fn large_beside_a_sighting(mut scene: Scene) {
    scene.next();
    scene.file(&large(scene.case(), 1));
    scene.file_sighting();
    scene.file(&large(scene.case(), 2));
    let pulled = scene.pull(&scene.instance()).await;
    assert_eq!((pulled.status, pulled.first_seen), (200, false), "{pulled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reads_large_entries() {
    let mut scene = Scene::set().await;
    scene.next();
    scene.file_sighting();
    scene.file(&large(scene.case(), 1));
    scene.assert_holds("a stranger's", &["sighting", "foreign"]);

    let payload = scene.case().other();
    let key = format!("{}\n{}", "#".repeat(5_000_000), scene.case().ours.pem());
    let sealed = scene.case().ours.signer_of(IN_TOTO, &payload).with_key(key);
    scene.file(&intoto_2("ours", IN_TOTO, &payload, &[sealed]));
    let (said, code) = scene.say("verify");
    assert_eq!((said["verdict"].as_str(), code), (Some("contradicted"), 1), "{said}");
    assert_eq!(scene.say("history").1, 1);
    assert_eq!(scene.audit(), (vec!["contradicted".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_answers_prove_survives_one_that_cannot_be_read() {
    for plight in [Plight::Broken, Plight::Missing] {
        let mut scene = Scene::set().await;
        scene.next();
        scene.file_sighting();
        scene.file(&second_digest(scene.case()));
        let spoilt = scene.file(&small(scene.case(), 0));
        (1..25).for_each(|number| drop(scene.file(&small(scene.case(), number))));
        scene.log.spoil(&spoilt, plight);
        let (said, code) = scene.say("verify");
        assert_eq!((said["verdict"].as_str(), code), (Some("contradicted"), 1), "{plight:?}: {said}");
        assert_eq!(said["unread"][0]["id"], *spoilt, "{plight:?}: {said}");
        let text = scene.run("verify", &[&scene.case().tag.to_string()]).stdout;
        assert!(text.contains(&format!("\nNot read: the entry {spoilt}: ")), "{text}");
        let (said, code) = scene.say("history");
        assert_eq!((said["unread"][0]["id"].as_str(), code), (Some(&*spoilt), 1), "{plight:?}: {said}");
        assert_eq!(said["unread"].as_array().unwrap().len(), 1, "{plight:?}: {said}");
        assert_eq!(said["entries"].as_array().unwrap().len(), 26, "{plight:?}: {said}");
        assert_eq!(scene.audit(), (vec!["contradicted".to_owned(), "unreadable".to_owned()], 1), "{plight:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_read_is_doubt_with_the_entrys_id() {
    for plight in [Plight::Broken, Plight::Missing] {
        let mut scene = Scene::set().await;
        scene.next();
        scene.file_sighting();
        let spoilt = scene.file(&small(scene.case(), 0));
        scene.log.spoil(&spoilt, plight);
        let (said, code) = scene.say("verify");
        assert_eq!((said["verdict"].as_str(), code), (Some("unchecked"), 2), "{plight:?}: {said}");
        assert!(said["reason"].as_str().unwrap().contains(&spoilt), "{plight:?}: {said}");
        let (said, code) = scene.say("history");
        assert_eq!((said["unread"][0]["id"].as_str(), code), (Some(&*spoilt), 2), "{plight:?}: {said}");
        assert_eq!(scene.audit(), (vec!["unreadable".to_owned()], 2), "{plight:?}");
        let pulled = scene.pull(&scene.instance()).await;
        assert_eq!(pulled.status, 503, "{plight:?}: {pulled:?}");
    }
}

#[tokio::test]
async fn each_try_to_look_through_strangers_entries_gets_further() {
    let mut scene = Scene::set().await;
    let instance = scene.instance();
    let strangers = 95;
    scene.next();
    let theirs = Key::new();
    let ids: BTreeSet<String> = (0..strangers)
        .map(|number| {
            let payload = statement(&scene.case().tag, &Digest::sha256(number.to_string().as_bytes()));
            scene.file(&intoto_2("a stranger's", IN_TOTO, &payload, &[theirs.signer_of(IN_TOTO, &payload)]))
        })
        .collect();
    let mut unread = ids.len();
    for answered in [1, 2] {
        let before = scene.log.retrieved().len();
        // The others fail once those that were answered are read: only then four more are asked for.
        scene.log.fails_after(answered, answered + 4);
        let pulled = scene.pull(&instance).await;
        assert_eq!(pulled.status, 503, "{pulled:?}");
        let asked = scene.log.retrieved()[before..].concat();
        assert!(asked.len() <= unread && asked.iter().all(|id| ids.contains(id)));
        unread -= 10 * answered;
    }
    scene.log.heals();
    let before = scene.log.retrieved().len();
    let pulled = scene.pull(&instance).await;
    assert_eq!((pulled.status, pulled.first_seen), (200, true), "{pulled:?}");
    let asked: BTreeSet<String> = scene.log.retrieved()[before..].concat().into_iter().collect();
    assert_eq!(asked.len(), unread, "those that were read are not asked for again");
}
