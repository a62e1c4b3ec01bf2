//! `audit` of the ledger: whether its rows and the log agree.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::S;
use futures_util::{StreamExt as _, stream};
use testing::process::Ended;
use testing::table::Table;
use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::key::Fingerprint;
use tlogistry::ledger::{Lease, Ledger, Row, UsedKeys};

use crate::scene::Scene;

pub struct Kept {
    pub scene: Scene,
    pub table: Table,
    ledger: Ledger,
}

impl Kept {
    pub async fn set() -> Self {
        let table = Table::start().await;
        let ledger = table.ledger();
        Self { scene: Scene::set().await, table, ledger }
    }

    pub async fn insert(&self, row: &Row) {
        assert!(self.ledger.insert(row, Deadline::after(Duration::from_secs(60))).await.unwrap());
    }

    /// Records a tag in the log and in the ledger.
    pub async fn seen(&self, name: &str) -> Digest {
        let digest = Digest::sha256(name.as_bytes());
        let uploaded = self.scene.record(name, &digest).await;
        self.insert(&Row::recorded(&self.scene.sighting(name, &digest, uploaded))).await;
        digest
    }

    /// Notes in the index what an instance does.
    async fn index_tag(&self, name: &str, digest: &Digest) {
        let deadline = Deadline::after(Duration::from_secs(60));
        let (tag, media_type) = (tag(name), testing::registry::OCI_MANIFEST);
        self.ledger.index_tag(&tag, digest, media_type, 100, deadline).await.unwrap();
    }

    /// Makes the instance's row, as an instance does first of all.
    pub async fn claim(&self) {
        let deadline = Deadline::after(Duration::from_secs(20));
        let signing = Fingerprint::from(self.scene.signer.public_key(deadline).await.unwrap());
        let used = UsedKeys { signing: [signing].into(), log: [].into() };
        assert!(self.ledger.claim(&used, deadline).await.unwrap());
    }

    /// As [`Kept::seen`], but the entry is in no index.
    pub async fn seen_unfiled(&self, name: &str) -> Digest {
        let digest = Digest::sha256(name.as_bytes());
        let uploaded = self.scene.record_unfiled(name, &digest).await;
        self.insert(&Row::recorded(&self.scene.sighting(name, &digest, uploaded))).await;
        digest
    }

    async fn pending(&self, name: &str, digest: &Digest, lease: Duration) {
        let deadline = Deadline::after(Duration::from_secs(60));
        let statement = self.scene.signer.sign(&tag(name), digest, deadline).await.unwrap();
        self.insert(&Row::pending(&statement, Lease::starting_now(lease))).await;
    }

    async fn set_attribute(&self, name: &str, attribute: &str, value: &str) {
        let request = self.table.client.update_item().table_name(&self.table.name);
        let request = request.key("tag", S(tag(name).to_string()));
        let request = request.update_expression("SET #name = :value").expression_attribute_names("#name", attribute);
        request.expression_attribute_values(":value", S(value.to_owned())).send().await.unwrap();
    }

    pub fn audit(&self, arguments: &[&str]) -> Ended {
        self.audit_with(arguments, &[])
    }

    pub fn audit_with(&self, arguments: &[&str], environment: &[(String, String)]) -> Ended {
        let table = ["--ledger-table", self.table.name.as_str()];
        let arguments: Vec<&str> = table.into_iter().chain(arguments.iter().copied()).collect();
        let environment = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<(&str, &str)> = environment
            .chain(self.table.credentials())
            .chain([("AWS_ENDPOINT_URL_DYNAMODB", self.table.endpoint)])
            .collect();
        self.scene.start("audit", &arguments, &environment).finish()
    }
}

/// The findings, sorted: the table has an order of its own.
#[track_caller]
pub fn findings(ended: &Ended) -> Vec<String> {
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let mut findings: Vec<String> = lines[1..lines.len() - 1].iter().map(|line| (*line).to_owned()).collect();
    findings.sort();
    findings
}

#[track_caller]
pub fn last(ended: &Ended) -> &str {
    ended.stdout.lines().last().unwrap_or_else(|| panic!("{ended:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_rows_of_a_table_of_several_pages_are_checked_and_a_broken_off_audit_goes_on() {
    let kept = Kept::set().await;
    // The instance's row and the index's stand among the tags', and are none.
    kept.claim().await;
    let seen = (0..230).map(|number| {
        let kept = &kept;
        async move {
            let name = format!("v{number}");
            let digest = kept.seen(&name).await;
            kept.index_tag(&name, &digest).await;
        }
    });
    stream::iter(seen).buffer_unordered(4).collect::<Vec<()>>().await;
    let state = kept.scene.file("state.json");
    let with = |concurrency| ["--state", state.to_str().unwrap(), "--concurrency", concurrency];
    let ended = kept.audit(&with("3"));
    assert_eq!((ended.code, last(&ended)), (Some(0), "230 tags checked: all hold"), "{ended:?}");

    let searches = std::sync::atomic::AtomicUsize::new(0);
    kept.scene.alter(move |path, response| {
        if path.ends_with("/index/retrieve") && searches.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 150 {
            return http::Response::builder().status(503).body("down".into()).unwrap();
        }
        response
    });
    // One after the other: the tag whose search fails is then the 151st.
    let ended = kept.audit(&with("1"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = last(&ended);
    assert!(said.starts_with("Broken off after 150 tags (all hold), because "), "{ended:?}");
    assert!(said.contains(" could not be checked: the log answered 503"), "{ended:?}");
    kept.scene.alter(|_, response| response);
    let ended = kept.audit(&with("3"));
    assert_eq!((ended.code, last(&ended)), (Some(0), "230 tags checked: all hold"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_log_contradicts_or_does_not_know_and_rows_that_were_tampered_with_are_found() {
    let kept = Kept::set().await;
    let scene = &kept.scene;
    kept.seen("good").await;
    for name in ["other-digest", "other-signature", "other-entry", "no-state"] {
        kept.seen(name).await;
    }
    let other = Digest::sha256(b"another");
    kept.set_attribute("other-digest", "digest", other.as_str()).await;
    kept.set_attribute("other-signature", "signature", "MAA=").await;
    let good = kept.table.row(&tag("good")).await.unwrap()["entry"].as_s().unwrap().clone();
    kept.set_attribute("other-entry", "entry", &good).await;
    kept.set_attribute("no-state", "state", "lost").await;

    // The log has it, and signed another digest by the same key.
    let differs = Digest::sha256(b"differs");
    scene.record("differs", &differs).await;
    let uploaded = scene.record_unfiled("differs", &other).await;
    kept.insert(&Row::recorded(&scene.sighting("differs", &other, uploaded))).await;

    // The row holds an entry that the log signed and no longer has.
    let gone = kept.seen_unfiled("gone").await;
    let id = kept.table.row(&tag("gone")).await.unwrap()["entry"].as_s().unwrap().clone();
    let id = id.split('"').nth(1).unwrap().to_owned();
    scene.alter(move |path, response| {
        let is_gone = path.ends_with(&id);
        if is_gone { http::Response::builder().status(404).body("".into()).unwrap() } else { response }
    });
    kept.pending("pending", &other, Duration::from_secs(90)).await;
    kept.pending("held-up", &other, Duration::from_secs(600)).await;
    kept.pending("abandoned", &other, Duration::ZERO).await;

    let ended = kept.audit(&[]);
    let app = "registry.test/app";
    let invalid = "invalid-row: the ledger's row does not verify:";
    let pending = format!("pending: the ledger's row says {other} and is pending");
    let expected = [
        format!("{app}:abandoned: {pending} (its lease has ended: the next pull finishes it)"),
        format!(
            "{app}:differs: ledger-differs: the ledger's row says {other}, and the log {differs} (log index 1000005)"
        ),
        format!(
            "{app}:gone: log-lacks: the ledger's row says {gone} (log index 1000007), and the log has no such entry"
        ),
        format!("{app}:held-up: {pending} (its lease has ended: the next pull finishes it)"),
        format!("{app}:no-state: {invalid} it has no usable attribute 'state'"),
        format!("{app}:other-digest: {invalid} its signature does not verify"),
        format!("{app}:other-entry: {invalid} its log entry is of another statement"),
        format!("{app}:other-signature: {invalid} its signature does not verify"),
        format!("{app}:pending: {pending} (in progress)"),
    ];
    assert_eq!((ended.code, &findings(&ended)[..]), (Some(1), &expected[..]));
    assert_eq!(last(&ended), "10 tags checked: 1 ledger-differs, 1 log-lacks, 4 invalid-row, 3 pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_no_search_finds_must_still_be_the_logs_own() {
    let kept = Kept::set().await;
    kept.seen_unfiled("v1").await;
    let id = kept.table.row(&tag("v1")).await.unwrap()["entry"].as_s().unwrap().clone();
    let id = id.split('"').nth(1).unwrap().to_owned();
    let other = kept.scene.record("v2", &Digest::sha256(b"v2")).await;
    let other = testing::client::get(&kept.scene.entry_url(&other)).await.bytes;
    kept.scene.alter(
        move |path, response| {
            if path.ends_with(&id) { response.map(|_| other.clone()) } else { response }
        },
    );
    let ended = kept.audit(&[]);
    let said = "registry.test/app:v1: unverifiable: the log answers another entry than it was asked for";
    assert_eq!((ended.code, &findings(&ended)[..]), (Some(2), &[said.to_owned()][..]));
    kept.scene.replace("\"integratedTime\":1".to_owned(), "\"integratedTime\":2".to_owned());
    let ended = kept.audit(&[]);
    let said = "registry.test/app:v1: unverifiable: the entry with log index 1000000 bears your key and does not verify: \
                the signed entry timestamp does not verify";
    assert_eq!((ended.code, &findings(&ended)[..]), (Some(2), &[said.to_owned()][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_rows_alone_are_no_fault() {
    let kept = Kept::set().await;
    kept.pending("v1", &Digest::sha256(b"v1"), Duration::ZERO).await;
    let ended = kept.audit(&[]);
    assert_eq!((ended.code, last(&ended)), (Some(0), "1 tag checked: all hold (1 pending)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_list_what_the_ledger_lacks_is_found() {
    let kept = Kept::set().await;
    kept.seen("v1").await;
    let (lacked, _) = kept.scene.seen("v2").await;
    let list = kept.scene.list(&["v1", "v2", "v3"]);
    let ended = kept.audit(&["--tags", &list]);
    let expected = [
        format!("registry.test/app:v2: ledger-lacks: the log has {lacked} (log index 1000001), and the ledger no row"),
        "registry.test/app:v3: missing: the log lists no entry by your keys".to_owned(),
    ];
    assert_eq!((ended.code, &findings(&ended)[..]), (Some(1), &expected[..]), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_ledger_shows_nothing() {
    let kept = Kept::set().await;
    let ended = kept.audit(&[]);
    assert_eq!((ended.code, last(&ended)), (Some(2), "Nothing was checked: there was no tag"), "{ended:?}");
    kept.claim().await;
    let ended = kept.audit(&[]);
    assert_eq!(
        (ended.code, last(&ended)),
        (Some(2), "Nothing was checked: there was no tag"),
        "the instance's row is no tag: {ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_cannot_be_reached_ends_the_audit() {
    let kept = Kept::set().await;
    kept.table.client.delete_table().table_name(&kept.table.name).send().await.unwrap();
    let ended = kept.audit(&[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "Nothing was checked, because the ledger could not be reached: ";
    assert!(last(&ended).starts_with(said), "{ended:?}");
}
