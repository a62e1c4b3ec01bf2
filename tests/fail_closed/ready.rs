//! `/readyz`: whether key, ledger and log can be used, and that asking it costs no more than one check in ten seconds.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testing::clock::{Clock, Slow};
use testing::faulty::kms::{self, ACCOUNT, Key, P256, Signs};
use testing::faulty::log::{Call, Fault};
use testing::faulty::wire;

use super::world::{Answer, World};

const FRESH: Duration = Duration::from_secs(10);

/// The status and the JSON, without the time of the check.
fn shown(answer: &Answer) -> (u16, Value) {
    let headers = ["content-type", "cache-control"].map(|name| answer.header(name).unwrap());
    assert_eq!(headers, ["application/json", "no-store"], "{answer:?}");
    let mut shown: Value = serde_json::from_slice(answer.bytes()).unwrap();
    let checked = shown.as_object_mut().unwrap().remove("checked").unwrap();
    assert_eq!(checked.as_str().unwrap().len(), "2026-11-25T23:59:59Z".len(), "{checked}");
    (answer.status.as_u16(), shown)
}

fn expected(ready: bool, key: Value, ledger: Value, log: Value) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({"ready": ready, "version": version, "commit": "development", "key": key, "ledger": ledger, "log": log})
}

fn usable() -> Value {
    json!({"usable": true})
}

fn unusable(reason: &str) -> Value {
    json!({"usable": false, "reason": reason})
}

#[tokio::test]
async fn an_instance_is_ready_while_key_ledger_and_log_can_be_used() {
    let world = World::start().await;
    let _clock = Slow::down();
    let ready = expected(true, usable(), usable(), usable());
    assert_eq!(shown(&world.get("/readyz").await), (200, ready.clone()));

    let faults = [
        (Fault::Dropped, "the log could not be reached"),
        (Fault::Answer(503, vec![], ""), "the log answered 503 Service Unavailable"),
        (Fault::Answer(429, vec![], "<html>"), "the log allows no more requests for now"),
        (Fault::Answer(200, vec![], "{}"), "the log's answer cannot be understood"),
        (Fault::Answer(200, vec![], r#"{"signedTreeHead": "another"}"#), "the log's answer cannot be understood"),
    ];
    for (fault, reason) in faults {
        world.log.is_down(fault);
        assert_eq!(world.get("/readyz").await.status, 200, "the last outcome is fresh");
        tokio::time::advance(FRESH).await;
        let answer = world.get("/readyz").await;
        let (status, shown) = shown(&answer);
        let given = shown["log"]["reason"].as_str().unwrap().to_owned();
        assert!(given.starts_with(reason), "{given}");
        assert_eq!((status, shown), (503, expected(false, usable(), usable(), unusable(&given))));
        assert_eq!(answer.header("retry-after"), Some("10"));

        world.log.heals();
        tokio::time::advance(FRESH).await;
        assert_eq!(shown_of(&world).await, (200, ready.clone()));
    }
}

async fn shown_of(world: &World) -> (u16, Value) {
    shown(&world.get("/readyz").await)
}

/// The head of another log is no sign that this one can be used.
#[tokio::test]
async fn a_log_whose_head_another_key_signed_is_not_ready() {
    let (world, another) = (World::start().await, World::start().await);
    let head = another.log.head().await;
    world.log.fails(Call::Head, Fault::Answer(200, vec![], Box::leak(head.into_boxed_str())));
    let (status, shown) = shown_of(&world).await;
    let reason = shown["log"]["reason"].as_str().unwrap();
    assert!(status == 503 && reason.starts_with("an entry of the log does not verify: "), "{shown}");
}

/// A log that is left alone is not asked for this either.
#[tokio::test]
async fn a_log_that_is_spared_is_not_ready_and_not_asked() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    world.log.fails_once(Call::Search, Fault::Answer(429, vec![("retry-after", "60")], ""));
    assert_eq!(world.pull("v1").await.status, 503);
    world.forget();
    let (status, shown) = shown_of(&world).await;
    let reason = shown["log"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the log limits requests or has failed repeatedly; it is asked again in "), "{reason}");
    assert_eq!((status, world.log.asked()), (503, vec![]));
}

#[tokio::test]
async fn whoever_asks_within_ten_seconds_gets_the_outcome_of_one_check() {
    let (signer, asked) = kms::signer(P256, Signs::Denied).await;
    let world = World::signing_with(signer, &[]).await;
    let _clock = Slow::down();
    for round in 1..=2 {
        // They go away at once, and the check goes on.
        for _ in 0..20 {
            assert!(world.get("/readyz").now_or_never().is_none());
        }
        let answers = join_all((0..20).map(|_| world.get("/readyz"))).await;
        let first = shown(&answers[0]);
        assert!(answers.iter().all(|answer| shown(answer) == first && answer.bytes() == answers[0].bytes()));
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(world.head("/readyz").await.bytes(), answers[0].bytes());
        assert_eq!(world.log.asked(), [Call::Head]);
        assert_eq!(*asked.borrow(), vec!["TrentService.GetPublicKey"; round], "nothing is signed for it");
        tokio::time::advance(FRESH / 2).await;
    }
}

#[tokio::test]
async fn an_alias_that_leads_to_another_key_by_now_is_told() {
    let another = "the key in KMS is another one by now than when this process first asked for it";
    for (signs, key) in [(Signs::Nothing, usable()), (Signs::Replaced, unusable(another))] {
        let (signer, _) = kms::signer(P256, signs).await;
        let world = World::signing_with(signer, &[]).await;
        let _clock = Slow::down();
        assert_eq!(shown_of(&world).await, (200, expected(true, usable(), usable(), usable())));
        tokio::time::advance(FRESH).await;
        let is_usable = key == usable();
        let status = if is_usable { 200 } else { 503 };
        assert_eq!(shown_of(&world).await, (status, expected(is_usable, key, usable(), usable())));
    }
}

#[tokio::test]
async fn a_log_that_is_silent_is_given_up_in_time() {
    let world = World::start().await;
    world.log.is_down(Fault::Silent);
    let (answer, took) = Clock::stop().pass_after(world.log.next(Call::Head), world.get("/readyz")).await;
    assert_eq!(
        shown(&answer),
        (503, expected(false, usable(), usable(), unusable("the log could not be reached: no answer in time")))
    );
    assert!(took <= Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_without_what_kms_said() {
    let ready = |reason: &str| expected(false, unusable(reason), usable(), usable());
    let world = World::signing_with(kms::at(&wire::closed().await), &[]).await;
    assert_eq!(shown_of(&world).await, (503, ready("the signing key could not be used")));
    assert!(!String::from_utf8_lossy(world.get("/readyz").await.bytes()).contains(ACCOUNT));

    let (signer, _) = kms::signer(Key { spec: "ECC_NIST_P384", ..P256 }, Signs::Nothing).await;
    let world = World::signing_with(signer, &[]).await;
    let reason = "the key in KMS is not of type ECC_NIST_P256 for signing and verifying";
    assert_eq!(shown_of(&world).await, (503, ready(reason)));
}
