//! The log is down, slow, or answers garbage.

use testing::clock::Clock;
use testing::faulty::log::{Call, Fault};
use tlogistry::image::Digest;

use super::world::{IN_TIME, World, blob};

const TOO_MANY: Fault = Fault::Answer(429, vec![], "<html><h1>Too Many Requests</h1></html>");

#[tokio::test]
async fn a_tag_is_not_served_while_the_log_is_down_and_is_recorded_once_it_is_back() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.log.is_down(Fault::Dropped);
    world.pull("v1").await.assert_no_verdict(&["registry.test/demo/app:v1", "the log could not be reached"]);
    world.head(&super::world::manifest("v1")).await.assert_no_verdict(&["the log could not be reached"]);
    assert_eq!(world.log.size().await, 0);

    world.log.heals();
    world.pull("v1").await.assert_first_seen(&digest);
    world.pull("v1").await.assert_unchanged(&digest);
    assert_eq!(world.recorded("v1").await, [digest]);
}

#[tokio::test]
async fn garbage_from_the_log_lets_no_tag_through() {
    let faults = [
        (Fault::Dropped, "the log could not be reached"),
        (
            Fault::Answer(500, vec![], r#"{"code":500,"message":"trillian is down"}"#),
            "500 Internal Server Error: trillian",
        ),
        (Fault::Answer(500, vec![], "<html>"), "the log answered 500 Internal Server Error;"),
        (Fault::Answer(503, vec![], ""), "the log answered 503"),
        (Fault::Answer(302, vec![("location", "http://127.0.0.1/")], ""), "the log answered 302"),
        (TOO_MANY, "the log allows no more requests for now"),
        (Fault::Answer(200, vec![], "garbage"), "cannot be understood"),
        (Fault::Answer(201, vec![], "{}"), "the log"),
        (Fault::Answer(201, vec![], ""), "the log"),
        (Fault::Answer(200, vec![], "[{}]"), "cannot be understood"),
        (Fault::Answer(200, vec![], r#"["../../../x"]"#), "cannot be understood"),
        (Fault::Answer(404, vec![], ""), "the log answered 404"),
        (Fault::Answer(409, vec![], ""), "the log"),
        (Fault::Answer(409, vec![("location", "/api/v1/log/entries/zz")], ""), "the log"),
        (Fault::CutShort, "the log could not be reached"),
        (Fault::Endless, "the answer is larger than"),
    ];
    for (fault, message) in faults {
        let world = World::start().await;
        world.registry.push("v1", "{}");
        world.log.is_down(fault);
        world.pull("v1").await.assert_no_verdict(&[message]);
        assert_eq!(world.log.size().await, 0);
    }
}

#[tokio::test]
async fn garbage_in_answer_to_an_upload_lets_no_tag_through() {
    let faults = [
        ("dropped", Fault::Dropped, "the log could not be reached"),
        (
            "500",
            Fault::Answer(500, vec![], r#"{"code":500,"message":"trillian"}"#),
            "500 Internal Server Error: trillian",
        ),
        ("429", TOO_MANY, "the log allows no more requests for now"),
        ("200", Fault::Answer(200, vec![], "{}"), "the log answered 200"),
        ("garbage", Fault::Answer(201, vec![], "garbage"), "the log's answer cannot be understood"),
        ("empty", Fault::Answer(201, vec![], "{}"), "the log's answer cannot be understood"),
        ("conflict", Fault::Answer(409, vec![], ""), "the log's answer cannot be understood"),
        ("traversal", Fault::Answer(409, vec![("location", "/../..")], ""), "the log's answer cannot be understood"),
        ("cut", Fault::CutShort, "the log could not be reached"),
    ];
    for (tag, fault, message) in faults {
        let world = World::start().await;
        world.registry.push(tag, "{}");
        world.log.fails(Call::Upload, fault);
        world.pull(tag).await.assert_no_verdict(&[message]);
    }
}

#[tokio::test]
async fn a_slow_log_is_given_up_in_time() {
    let no_search = "the log could not be reached: no answer in time";
    let no_upload = "the log did not confirm the recording in time";
    for (call, fault, message) in [
        (Call::Search, Fault::Silent, no_search),
        (Call::Search, Fault::TarPit, no_search),
        (Call::Upload, Fault::Silent, no_upload),
        (Call::Upload, Fault::TarPit, no_upload),
    ] {
        let world = World::impatient().await;
        world.registry.push("v1", "{}");
        world.log.fails(call, fault);
        let (answer, took) = Clock::stop().pass_after(world.log.next(call), world.pull("v1")).await;
        answer.assert_no_verdict(&[message]);
        assert!(took < IN_TIME, "{call:?} took {took:?}");
    }
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_found_and_not_recorded_with_another_digest() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.log.fails_once(Call::Upload, Fault::AnswerLost);
    world.pull("v1").await.assert_first_seen(&digest);
    // The retry was told that the entry exists; the same statement was then uploaded again, to be found by search.
    assert_eq!(world.log.asked(), [Call::Search, Call::Upload, Call::Upload, Call::Entry, Call::Upload]);
    assert_eq!(world.recorded("v1").await, [digest.clone(), digest.clone()]);
    world.pull("v1").await.assert_unchanged(&digest);
}

#[tokio::test]
async fn an_upload_that_failed_is_finished_by_the_next_pull_with_the_digest_of_the_first() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.log.fails(Call::Upload, Fault::Dropped);
    world.pull("v1").await.assert_no_verdict(&["the log could not be reached"]);
    world.log.heals();
    // The tag's digest was decided by the first pull, though nobody was served it.
    let second = world.registry.push("v1", r#"{"a":1}"#);
    world.pull("v1").await.assert_moved(&first, &second);
    assert_eq!(world.log.size().await, 1);
    world.registry.push("v1", "{}");
    world.pull("v1").await.assert_unchanged(&first);
}

#[tokio::test]
async fn digests_blobs_and_known_tags_work_while_the_log_is_down() {
    let world = World::start().await;
    let known = world.registry.push("known", "{}");
    let layer = world.registry.push_blob("a layer");
    world.pull("known").await.assert_first_seen(&known);

    world.log.is_down(Fault::Dropped);
    let other = world.registry.push("other", r#"{"a":1}"#);
    world.pull(&other).await.assert_serves(&other);
    assert_eq!(world.get(&blob(&layer)).await.status, 307);
    world.pull("known").await.assert_unchanged(&known);
    world.head(&super::world::manifest("known")).await.assert_unchanged(&known);
    world.pull("other").await.assert_no_verdict(&[]);

    let moved: Digest = world.registry.push("known", r#"{"b":1}"#);
    world.pull("known").await.assert_moved(&known, &moved);
}
