//! Anyone can file entries under a tag's hash, thousands of them. They cost time and change no answer.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use testing::client;
use testing::clock::Clock;
use testing::faulty::log::{Call, Fault, Log};
use tlogistry::image::Digest;
use tlogistry::rekor::RekorV1;
use tokio::sync::Semaphore;

use super::world::{World, deadline, stranger, tag};

const STRANGERS: usize = 1_500;

/// Files entries under the tag's hash that are signed by a stranger, each about another digest.
async fn crowd(world: &World, name: &str) {
    let stranger = stranger();
    let uploads = (0..STRANGERS).map(|number| {
        let stranger = &stranger;
        async move {
            let digest = Digest::sha256(format!("stranger {number}").as_bytes());
            world.log.record(stranger, &tag(name), &digest).await;
        }
    });
    stream::iter(uploads).buffer_unordered(4).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn strangers_entries_are_looked_through_in_time_or_the_pull_fails_closed() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    crowd(&world, "v1").await;
    let began = std::time::Instant::now();
    let mut clock = Clock::stop();
    world.pull("v1").await.assert_first_seen(&digest);
    println!("{STRANGERS} entries by strangers looked through in {:.1?}", began.elapsed());

    // One entry of ours among them counts.
    world.restart();
    let other = world.registry.push("v1", r#"{"b":1}"#);
    world.pull("v1").await.assert_moved(&digest, &other);

    // The time is over after the first ten.
    world.restart();
    world.log.fails(Call::Retrieve, Fault::Gate(Arc::new(Semaphore::new(1))));
    let (answer, _) = clock.pass_after(world.log.next_calls(Call::Retrieve, 2), world.pull("v1")).await;
    answer.assert_no_verdict(&["more than could be checked"]);
}

/// A key id may be of any length, and two entries with long ones are more than one answer may hold.
#[tokio::test]
async fn large_entries_of_strangers_are_looked_through_too() {
    let mut world = World::start().await;
    let digest = world.registry.push("v1", r#"{"a":1}"#);
    let stranger = stranger();
    for text in ["b", "c"] {
        let statement = stranger.sign(&tag("v1"), &Digest::sha256(text.as_bytes()), deadline()).await.unwrap();
        let mut entry: serde_json::Value =
            serde_json::from_slice(&statement.signed_payload().proposed_entry()).unwrap();
        entry["spec"]["content"]["envelope"]["signatures"][0]["keyid"] = text.repeat(3_300_000).into();
        world.log.upload(entry.to_string().as_bytes()).await;
    }
    assert_eq!(world.log.size().await, 2);
    let _stopped = Clock::stop();
    world.pull("v1").await.assert_first_seen(&digest);

    // One entry of ours among them counts.
    world.restart();
    let other = world.registry.push("v1", r#"{"b":1}"#);
    world.pull("v1").await.assert_moved(&digest, &other);
}

#[tokio::test]
async fn one_answer_may_be_as_large_as_all_of_its_entries_together() {
    let log = Log::start().await;
    let rekor = RekorV1::new(log.url().parse().unwrap()).unwrap();
    let mut ids = Vec::new();
    for name in ["v1", "v2", "v3"] {
        let statement = stranger().sign(&tag(name), &Digest::sha256(b"x"), deadline()).await.unwrap();
        ids.push(rekor.upload(&statement.signed_payload(), deadline()).await.unwrap().entry.id());
    }
    let query = serde_json::json!({"entryUUIDs": ids}).to_string();
    let request = client::client().post(format!("{}/api/v1/log/entries/retrieve", log.url()));
    let answer = client::send(request.header("content-type", "application/json").body(query)).await;
    const EACH: usize = 32 << 10;
    for (size, is_read) in [(3 * EACH, true), (3 * EACH + 1, false)] {
        // White space behind JSON changes nothing.
        let padded: &'static str = (answer.text().to_owned() + &" ".repeat(size - answer.bytes.len())).leak();
        log.fails_once(Call::Retrieve, Fault::Answer(200, vec![], padded));
        match rekor.entries(&ids, EACH, deadline()).await {
            Ok(entries) => assert!(is_read && entries.len() == 3, "{size}"),
            Err(error) => {
                assert!(!is_read, "{size}: {error}");
                assert!(error.to_string().ends_with("the answer is larger than 98304 bytes"), "{error}");
            }
        }
    }
}
