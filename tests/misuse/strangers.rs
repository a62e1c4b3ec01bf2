//! Strangers' entries stay strangers', wherever they hold our key.

use testing::filed::strangers::that_hold_our_key;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn our_key_in_a_strangers_entry_makes_it_none_of_ours() {
    let mut scene = Scene::set().await;
    for number in 0..that_hold_our_key(scene.case()).len() {
        let filed = that_hold_our_key(scene.next()).remove(number);
        scene.file_sighting();
        scene.file(&filed);
        scene.assert_holds(filed.name, &["sighting", "foreign"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_entries_leave_nothing_unsaid() {
    let mut scene = Scene::set().await;
    scene.next();
    scene.file_sighting();
    let strangers = that_hold_our_key(scene.case());
    strangers.iter().for_each(|filed| drop(scene.file(filed)));
    let said = scene.run("verify", &[&scene.case().tag.to_string()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("\n  - the log lists no other entry for this tag by your keys\n"), "{said:?}");
    let foreign = format!("Passed over: entries by other keys ({}), which anyone can file\n", strangers.len());
    assert!(said.stdout.ends_with(&foreign), "{said:?}");
}
