//! An entry is a statement's record only if its statement, its key and its signature are that statement's.

use testing::client;
use testing::filed::{Filed, Signature, intoto_2};
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::sighting::{Sighting, SignedStatement};
use tlogistry::tlog::{LogEntry, VerifiedEntry};

use crate::scene::Scene;

/// Rekor checks a signature before it takes an entry. Here the log itself lies: it signs leaves that cannot be.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_holds_our_signature_beside_something_else_is_no_record() {
    let mut scene = Scene::set().await;
    for (name, is_record) in [
        ("as it was signed", true),
        ("beside another statement", false),
        ("beside another type", false),
        ("beside another key", false),
        ("beside no signature", false),
    ] {
        let case = scene.next();
        let (ours, theirs) = (&case.ours, &case.theirs);
        let der = ours.sign(&pae(IN_TOTO, &case.seen()));
        let sealed = ours.signer_of(IN_TOTO, &case.seen()).with_text(testing::filed::base64(&der));
        let leaf = |kind, payload: &[u8], signature: Signature| intoto_2("a leaf", kind, payload, &[signature]);
        let filed: Filed = match name {
            "beside another statement" => leaf(IN_TOTO, &case.other(), sealed),
            "beside another type" => leaf("application/vnd.example+json", &case.seen(), sealed),
            "beside another key" => leaf(IN_TOTO, &case.seen(), sealed.with_key(theirs.pem())),
            "beside no signature" => leaf(IN_TOTO, &case.seen(), sealed.with_text("")),
            _ => leaf(IN_TOTO, &case.seen(), sealed),
        };
        let (tag, seen, key) = (case.tag.clone(), case.seen.clone(), case.ours.public.clone());
        let signed = SignedStatement::check(tag.clone(), seen.clone(), &key, der).unwrap();
        let entry = entry(&scene, &scene.file(&filed)).await;
        assert_eq!(signed.recorded_by(entry.clone()).is_some(), is_record, "{name}");
        assert_eq!(Sighting::check(entry, tag, seen, &[key]).is_some(), is_record, "{name}");
    }
}

async fn entry(scene: &Scene, id: &str) -> VerifiedEntry {
    let answer = client::get(&format!("{}/api/v1/log/entries/{id}", scene.log.url)).await;
    LogEntry::parse(&answer.bytes).unwrap().verify(&scene.log.config().keys).unwrap()
}
