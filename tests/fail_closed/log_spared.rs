//! A log that asks for a pause gets it, and so does one that fails again and again. It is the log that is blamed.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use serde_json::Value;
use testing::clock::Clock;
use testing::faulty::log::{Call, Fault};
use tracing_subscriber::fmt::MakeWriter;

use super::world::{Answer, REGISTRY, World, blob, manifest};

const MESSAGE: &str = "the log limits requests or has failed repeatedly; it is asked again in ";

fn limited(retry_after: &'static str) -> Fault {
    Fault::Answer(429, vec![("retry-after", retry_after)], "")
}

fn sighting(name: &str) -> String {
    format!("/sightings/{REGISTRY}/demo/app:{name}")
}

/// Asserts that the log was not asked, and returns the seconds after which it will be.
#[track_caller]
fn assert_spared(answer: &Answer) -> u64 {
    answer.assert_refused(429, "TOOMANYREQUESTS", &[MESSAGE]);
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_log_that_limits_uploads_is_asked_for_nothing_until_the_time_it_names() {
    let world = World::start().await;
    let known = world.registry.push("known", "{}");
    let layer = world.registry.push_blob("a layer");
    world.pull("known").await.assert_first_seen(&known);
    let v1 = world.registry.push("v1", r#"{"v":1}"#);
    world.log.fails(Call::Upload, limited("300"));
    world.pull("v1").await.assert_no_verdict(&["the log allows no more requests for now"]);
    world.log.heals();
    world.log.asked();

    let v2 = world.registry.push("v2", r#"{"v":2}"#);
    // A tag not yet seen, one whose recording broke off, and the evidence for one not yet seen.
    for path in [manifest("v2"), manifest("v1"), sighting("v2")] {
        let wait = assert_spared(&world.get(&path).await);
        assert!((200..=331).contains(&wait), "{wait}");
    }
    for digest in [&known, &v1, &v2] {
        world.pull(digest).await.assert_serves(digest);
    }
    assert_eq!(world.get(&blob(&layer)).await.status, 307);
    world.pull("known").await.assert_unchanged(&known);
    let moved = world.registry.push("known", r#"{"moved":1}"#);
    world.pull("known").await.assert_moved(&known, &moved);
    assert_eq!((world.log.asked(), world.log.size().await), (vec![], 1));
}

#[tokio::test]
async fn a_log_that_limits_searches_is_asked_for_nothing_either() {
    for fault in [limited("300"), Fault::Answer(503, vec![("retry-after", "300")], "")] {
        let world = World::start().await;
        world.registry.push("v1", "{}");
        world.log.fails(Call::Search, fault);
        world.pull("v1").await.assert_no_verdict(&["the log allows no more requests for now"]);
        world.log.heals();
        world.log.asked();
        assert_spared(&world.pull("v1").await);
        assert_eq!(world.log.asked(), []);
    }
}

#[tokio::test]
async fn a_log_that_asks_for_years_gets_ten_minutes() {
    for years in ["315360000", "99999999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        let world = World::start().await;
        world.registry.push("v1", "{}");
        world.log.fails(Call::Upload, limited(years));
        world.pull("v1").await.assert_no_verdict(&[]);
        let wait = assert_spared(&world.pull("v1").await);
        assert!((500..=661).contains(&wait), "{years}: {wait}");
    }
}

#[tokio::test]
async fn when_the_time_is_over_the_tag_is_recorded_with_the_digest_of_its_first_pull() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.log.fails_once(Call::Upload, limited("1"));
    world.pull("v1").await.assert_no_verdict(&[]);
    let second = world.registry.push("v1", r#"{"v":2}"#);
    let answer = loop {
        let answer = world.pull("v1").await;
        if answer.status != 429 {
            break answer;
        }
        assert!((1..=2).contains(&assert_spared(&answer)));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    answer.assert_moved(&first, &second);
    assert_eq!(world.recorded("v1").await, [first]);
}

#[tokio::test]
async fn after_three_failed_uploads_nothing_is_signed_or_written_for_another() {
    let faults = [Fault::Dropped, Fault::Answer(500, vec![], ""), Fault::Answer(503, vec![], ""), Fault::CutShort];
    for fault in faults {
        let world = World::start().await;
        let (v1, v4) = (world.registry.push("v1", "{}"), world.registry.push("v4", r#"{"v":4}"#));
        world.log.fails(Call::Upload, fault);
        for name in ["v1", "v2", "v3"] {
            world.registry.push(name, "{}");
            world.pull(name).await.assert_no_verdict(&["the log "]);
        }
        world.log.asked();
        // The log is left alone for a second or more.
        let _stopped = Clock::stop();
        for name in ["v4", "v1"] {
            let wait = assert_spared(&world.pull(name).await);
            assert!((1..=8).contains(&wait), "{wait}");
        }
        assert!(!world.log.asked().contains(&Call::Upload));
        // A signed statement would be in a pending row, and the evidence would be answered otherwise.
        world.get(&sighting("v4")).await.assert_refused(404, "TAG_UNKNOWN", &["was never seen here"]);
        world.get(&sighting("v1")).await.assert_refused(503, "UNAVAILABLE", &["its recording broke off"]);
        world.pull(&v1).await.assert_serves(&v1);
        world.pull(&v4).await.assert_serves(&v4);
    }
}

#[tokio::test]
async fn after_three_failed_searches_there_is_no_fourth() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    world.log.fails(Call::Search, Fault::Dropped);
    for _ in 0..3 {
        world.pull("v1").await.assert_no_verdict(&["the log could not be reached"]);
    }
    world.log.asked();
    let _stopped = Clock::stop();
    assert_spared(&world.pull("v1").await);
    assert_spared(&world.get(&sighting("v1")).await);
    assert_eq!(world.log.asked(), []);
}

/// The service's lines about requests.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// Milliseconds that each request for `path` waited for the log.
    fn log_millis(&self, path: &str) -> Vec<f64> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines = lines.filter(|line| line["fields"]["path"] == path);
        lines.map(|line| line["fields"]["log_millis"].as_f64().unwrap_or_default()).collect()
    }
}

#[tokio::test]
async fn a_slow_log_is_named_to_who_waits_for_it_and_in_the_metrics() {
    let lines = Lines::default();
    // Of all tests' requests: one test's thread alone may be passed over while others have no subscriber.
    tracing_subscriber::fmt().json().with_writer(lines.clone()).init();
    let world = World::impatient().await;
    world.registry.push("waited-for", "{}");
    world.log.fails(Call::Upload, Fault::Silent);
    let (upload, both) = (world.log.next(Call::Upload), world.registry.asks("waited-for", 2));
    let pulls = join_all((0..2).map(|_| world.pull("waited-for")));
    let (answers, _) = Clock::stop()
        .pass_after(
            async {
                tokio::join!(upload, both);
            },
            pulls,
        )
        .await;
    let mut messages: Vec<String> = answers
        .iter()
        .map(|answer| answer.assert_no_verdict(&[]).error()["message"].as_str().unwrap().to_owned())
        .collect();
    messages.sort_by_key(|message| message.contains("another request"));
    assert!(messages[0].contains("because the log did not confirm the recording in time;"), "{}", messages[0]);
    assert!(messages[1].contains("because the tag is being recorded by another request;"), "{}", messages[1]);
    let waited = lines.log_millis(&manifest("waited-for"));
    // The rest of two seconds, which the registry and the search took little of.
    assert!(waited.len() == 2 && waited.iter().any(|millis| *millis > 500.0), "{waited:?}");
}
