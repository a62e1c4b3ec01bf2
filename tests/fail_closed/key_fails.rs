//! The signing key cannot be used, or signs something else.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use testing::clock::Clock;
use testing::faulty::kms::{self, Key, P256, Signs};
use testing::faulty::registry::Fault;
use testing::faulty::wire;
use tlogistry::deadline::Deadline;
use tlogistry::sighting::SignError;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::world::{IN_TIME, SHORT, World, blob, manifest};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(25);

#[tokio::test]
async fn nothing_is_recorded_or_served_by_tag_without_a_signature_that_verifies() {
    let other_key = "the key in KMS is not of type ECC_NIST_P256 for signing and verifying";
    let cases = [
        (P256, Signs::SomethingElse, "the signature does not verify with the signing key's own public key"),
        (P256, Signs::Garbage, "the signature does not verify"),
        (P256, Signs::Nothing, "the signature does not verify"),
        (P256, Signs::Denied, "the signing key could not be used"),
        (Key { spec: "RSA_2048", ..P256 }, Signs::SomethingElse, other_key),
        (Key { spec: "ECC_NIST_P384", ..P256 }, Signs::SomethingElse, other_key),
        (Key { usage: "KEY_AGREEMENT", ..P256 }, Signs::SomethingElse, other_key),
        (Key { readable: false, ..P256 }, Signs::SomethingElse, "KMS answered no usable public key"),
    ];
    for (key, signs, message) in cases {
        let (signer, _) = kms::signer(key, signs).await;
        let world = World::signing_with(signer, &[]).await;
        world.registry.push("v1", "{}");
        for answer in [world.pull("v1").await, world.head(&manifest("v1")).await] {
            answer.assert_no_verdict(&[message]);
            assert!(!answer.error().to_string().contains(kms::ACCOUNT), "what AWS says is not for the caller");
        }
        assert_eq!(world.log.size().await, 0);
    }
}

#[tokio::test]
async fn digests_and_blobs_work_and_ask_for_no_key_while_kms_is_down() {
    let world = World::signing_with(kms::at(&wire::closed().await), &[]).await;
    let digest = world.registry.push("v1", "{}");
    let layer = world.registry.push_blob("a layer");
    world.pull("v1").await.assert_no_verdict(&["the signing key could not be used"]);
    world.pull(&digest).await.assert_serves(&digest);
    assert_eq!(world.get(&blob(&layer)).await.status, 307);
    assert_eq!(world.log.size().await, 0);

    let (signer, asked) = kms::signer(P256, Signs::Denied).await;
    let world = World::signing_with(signer, &[]).await;
    let digest = world.registry.push("v1", "{}");
    world.pull(&digest).await.assert_serves(&digest);
    assert!(asked.borrow().is_empty());
}

#[tokio::test]
async fn a_slow_kms_is_given_up_in_time() {
    let (signer, mut asked) = kms::signer(P256, Signs::Never).await;
    let world = World::signing_with(signer, &[("REQUEST_TIMEOUT_MS", &SHORT.as_millis().to_string())]).await;
    world.registry.push("v1", "{}");
    let reached = async { drop(asked.wait_for(|asked| !asked.is_empty()).await.unwrap()) };
    let (answer, took) = Clock::stop().pass_after(reached, world.pull("v1")).await;
    answer.assert_no_verdict(&["no answer from KMS in time"]);
    assert!(took < IN_TIME, "{took:?}");
    assert_eq!(world.log.size().await, 0);
}

/// Anyone can name such a host. Otherwise strangers could page the operator, and have a release taken back.
#[tokio::test]
async fn a_registry_that_leaves_the_key_no_time_is_what_the_time_ran_out_by() {
    for (left, status) in [(SHORT / 10, 504), (SHORT / 2, 503)] {
        let (signer, mut asked) = kms::signer(P256, Signs::NoSignature).await;
        let world = World::signing_with(signer, &[("REQUEST_TIMEOUT_MS", &SHORT.as_millis().to_string())]).await;
        world.registry.push("v1", "{}");
        let gate = Arc::new(Semaphore::new(0));
        world.registry.fails("manifests/v1", Fault::Gate(gate.clone()));
        let registry_asked = world.registry.next("manifests/v1");
        let reached = async {
            registry_asked.await;
            tokio::time::advance(SHORT - left).await;
            gate.add_permits(1);
            drop(asked.wait_for(|asked| asked.iter().any(|call| call == "TrentService.Sign")).await.unwrap());
        };
        let (answer, took) = Clock::stop().pass_after(reached, world.pull("v1")).await;
        assert_eq!((answer.status.as_u16(), took < IN_TIME), (status, true), "{left:?}: {answer:?}");
    }
}

/// The function fetches the key before the first request, with as much time as a request has.
#[tokio::test]
async fn nobody_waits_for_anothers_call_to_kms_longer_than_he_may() {
    let (signer, mut asked) = kms::signer(P256, Signs::Never).await;
    let reached = async { drop(asked.wait_for(|asked| !asked.is_empty()).await.unwrap()) };
    let mut clock = Clock::stop();
    let began = Instant::now();
    let hasty = async { (signer.public_key(Deadline::after(SHORT)).await.map(drop), began.elapsed()) };
    let both = async { tokio::join!(signer.public_key(Deadline::after(PATIENCE)), hasty) };
    let ((patient, (hasty, took)), _) = clock.pass_after(reached, both).await;
    assert!(matches!(patient, Err(SignError::Timeout)), "{patient:?}");
    assert!(matches!(hasty, Err(SignError::Timeout)) && took < IN_TIME, "{hasty:?} after {took:?}");
}

#[tokio::test]
async fn a_key_that_kms_answers_is_usable_while_another_call_hangs() {
    let (signer, mut asked) = kms::signer(P256, Signs::SilentOnce).await;
    let _clock = Clock::stop();
    let hanging = pin!(signer.public_key(Deadline::after(PATIENCE)));
    let first = async { drop(asked.wait_for(|asked| !asked.is_empty()).await.unwrap()) };
    let Either::Right(((), hanging)) = select(hanging, pin!(first)).await else { panic!("the first call is answered") };
    // The clock stands still: who waits for the first call waits for ever.
    let examined = pin!(signer.examine(Deadline::after(PATIENCE)));
    let (given_up, give_up) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        drop(given_up);
    });
    let patient = pin!(select(hanging, give_up));
    assert!(matches!(select(examined, patient).await, Either::Left((Ok(()), _))));
}
