//! The conditional writes: who may write what, and when.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use testing::service;
use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::ledger::Completion::{Before, Now, OtherDigest};
use tlogistry::ledger::{Lease, Row, RowState};
use tlogistry::sighting::{Sighting, Signer};

use crate::scene::{Scene, pull};

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

#[tokio::test]
async fn one_row_is_inserted_and_taken_over_only_from_the_lease_that_was_seen() {
    let scene = Scene::set().await;
    let (tag, signer) = (tag("v1"), Signer::Local(scene.key()));
    let first = signer.sign(&tag, &Digest::sha256(b"a"), soon()).await.unwrap();
    let second = signer.sign(&tag, &Digest::sha256(b"b"), soon()).await.unwrap();
    for ledger in scene.each_kind() {
        assert_eq!(ledger.get(&tag, soon()).await.unwrap(), None);
        let row = Row::pending(&first, Lease(1));
        assert!(ledger.insert(&row, soon()).await.unwrap());
        assert!(!ledger.insert(&Row::pending(&second, Lease(9)), soon()).await.unwrap(), "one writer wins");
        assert_eq!(ledger.get(&tag, soon()).await.unwrap(), Some(row));

        assert!(!ledger.take_over(&tag, Lease(2), Lease(3), soon()).await.unwrap(), "another lease was seen");
        assert!(ledger.take_over(&tag, Lease(1), Lease(3), soon()).await.unwrap());
        assert!(!ledger.take_over(&tag, Lease(1), Lease(4), soon()).await.unwrap(), "someone was faster");
        let row = ledger.get(&tag, soon()).await.unwrap().unwrap();
        assert_eq!((row.state, row.digest), (RowState::Pending { lease: Lease(3) }, first.digest().to_string()));
    }
}

/// A tag that was recorded: its row, and the sighting in it.
async fn recorded(scene: &Scene) -> (Row, Sighting) {
    scene.tags.push("v1", "a");
    assert!(scene.pull("v1").await.first_seen);
    let tag = tag("v1");
    let row = scene.ledger().get(&tag, soon()).await.unwrap().unwrap();
    let RowState::Recorded { entry, .. } = &row.state else { panic!("{row:?}") };
    let statement = row.statement(&tag, &[scene.key().public_key().clone()]).unwrap();
    let sighting = tlogistry::ledger::recorded(statement, entry, &scene.log_config.keys).unwrap();
    (row, sighting)
}

#[tokio::test]
async fn a_row_is_of_a_sighting_only_with_its_signature_and_entry() {
    let scene = Scene::set().await;
    let (row, sighting) = recorded(&scene).await;
    assert!(row.is_of(&sighting));
    let altered = Row { signature: row.signature.replacen('M', "N", 1), ..row.clone() };
    assert!(!altered.is_of(&sighting) && !Row::pending(sighting.statement(), Lease(1)).is_of(&sighting));
}

#[tokio::test]
async fn a_row_is_indexed_once_it_is_marked_in_each_kind_of_ledger() {
    let (_, sighting) = recorded(&Scene::set().await).await;
    for ledger in Scene::set().await.each_kind() {
        assert!(ledger.insert(&Row::recorded(&sighting), soon()).await.unwrap());
        assert!(!ledger.get(sighting.tag(), soon()).await.unwrap().unwrap().is_indexed());
        ledger.mark_indexed(sighting.tag(), soon()).await.unwrap();
        assert!(ledger.get(sighting.tag(), soon()).await.unwrap().unwrap().is_indexed());
    }
}

#[tokio::test]
async fn a_row_is_completed_once_and_never_with_another_digest() {
    let scene = Scene::set().await;
    let ((recorded, sighting), tag) = (recorded(&scene).await, tag("v1"));
    let statement = sighting.statement().clone();

    assert!(recorded.is_of(&sighting) && recorded.is_indexed());

    let other = Signer::Local(scene.key()).sign(&tag, &Digest::sha256(b"b"), soon()).await.unwrap();
    for (scene, of_same_digest) in [(Scene::set().await, true), (Scene::set().await, false)] {
        for ledger in scene.each_kind() {
            assert_eq!(ledger.complete(&sighting, soon()).await.unwrap(), OtherDigest, "there is no row");
            let pending = if of_same_digest { &statement } else { &other };
            let row = Row::pending(pending, Lease(1));
            assert!(ledger.insert(&row, soon()).await.unwrap());
            assert_eq!(
                ledger.complete(&sighting, soon()).await.unwrap(),
                [OtherDigest, Now][usize::from(of_same_digest)]
            );
            let now = ledger.get(&tag, soon()).await.unwrap().unwrap();
            assert_eq!(now, if of_same_digest { Row::recorded(&sighting) } else { row });
            assert_eq!(
                ledger.complete(&sighting, soon()).await.unwrap(),
                [OtherDigest, Before][usize::from(of_same_digest)],
                "again"
            );
            assert!(!ledger.take_over(&tag, Lease(2), Lease(3), soon()).await.unwrap());
        }
    }
}

#[tokio::test]
async fn two_instances_agree_on_who_was_first() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    let (one, two) = (scene.instance(), scene.instance());
    let (one, two) = tokio::join!(pull(&one, "v1"), pull(&two, "v1"));
    assert_eq!((one.status, two.status), (200, 200));
    assert_eq!([one.first_seen, two.first_seen].iter().filter(|first| **first).count(), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn a_digest_leads_to_32_tags_and_its_row_then_grows_no_more() {
    let scene = Scene::set().await;
    let digest = Digest::sha256(b"a");
    for ledger in scene.each_kind() {
        let index = async |number: usize| {
            let tag = tag(&format!("v{number}"));
            ledger.index_tag(&tag, &digest, &format!("type/{number}"), number as u64, soon()).await.unwrap()
        };
        for number in 0..32 {
            let row = index(number).await;
            assert_eq!((row.tags.len(), row.is_full()), (number + 1, number == 31));
        }
        for number in [32, 33, 7] {
            let row = index(number).await;
            assert_eq!((row.tags.len(), row.includes(&tag(&format!("v{number}")))), (32, number == 7));
            assert_eq!((row.media_type.as_str(), row.size), ("type/0", 0));
        }
        let stored = ledger.tags_of(tag("v1").repository(), &digest, soon()).await.unwrap().unwrap();
        assert!(stored.is_full() && stored.includes(&tag("v31")) && !stored.includes(&tag("v32")));
    }
}

#[tokio::test]
async fn evidence_of_a_tag_whose_row_was_lost_comes_from_the_process_that_remembers_it() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "one");
    let (instance, another) = (scene.instance(), scene.instance());
    assert!(pull(&instance, "v1").await.first_seen);
    scene.table.delete("registry.test/app:v1").await;
    let evidence = |instance| service::get(instance, "/sightings/registry.test/app:v1");
    let (remembered, unknown) = (evidence(&instance).await, evidence(&another).await);
    assert_eq!((remembered.status, unknown.status), (200, 404));
    let payload: serde_json::Value = serde_json::from_slice(&remembered.bytes).unwrap();
    let statement = BASE64_STANDARD.decode(payload["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(statement).unwrap().contains(digest.hex()));
}
