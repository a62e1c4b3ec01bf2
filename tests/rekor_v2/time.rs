//! The time of a sighting, which a Rekor v2 does not sign: a time-stamping authority does, or nobody.

use serde_json::Value;
use testing::faulty::log::{Call, Fault as LogFault};
use testing::faulty::timestamp_authority::{Fault, StandInAuthority};
use testing::service;
use tlogistry::config::LogConfig;
use tlogistry::evidence::Bundle;
use tlogistry::http::Service;
use tlogistry::sighting::SightingTime;

use crate::scene::{Answer, Scene, assert_first_seen, assert_refused, assert_unchanged, pull, tag};

/// The scene's log, whose new signatures the authority stamps.
pub fn stamped(scene: &Scene, authority: &StandInAuthority) -> LogConfig {
    let log = scene.log.config();
    LogConfig { keys: log.keys.with_authorities(authority.authorities()), authority: Some(authority.url()), ..log }
}

fn instance(scene: &Scene, authority: &StandInAuthority) -> Service {
    scene.instance_with(stamped(scene, authority))
}

async fn bundle(service: &Service, name: &str) -> Answer {
    service::get(service, &format!("/sightings/{}", tag(name))).await
}

fn stamps(bundle: &Answer) -> Value {
    let bundle: Value = serde_json::from_slice(&bundle.bytes).unwrap();
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"].clone()
}

#[tokio::test]
async fn a_time_stamp_is_kept_with_the_sighting_and_claims_no_more_than_it_shows() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    let first = scene.tags.push("v1", "one");
    let answer = pull(&instance(&scene, &authority), "v1").await;
    assert_first_seen(&answer, &first);
    let time = answer.header("tlog-integratedtime").to_owned();
    assert!(chrono::DateTime::parse_from_rfc3339(&time).is_ok(), "{time}");

    // Another process has it from the row, and asks the authority nothing.
    let another = instance(&scene, &authority);
    let answer = pull(&another, "v1").await;
    assert_unchanged(&answer, &first);
    assert_eq!((answer.header("tlog-integratedtime"), authority.asked()), (&*time, 1));
    scene.tags.push("v1", "two");
    let refused = pull(&another, "v1").await;
    assert_refused(&refused, 403, &format!("{first}, signed no later than {time} (Rekor log index 0)"));
    assert_eq!(refused.error().2["detail"]["integratedTime"], time);

    // The bundle holds it, and whoever trusts the authority reads it there.
    let evidence = bundle(&another, "v1").await;
    assert_eq!(stamps(&evidence).as_array().map(Vec::len), Some(1));
    let parsed = Bundle::parse(&evidence.bytes).unwrap();
    let key = [scene.key().public_key().clone()];
    let sighting = parsed.verify(&tag("v1"), &stamped(&scene, &authority).keys, &key).unwrap();
    assert!(matches!(sighting.time(), Some(SightingTime::Signed(_))), "{:?}", sighting.time());
    assert_eq!(sighting.time().unwrap().rfc3339(), time);
    let stranger = StandInAuthority::start().await;
    for log in [scene.log.config(), stamped(&scene, &stranger)] {
        let sighting = parsed.verify(&tag("v1"), &log.keys, &key).unwrap();
        assert_eq!((sighting.digest(), sighting.time()), (&first, None), "it holds without a time");
    }
}

#[tokio::test]
async fn a_sighting_whose_time_stamp_does_not_come_or_verify_is_recorded_without() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    for (name, fault) in [
        ("dropped", Fault::Dropped),
        ("cut-short", Fault::CutShort),
        ("failing", Fault::Answer(500, vec![], "no")),
        ("limited", Fault::Answer(429, vec![("retry-after", "60")], "")),
        ("rubbish", Fault::Rubbish(b"rubbish")),
        ("refusing", Fault::Refuses("no")),
        ("imprint", Fault::WrongImprint),
        ("nonce", Fault::WrongNonce),
        ("no-nonce", Fault::NoNonce),
        ("ahead", Fault::Ahead(3600)),
        ("chain", Fault::OtherChain),
    ] {
        let digest = scene.tags.push(name, name);
        authority.fails(fault);
        let answer = pull(&instance(&scene, &authority), name).await;
        assert_first_seen(&answer, &digest);
        assert_eq!(answer.find("tlog-integratedtime"), None, "{name}");
        authority.heals();
        let another = instance(&scene, &authority);
        let answer = pull(&another, name).await;
        assert_unchanged(&answer, &digest);
        assert_eq!(answer.find("tlog-integratedtime"), None, "{name}");
        assert!(stamps(&bundle(&another, name).await).is_null(), "{name}");
    }
}

#[tokio::test]
async fn a_time_stamp_in_a_row_counts_only_as_far_as_it_verifies() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    let digest = scene.tags.push("v1", "one");
    assert_first_seen(&pull(&instance(&scene, &authority), "v1").await, &digest);
    let other = scene.tags.push("v2", "two");
    assert_first_seen(&pull(&instance(&scene, &authority), "v2").await, &other);
    let entry = |row: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| -> Value {
        serde_json::from_str(row["entry"].as_s().unwrap()).unwrap()
    };
    let stamp_of_v2 = entry(&scene.table.row(&tag("v2")).await.unwrap())["timestampVerificationData"].clone();
    for stamp in [stamp_of_v2, serde_json::json!({"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]})] {
        let mut row = scene.table.row(&tag("v1")).await.unwrap();
        let mut changed = entry(&row);
        changed["timestampVerificationData"] = stamp;
        row.insert("entry".to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(changed.to_string()));
        let table = &scene.table;
        table.client.put_item().table_name(&table.name).set_item(Some(row)).send().await.unwrap();
        let another = instance(&scene, &authority);
        let answer = pull(&another, "v1").await;
        assert_unchanged(&answer, &digest);
        assert_eq!(answer.find("tlog-integratedtime"), None);
        assert!(stamps(&bundle(&another, "v1").await).is_null());
    }
}

#[tokio::test]
async fn a_row_that_was_pending_is_stamped_when_it_is_finished() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    let digest = scene.tags.push("v1", "one");
    scene.log.fails(Call::Upload, LogFault::Answer(500, vec![], "{}"));
    assert_eq!(pull(&instance(&scene, &authority), "v1").await.status, 503);
    scene.log.heals();
    let answer = pull(&instance(&scene, &authority), "v1").await;
    assert_first_seen(&answer, &digest);
    assert!(answer.find("tlog-integratedtime").is_some(), "{answer:?}");
}
