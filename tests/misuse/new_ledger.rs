//! A ledger without a row, beside a key whose hash the log lists entries under: only entries by the key show that it was
//! used with another ledger.

use serde_json::json;
use testing::any_log::Plight;
use testing::filed::{Filed, base64, leaf, strangers};
use testing::service;
use tlogistry::image::Digest;
use tlogistry::ledger::{FileLedger, Ledger};
use tlogistry::sighting::LocalKey;

use crate::scene::{Pulled, Scene};

impl Scene {
    /// Files an entry under the key.
    fn file_under_key(&self, filed: &Filed) -> String {
        self.log.file(filed, &[Digest::sha256(self.case().ours.pem().as_bytes()).hex()])
    }

    /// Pulls the next tag through an instance whose ledger is a new file.
    async fn pull_with_new_ledger(&mut self) -> Pulled {
        self.next();
        let folder = tempfile::tempdir().unwrap();
        let ledger = FileLedger::open_or_create(&folder.path().join("ledger.redb")).unwrap();
        let key = LocalKey::open(&self.path("signing-key.pem")).unwrap();
        let builder = service::with_log(self.log.config()).registry(self.registry()).key(key);
        let instance = builder.ledger(Ledger::File(ledger)).build();
        let pulled = self.pull(&instance).await;
        instance.finish().await;
        pulled
    }

    async fn assert_stopped(&mut self, why: &str) {
        let (pulled, uploads) = (self.pull_with_new_ledger().await, self.log.uploads());
        assert!(pulled.status == 503 && pulled.body.contains(why), "'{why}' is not in {pulled:?}");
        assert_eq!(uploads, 0, "nothing is recorded");
    }
}

const ENTRIES: &str = "the log has entries by its key";
const UNREADABLE: &str = "the log lists more than can be read under its key";

/// An entry of a kind that nobody knows yet, with our key in it.
fn of_a_kind_to_come(scene: &Scene) -> Filed {
    leaf("as a kind to come", "to-come", "0.0.1", json!({"key": base64(scene.case().ours.public.der())}))
}

#[tokio::test]
async fn strangers_entries_that_hold_the_key_are_no_use_of_it() {
    let mut scene = Scene::set().await;
    for filed in strangers::that_hold_our_key(scene.case()) {
        scene.file_under_key(&filed);
    }
    let pulled = scene.pull_with_new_ledger().await;
    assert!(pulled.status == 200 && pulled.first_seen, "{pulled:?}");
}

#[tokio::test]
async fn an_entry_by_the_key_is_found_behind_strangers_entries() {
    let mut scene = Scene::set().await;
    for filed in strangers::that_hold_our_key(scene.case()) {
        scene.file_under_key(&filed);
    }
    scene.file_under_key(&scene.case().sighting());
    scene.assert_stopped(ENTRIES).await;
}

#[tokio::test]
async fn an_entry_of_an_unknown_kind_that_holds_the_key_may_be_a_use_of_it() {
    let mut scene = Scene::set().await;
    scene.file_under_key(&of_a_kind_to_come(&scene));
    scene.assert_stopped(UNREADABLE).await;
    scene.file_under_key(&scene.case().sighting());
    scene.assert_stopped(ENTRIES).await;
}

#[tokio::test]
async fn an_entry_by_the_key_that_does_not_verify_stops_first_sights() {
    let mut scene = Scene::set().await;
    let id = scene.file_under_key(&scene.case().sighting());
    scene.log.spoil(&id, Plight::Altered);
    scene.assert_stopped("an entry of the log does not verify").await;
    // One that does verify shows the use, whatever stands beside it.
    let other = scene.next().sighting();
    scene.file_under_key(&other);
    scene.assert_stopped(ENTRIES).await;
}
