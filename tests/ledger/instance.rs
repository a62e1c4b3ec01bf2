//! The instance's own row: a process serves no tag before it knows every key that the ledger was used with.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::{self, L, N, Ns, S, Ss};
use serde_json::{Value, json};
use testing::clock::Clock;
use testing::tags::tag;
use testing::{log, service};
use tlogistry::http::Service;
use tlogistry::key::Fingerprint;
use tlogistry::ledger::{LedgerError, UsedKeys};
use tlogistry::sighting::LocalKey;
use tlogistry::tlog::LogKey;

use crate::between::Calls;
use crate::scene::{Answer, Scene, pull};
use crate::version::soon;

type Row = HashMap<String, AttributeValue>;

fn used(signing: &[Fingerprint], log: &[Fingerprint]) -> UsedKeys {
    UsedKeys { signing: signing.iter().copied().collect(), log: log.iter().copied().collect() }
}

fn log_keys(scene: &Scene) -> Vec<Fingerprint> {
    scene.log_config.keys.iter().map(LogKey::fingerprint).collect()
}

#[track_caller]
fn assert_refused(answer: &Answer, tag: &str, reason: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let message = format!(
        "whether registry.test/app:{tag} has moved cannot be checked now, because {reason}; nothing is served by tag \
         unchecked, pulling by digest works"
    );
    assert_eq!(answer.message, message);
}

fn forgotten(kind: &str, fingerprint: Fingerprint, variable: &str) -> String {
    format!("this instance does not know the {kind} {fingerprint}, which its ledger was used with: set {variable}")
}

#[tokio::test]
async fn a_forgotten_signing_key_is_named_and_nothing_is_served_or_signed_without_it() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("known", "a");
    scene.tags.push("new", "b");
    assert!(pull(&scene.version("a", &[]).start(), "known").await.first_seen);
    let row = scene.used_keys().await.unwrap();
    assert_eq!(row, used(&[scene.fingerprint("a")], &log_keys(&scene)));

    let reason = forgotten("signing key", scene.fingerprint("a"), "TRUSTED_KEYS");
    let instance = scene.version("b", &["c"]).start();
    for tag in ["known", "new", "known"] {
        assert_refused(&pull(&instance, tag).await, tag, &reason);
    }
    let evidence = service::get(&instance, "/sightings/registry.test/app:known").await;
    let evidence = evidence.text();
    assert!(evidence.contains(&format!("the evidence cannot be shown now, because {reason}")), "{evidence}");
    let by_digest = pull(&instance, digest.as_str()).await;
    assert_eq!((by_digest.status, by_digest.digest), (200, Some(digest)));
    assert_eq!(scene.used_keys().await.unwrap(), row, "its own key was not added");
    assert_eq!(scene.table.row(&tag("new")).await, None);

    let ready = service::get(&instance, "/readyz").await;
    let shown: Value = serde_json::from_slice(&ready.bytes).unwrap();
    assert_eq!((ready.status, &shown["ledger"]), (503, &json!({"usable": false, "reason": reason})));

    let instance = scene.version("b", &["a"]).start();
    assert_eq!(service::get(&instance, "/readyz").await.status, 200);
    assert_eq!(pull(&instance, "known").await.status, 200);
    assert_eq!(scene.used_keys().await.unwrap(), row, "nothing was signed yet");
    assert!(pull(&instance, "new").await.first_seen);
    let both = [scene.fingerprint("a"), scene.fingerprint("b")];
    assert_eq!(scene.used_keys().await.unwrap(), used(&both, &log_keys(&scene)));

    // Of several forgotten keys, one is named and the rest are counted.
    let first = both.iter().min().unwrap();
    let reason = format!(
        "this instance does not know the signing key {first} and 1 more, which its ledger was used with: set TRUSTED_KEYS"
    );
    assert_refused(&pull(&scene.version("c", &[]).start(), "known").await, "known", &reason);
}

#[tokio::test]
async fn a_forgotten_log_key_is_named() {
    let scene = Scene::set().await;
    scene.tags.push("known", "a");
    scene.tags.push("new", "b");
    assert!(pull(&scene.version("a", &[]).start(), "known").await.first_seen);
    let (_, other) = log::start().await;
    let mut version = scene.version("a", &[]);
    version.log = other.clone();
    let instance = version.start();
    let reason = forgotten("log key", log_keys(&scene)[0], "REKOR_PUBLIC_KEYS");
    for tag in ["known", "new"] {
        assert_refused(&pull(&instance, tag).await, tag, &reason);
    }

    // Another log whose keys come beside the old ones is used from now on, and its key is noted with its first entry.
    let keys: Vec<_> = scene.log_config.keys.iter().chain(other.keys.iter()).cloned().collect();
    let mut version = scene.version("a", &[]);
    version.log.url = other.url;
    version.log.keys = tlogistry::tlog::LogKeys::new(keys).unwrap();
    let instance = version.start();
    assert_eq!(pull(&instance, "known").await.status, 200);
    assert_eq!(scene.used_keys().await.unwrap().log.len(), 1, "a key that no entry bears is not required");
    assert_eq!(pull(&scene.version("a", &[]).start(), "known").await.status, 200, "the way back");
    assert!(pull(&instance, "new").await.first_seen);
    assert_eq!(scene.used_keys().await.unwrap().log.len(), 2);
    let answer = pull(&scene.version("a", &[]).start(), "known").await;
    assert!(answer.status == 503 && answer.message.ends_with("pulling by digest works"), "{answer:?}");
}

/// First the next key is trusted, then it signs. At each step both versions serve, and the one before can be put back.
#[tokio::test]
async fn a_rotation_in_two_deployments_works_with_both_versions_running_and_on_the_way_back() {
    let scene = Scene::set().await;
    let versions = [scene.version("a", &[]), scene.version("a", &["b"]), scene.version("b", &["a"])];
    let [first, second, third] = versions.map(|version| version.start());
    let mut count = 0;
    let mut see = async |instance| {
        count += 1;
        let tag = format!("v{count}");
        scene.tags.push(&tag, &tag);
        let answer = pull(instance, &tag).await;
        assert!(answer.first_seen, "{tag}: {answer:?}");
    };
    // The last of each line is the way back.
    for (one, other) in [(&first, &second), (&second, &third)] {
        for instance in [one, other, one, other, one] {
            see(instance).await;
        }
    }
    let both = [scene.fingerprint("a"), scene.fingerprint("b")];
    assert_eq!(scene.used_keys().await.unwrap(), used(&both, &log_keys(&scene)));

    for instance in [second, third, scene.version("a", &["b"]).start(), scene.version("b", &["a"]).start()] {
        for number in 1..=10 {
            let tag = format!("v{number}");
            let answer = pull(&instance, &tag).await;
            assert_eq!((answer.status, answer.first_seen), (200, false), "{tag}: {answer:?}");
        }
    }
    let reason = forgotten("signing key", scene.fingerprint("b"), "TRUSTED_KEYS");
    let too_far_back = scene.version("a", &[]).start();
    assert_refused(&pull(&too_far_back, "v1").await, "v1", &reason);
}

/// A running process learns within a minute of a key that was used without it being told before.
#[tokio::test]
async fn a_process_that_lacks_a_key_stops_when_it_reads_the_row_again() {
    let scene = Scene::set().await;
    for tag in ["v1", "v2", "v3"] {
        scene.tags.push(tag, tag);
    }
    let _stopped = Clock::stop();
    let instance = scene.version("a", &[]).start();
    assert!(pull(&instance, "v1").await.first_seen);
    // One deployment where two are needed.
    assert!(pull(&scene.version("b", &["a"]).start(), "v2").await.first_seen);
    assert_eq!(pull(&instance, "v1").await.status, 200);
    let untrusted = pull(&instance, "v2").await;
    assert!(untrusted.status == 503 && untrusted.message.contains("its key is not a trusted one"), "{untrusted:?}");

    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(pull(&instance, "v1").await.status, 200, "what is in memory asks nobody");
    let reason = forgotten("signing key", scene.fingerprint("b"), "TRUSTED_KEYS");
    for tag in ["v3", "v2", "v1"] {
        assert_refused(&pull(&instance, tag).await, tag, &reason);
    }
}

/// A process whose calls to the ledger are counted.
fn counted(scene: &Scene, calls: &Calls) -> Service {
    let mut version = scene.version("a", &[]);
    version.ledger = calls.ledger(&scene.table);
    version.start()
}

#[tokio::test]
async fn a_first_sight_takes_eight_calls_and_a_known_tag_one() {
    let scene = Scene::set().await;
    let calls = Calls::to(scene.table.endpoint).await;
    scene.tags.push("v1", "v1");
    let digest = scene.tags.push("v2", "v2");
    let first = counted(&scene, &calls);
    assert!(pull(&first, "v1").await.first_seen);
    first.finish().await;
    calls.all();
    assert!(pull(&first, "v2").await.first_seen);
    first.finish().await;
    let of_tag = |operation| format!("{operation} registry.test/app:v2");
    let of_digest = |operation| format!("{operation} registry.test/app@{digest}");
    let mut all = calls.all();
    assert_eq!((all.remove(0), all.pop()), (of_tag("GetItem"), Some(of_tag("UpdateItem"))), "read, marked at last");
    all[..2].sort();
    assert_eq!(all[..2], [of_digest("GetItem"), of_tag("PutItem")], "inserted, while the index is read");
    assert_eq!(all[2..].iter().filter(|call| **call == of_tag("UpdateItem")).count(), 1, "completed: {all:?}");
    assert_eq!(all[2..].iter().filter(|call| **call == of_digest("UpdateItem")).count(), 1, "{all:?}");
    let of_index = all[2..].iter().filter(|call| call.starts_with("UpdateItem registry.test/app@sha256:"));
    assert_eq!((all.len(), of_index.count()), (6, 3), "{all:?}");

    let second = counted(&scene, &calls);
    assert_eq!(pull(&second, "v1").await.status, 200);
    calls.all();
    assert_eq!(pull(&second, "v2").await.status, 200);
    assert_eq!(calls.all(), [of_tag("GetItem")]);
    assert_eq!(pull(&second, "v2").await.status, 200);
    assert_eq!(calls.all(), [""; 0], "nor for one in memory");
}

#[tokio::test]
async fn the_row_is_read_once_a_minute_and_written_once() {
    let scene = Scene::set().await;
    let calls = Calls::to(scene.table.endpoint).await;
    let instance = || counted(&scene, &calls);
    for tag in ["v1", "v2", "v3", "v4"] {
        scene.tags.push(tag, tag);
    }
    let _stopped = Clock::stop();
    let first = instance();
    assert!(pull(&first, "v1").await.first_seen);
    assert_eq!(calls.of("@instance"), ["GetItem", "GetItem", "PutItem"], "the table is claimed");
    assert!(pull(&first, "v2").await.first_seen);
    let second = instance();
    assert_eq!(calls.of("@instance"), [""; 0], "no call more for a first sight");
    assert!(pull(&second, "v3").await.first_seen);
    assert_eq!(calls.of("@instance"), ["GetItem"], "one call more for the first pull of a process");
    for tag in ["v1", "v2", "v3", "v1"] {
        assert_eq!(pull(&second, tag).await.status, 200);
    }
    assert_eq!(calls.of("@instance"), [""; 0], "no call more for a known tag");

    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(pull(&second, "v1").await.status, 200);
    assert_eq!(calls.of("@instance"), [""; 0], "nor for one in memory, ever");
    assert!(pull(&second, "v4").await.first_seen);
    assert_eq!(calls.of("@instance"), ["GetItem"]);
}

#[tokio::test]
async fn a_ledger_is_claimed_once_and_its_keys_only_grow() {
    let scene = Scene::set().await;
    let keys: Vec<Fingerprint> = (0..4).map(|_| LocalKey::generate().unwrap().public_key().into()).collect();
    let [table, file, memory] = scene.each_kind();
    for ledger in [table, file] {
        let claim = async |used: UsedKeys| ledger.claim(&used, soon()).await.unwrap();
        let add = async |used: UsedKeys| ledger.add_used_keys(&used, soon()).await;
        assert_eq!(ledger.used_keys(soon()).await.unwrap(), None);
        let unclaimed = add(used(&keys[..1], &[])).await;
        assert!(matches!(unclaimed, Err(LedgerError::NoInstance)), "{unclaimed:?}");
        assert_eq!(ledger.used_keys(soon()).await.unwrap(), None, "an update makes no row");

        assert!(claim(used(&keys[..1], &[])).await);
        assert!(!claim(used(&keys[1..2], &keys[2..3])).await, "one writer wins");
        assert_eq!(ledger.used_keys(soon()).await.unwrap(), Some(used(&keys[..1], &[])));
        assert_eq!(add(used(&keys[1..2], &keys[2..3])).await.unwrap(), used(&keys[..2], &keys[2..3]));
        assert_eq!(add(used(&[], &keys[3..])).await.unwrap(), used(&keys[..2], &keys[2..]));
        assert_eq!(add(used(&keys[..1], &[])).await.unwrap(), used(&keys[..2], &keys[2..]), "again");
    }

    // In memory, a ledger is its process's own.
    assert_eq!(memory.used_keys(soon()).await.unwrap(), Some(UsedKeys::default()));
    assert!(!memory.claim(&used(&keys[..1], &[]), soon()).await.unwrap());
    assert_eq!(memory.add_used_keys(&used(&keys[..1], &[]), soon()).await.unwrap(), used(&keys[..1], &[]));
    assert_eq!(memory.add_used_keys(&used(&[], &keys[1..]), soon()).await.unwrap(), used(&keys[..1], &keys[1..]));
}

fn fingerprints(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:064x}")).collect()
}

#[tokio::test]
async fn a_row_that_was_changed_is_not_believed_and_stops_every_tag() {
    let scene = Scene::set().await;
    scene.tags.push("v1", "a");
    scene.tags.push("new", "b");
    assert!(pull(&scene.version("a", &[]).start(), "v1").await.first_seen);
    let genuine: Row = scene.table.item("@instance").await.unwrap();
    let own = scene.fingerprint("a").to_string();
    let with = |name: &str, value: AttributeValue| {
        let mut row = genuine.clone();
        row.insert(name.to_owned(), value);
        row
    };
    let without = |name: &str| {
        let mut row = genuine.clone();
        row.remove(name);
        row
    };
    let malformed = |name: &str| format!("the ledger's row '@instance' has no usable attribute '{name}'");
    let upper = own.to_uppercase();
    let mut many = fingerprints(5_000);
    many.push(own.clone());
    let rows = [
        ("no signing key", without("signingKeys"), malformed("signingKeys")),
        ("a text", with("signingKeys", S(own.clone())), malformed("signingKeys")),
        ("a list", with("signingKeys", L(vec![S(own.clone())])), malformed("signingKeys")),
        ("numbers", with("signingKeys", Ns(vec!["7".to_owned()])), malformed("signingKeys")),
        ("garbage", with("signingKeys", Ss(vec![own.clone(), "x".repeat(100_000)])), malformed("signingKeys")),
        ("too short", with("signingKeys", Ss(vec![own[1..].to_owned()])), malformed("signingKeys")),
        ("another spelling", with("signingKeys", Ss(vec![upper])), malformed("signingKeys")),
        ("thousands", with("signingKeys", Ss(many)), malformed("signingKeys")),
        ("a number for log keys", with("logKeys", N("1".to_owned())), malformed("logKeys")),
        ("thousands of log keys", with("logKeys", Ss(fingerprints(5_000))), malformed("logKeys")),
        ("a stranger's key", with("signingKeys", Ss(vec![own.clone(), "ab".repeat(32)])), {
            let reason = forgotten("signing key", scene.fingerprint("a"), "TRUSTED_KEYS");
            reason.replace(&own, &"ab".repeat(32))
        }),
    ];
    let put = async |row: Row| {
        scene.table.client.put_item().table_name(&scene.table.name).set_item(Some(row)).send().await.unwrap();
    };
    for (what, row, reason) in rows {
        put(row).await;
        let instance = scene.version("a", &[]).start();
        for tag in ["v1", "new"] {
            println!("{what}, {tag}");
            assert_refused(&pull(&instance, tag).await, tag, &reason);
        }
    }
    assert_eq!(scene.table.row(&tag("new")).await, None, "nothing was recorded");

    scene.table.delete("@instance").await;
    let instance = scene.version("a", &[]).start();
    let missing = "the ledger's row '@instance' is missing, and others are there: bring it back";
    assert_refused(&pull(&instance, "v1").await, "v1", missing);
    put(genuine).await;
    assert_eq!(pull(&instance, "v1").await.status, 200, "the genuine row is believed again");
}

#[tokio::test]
async fn a_full_row_is_told_of_and_stays_readable() {
    let scene = Scene::set().await;
    let ledger = scene.ledger();
    let own = scene.fingerprint("a");
    assert!(ledger.claim(&used(&[own], &[]), soon()).await.unwrap());
    let keys = Ss(fingerprints(255));
    let update = scene.table.client.update_item().table_name(&scene.table.name).key("tag", S("@instance".to_owned()));
    let update = update.update_expression("ADD signingKeys :keys").expression_attribute_values(":keys", keys);
    update.send().await.unwrap();
    let full = ledger.used_keys(soon()).await.unwrap().unwrap();
    assert_eq!(full.signing.len(), 256);
    let more = UsedKeys { signing: BTreeSet::from([scene.fingerprint("b")]), log: BTreeSet::new() };
    let refused = ledger.add_used_keys(&more, soon()).await;
    assert!(matches!(refused, Err(LedgerError::InstanceFull)), "{refused:?}");
    assert_eq!(ledger.used_keys(soon()).await.unwrap(), Some(full));
}
