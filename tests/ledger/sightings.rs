//! `/sightings/`: all sightings in the order of the log, a page at a time, and single statements by what was signed.

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::client::Answer;
use testing::service;
use testing::table::Table;
use testing::tags::tag;
use tlogistry::dsse;
use tlogistry::http::Service;
use tlogistry::ledger::{Lease, Ledger, Row, UsedKeys};
use tlogistry::sighting::{SignedStatement, Signer, parse_statement};

use crate::scene::{Scene, pull};
use crate::version::soon;

const NAMES: [&str; 5] = ["v1", "v2", "v3", "v4", "v5"];

impl Scene {
    fn instance_of(&self, ledger: Ledger) -> Service {
        let mut version = self.version("key", &[]);
        version.ledger = ledger;
        version.start()
    }

    /// The id of the scene's log.
    fn log_id(&self) -> String {
        hex::encode(self.log_config.keys.iter().next().unwrap().id())
    }

    /// A statement that a tag is what it is in the registry.
    async fn signed(&self, name: &str) -> SignedStatement {
        let digest = self.tags.push(name, name);
        Signer::Local(self.key()).sign(&tag(name), &digest, soon()).await.unwrap()
    }

    async fn set_attribute(&self, name: &str, attribute: &str, value: aws_sdk_dynamodb::types::AttributeValue) {
        let mut row = self.table.row(&tag(name)).await.unwrap();
        row.insert(attribute.to_owned(), value);
        self.table.client.put_item().table_name(&self.table.name).set_item(Some(row)).send().await.unwrap();
    }
}

/// A scene for each kind of ledger, with one of it: a key that was used is refused beside another empty ledger.
async fn each_kind() -> Vec<(Scene, Ledger)> {
    let mut all = Vec::new();
    for kind in 0..3 {
        let scene = Scene::set().await;
        let ledger = scene.each_kind().into_iter().nth(kind).unwrap();
        all.push((scene, ledger));
    }
    all
}

/// An instance that has recorded all names, in their order.
async fn recorded(scene: &Scene, ledger: Ledger) -> Service {
    let instance = scene.instance_of(ledger);
    for name in NAMES {
        scene.tags.push(name, name);
        assert!(pull(&instance, name).await.first_seen);
    }
    instance
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"), "{answer:?}");
    let text = std::str::from_utf8(&answer.bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["tag"].as_str().unwrap().rsplit_once(':').unwrap().1).collect()
}

fn log_index(line: &Value) -> u64 {
    line["logIndex"].as_str().unwrap().parse().unwrap()
}

fn signed_sha256(line: &Value) -> String {
    let payload = BASE64_STANDARD.decode(line["envelope"]["payload"].as_str().unwrap()).unwrap();
    hex::encode(Sha256::digest(dsse::pae(dsse::IN_TOTO, &payload)))
}

#[tokio::test]
async fn sightings_are_listed_in_the_order_of_the_log_a_page_at_a_time() {
    for (scene, ledger) in each_kind().await {
        let instance = recorded(&scene, ledger).await;
        let id = scene.log_id();
        let (mut path, mut listed, mut pages) = ("/sightings/?from=0&n=2".to_owned(), Vec::new(), 0);
        loop {
            let page = service::get(&instance, &path).await;
            assert_eq!(page.header("cache-control"), "public, max-age=60");
            let head = service::head(&instance, &path).await;
            assert_eq!((head.status, &head.headers), (200, &page.headers));
            let lines = lines(&page);
            assert!(lines.len() <= 2);
            listed.extend(lines);
            pages += 1;
            let Some(link) = page.find("link") else { break };
            let next = log_index(listed.last().unwrap()) + 1;
            assert_eq!(link, format!("</sightings/?log={id}&from={next}&n=2>; rel=\"next\""));
            path = link[1..].split_once('>').unwrap().0.to_owned();
        }
        assert_eq!((names(&listed), pages), (NAMES.to_vec(), 3));

        // A Rekor v1 counts over all its shards.
        let first = log_index(&listed[0]);
        let key = scene.key().public_key().clone();
        for (index, line) in (first..).zip(&listed) {
            let payload = BASE64_STANDARD.decode(line["envelope"]["payload"].as_str().unwrap()).unwrap();
            let (tag, digest) = parse_statement(&payload).unwrap();
            let signature = line["envelope"]["signatures"][0]["sig"].as_str().unwrap();
            assert!(key.verifies(&dsse::pae(dsse::IN_TOTO, &payload), &BASE64_STANDARD.decode(signature).unwrap()));
            let time = line["time"].as_str().unwrap();
            assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
            let expected = json!({
                "tag": tag.canonical(), "digest": digest.as_str(),
                "logId": id, "logIndex": index.to_string(), "time": time,
                "envelope": {
                    "payload": BASE64_STANDARD.encode(&payload), "payloadType": "application/vnd.in-toto+json",
                    "signatures": [{"keyid": hex::encode(key.id()), "sig": signature}],
                },
            });
            assert_eq!(*line, expected);
        }
        // By default from the start, of the log that is written, 500 at once; and from any index on.
        let from = |number: u64| format!("?from={}", first + number);
        for (query, expected) in
            [(String::new(), &NAMES[..]), ("?n=1000".to_owned(), &NAMES), (from(3), &NAMES[3..]), (from(5), &[])]
        {
            let page = service::get(&instance, &format!("/sightings/{query}")).await;
            assert_eq!(names(&lines(&page)), expected, "{query}");
            assert_eq!(page.find("link"), None, "{query}");
        }
        let last = service::get(&instance, &format!("/sightings?log={}&from={}", id.to_uppercase(), u64::MAX)).await;
        assert_eq!((lines(&last).len(), last.find("link")), (0, None));
    }
}

#[tokio::test]
async fn a_statement_is_found_by_what_was_signed_while_it_is_pending_and_by_its_place_afterwards() {
    for (scene, ledger) in each_kind().await {
        // The rows that a writer leaves which is gone after its upload; one of them is completed by the next pull.
        let (late, never) = (scene.signed("late").await, scene.signed("never").await);
        let used = UsedKeys { signing: [scene.fingerprint("key")].into(), log: [].into() };
        ledger.claim(&used, soon()).await.unwrap();
        let clients = scene.log_config.clients().unwrap();
        clients.written.upload(&late.signed_payload(), soon()).await.unwrap();
        for statement in [&late, &never] {
            assert!(ledger.insert(&Row::pending(statement, Lease(1)), soon()).await.unwrap());
        }
        let instance = scene.instance_of(ledger);
        for name in ["v1", "v2"] {
            scene.tags.push(name, name);
            assert!(pull(&instance, name).await.first_seen);
        }

        let id = scene.log_id();
        let by = |statement: &SignedStatement| format!("/sightings/?signed={}", hex::encode(statement.signed_sha256()));
        assert_eq!(
            names(&lines(&service::get(&instance, "/sightings/").await)),
            ["v1", "v2"],
            "those that are recorded"
        );
        for path in [by(&late), format!("{}&at={id}:0", by(&late)), by(&never)] {
            let answer = service::get(&instance, &path).await;
            assert_eq!(answer.header("cache-control"), "no-store");
            let [line] = &lines(&answer)[..] else { panic!("{answer:?}") };
            assert_eq!((&line["pending"], &line["logId"], &line["logIndex"]), (&json!(true), &json!(id), &Value::Null));
            assert_eq!(Some(signed_sha256(line).as_str()), path.split(['=', '&']).nth(1));
        }

        assert!(pull(&instance, "late").await.first_seen);
        let listed = lines(&service::get(&instance, "/sightings/").await);
        assert_eq!(names(&listed), ["late", "v1", "v2"], "at its place in the log");
        let first = log_index(&listed[0]);
        let at = |number: u64| format!("{}&at={id}:{}", by(&late), first + number);
        let found = service::get(&instance, &at(0)).await;
        assert_eq!(found.header("cache-control"), "no-store");
        assert_eq!(lines(&found), [listed[0].clone()], "the same line");
        assert_eq!(listed[0].get("pending"), None);
        let elsewhere = "no row has this statement pending, or recorded at this place of the log";
        let without = "no row has this statement pending; a recorded one is found with at=<log id>:<log index>";
        for (path, message) in [(at(1), elsewhere), (at(9), elsewhere), (by(&late), without)] {
            let answer = service::get(&instance, &path).await;
            assert_eq!(
                (answer.status, answer.error().0.as_str(), answer.error().1.as_str()),
                (404, "TAG_UNKNOWN", message)
            );
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_or_of_another_log_is_refused() {
    let scene = Scene::set().await;
    let instance = recorded(&scene, scene.ledger()).await;
    let unknown = "00".repeat(32);
    for path in [format!("log={unknown}"), format!("signed={unknown}&at={unknown}:0")] {
        let answer = service::get(&instance, &format!("/sightings/?{path}")).await;
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code.as_str()), (404, "UNSUPPORTED"), "{path}");
        assert_eq!(message, "this instance knows no log with this id: it lists those of which it has a key");
    }
    for query in ["log=x", "n=0", "n=1001", "from=-1", "from=0&from=0", "signed=x", "at=x"] {
        let answer = service::get(&instance, &format!("/sightings/?{query}")).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "UNSUPPORTED"), "{query}");
        assert_eq!(answer.header("cache-control"), "no-store", "{query}");
    }
}

#[tokio::test]
async fn a_row_that_somebody_changed_is_left_out_and_hides_no_other() {
    let scene = Scene::set().await;
    let instance = recorded(&scene, scene.ledger()).await;
    // A line at a time, so that a row that is left out is a page of its own.
    let list = async || {
        let (mut path, mut listed) = ("/sightings/?n=1".to_owned(), Vec::new());
        loop {
            let page = service::get(&instance, &path).await;
            listed.extend(names(&lines(&page)).into_iter().map(str::to_owned));
            let Some(link) = page.find("link") else { return listed };
            path = link[1..].split_once('>').unwrap().0.to_owned();
        }
    };
    let genuine = scene.table.row(&tag("v2")).await.unwrap();
    let other = scene.table.row(&tag("v3")).await.unwrap();
    let without = ["v1", "v3", "v4", "v5"];
    for (attribute, value) in [
        ("digest", other["digest"].clone()),
        ("digest", S("sha256:0".to_owned())),
        ("signature", other["signature"].clone()),
        ("signature", S("?".to_owned())),
        ("key", S("no key".to_owned())),
        ("key", S(scene.key_named("strangers").public_key().pem().to_owned())),
        ("log", S("elsewhere".to_owned())),
        ("logIndex", N("-1".to_owned())),
        ("logIndex", N("99999999999999999999999999999999999999".to_owned())),
        ("logIndex", N("1.5".to_owned())),
    ] {
        scene.set_attribute("v2", attribute, value.clone()).await;
        assert_eq!(list().await, without, "{attribute} {value:?}");
        let page = lines(&service::get(&instance, "/sightings/?n=2").await);
        assert!((1..=2).contains(&page.len()), "{attribute} {value:?}: {page:?}");
    }
    let first = log_index(&lines(&service::get(&instance, "/sightings/").await)[0]);
    // Nobody signed a place: the line says where the ledger has it, and the log does not confirm it.
    scene.table.client.put_item().table_name(&scene.table.name).set_item(Some(genuine.clone())).send().await.unwrap();
    scene.set_attribute("v2", "logIndex", N((first + 7).to_string())).await;
    assert_eq!(list().await, ["v1", "v3", "v4", "v5", "v2"]);
    scene.set_attribute("v2", "logIndex", N((first + 1).to_string())).await;
    let second = format!("/sightings/?from={}&n=1", first + 1);
    for time in [S("yesterday\"".to_owned()), N("7".to_owned())] {
        scene.set_attribute("v2", "time", time).await;
        assert_eq!(lines(&service::get(&instance, &second).await)[0].get("time"), None, "no time is shown as one");
    }
    // A row under another key, and one that claims to be pending.
    let mut strange = genuine.clone();
    strange.insert("tag".to_owned(), S("registry.test/demo/app:copy".to_owned()));
    scene.table.client.put_item().table_name(&scene.table.name).set_item(Some(strange)).send().await.unwrap();
    assert_eq!(list().await, NAMES);
    let line = lines(&service::get(&instance, &second).await).remove(0);
    let signed = signed_sha256(&line);
    let prefix = u64::from_str_radix(&signed[..16], 16).unwrap();
    scene.set_attribute("v2", "log", S("@pending".to_owned())).await;
    scene.set_attribute("v2", "logIndex", N(prefix.to_string())).await;
    let found = lines(&service::get(&instance, &format!("/sightings/?signed={signed}")).await).remove(0);
    assert_eq!((found.get("pending"), log_index(&found)), (None, first + 1), "the row itself says what it is");
}

#[tokio::test]
async fn a_table_without_the_index_is_said_to_have_none_and_serves_tags() {
    let scene = Scene::set().await;
    let table = Table::without_index().await;
    let instance = recorded(&scene, table.ledger()).await;
    for path in ["/sightings/".to_owned(), format!("/sightings/?signed={}", "00".repeat(32))] {
        let answer = service::get(&instance, &path).await;
        assert_eq!(answer.status, 503);
        assert!(answer.error().1.contains("the ledger's table has no index 'by-log' yet"), "{answer:?}");
    }
    table.add_index().await;
    let listed = service::get(&instance, "/sightings/").await;
    assert_eq!(names(&lines(&listed)), NAMES, "rows of this version have their place before the index is there");
}

#[tokio::test]
async fn a_table_that_is_gone_is_told_from_one_without_the_index() {
    let scene = Scene::set().await;
    let instance = recorded(&scene, scene.ledger()).await;
    assert_eq!(service::get(&instance, "/sightings/").await.status, 200);
    scene.table.client.delete_table().table_name(&scene.table.name).send().await.unwrap();
    let answer = service::get(&instance, "/sightings/").await;
    let message = answer.error().1;
    assert_eq!(answer.status, 503, "{message}");
    assert!(message.contains("the ledger could not be reached") && !message.contains("has no index"), "{message}");
}

#[tokio::test]
async fn an_instance_that_lacks_a_key_of_the_ledger_lists_nothing() {
    let scene = Scene::set().await;
    recorded(&scene, scene.ledger()).await;
    let stranger = scene.version("other", &[]).start();
    let answer = service::get(&stranger, "/sightings/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.error().1.contains("this instance does not know the signing key"), "{answer:?}");
    scene.table.delete("@instance").await;
    let answer = service::get(&scene.instance(), "/sightings/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.error().1.contains("the ledger's row '@instance' is missing"), "{answer:?}");
}
