//! The log answers an upload with 409 and names an entry that it has not included yet.

use std::time::Duration;

use testing::clock::Clock;
use testing::faulty::log::{Call, Fault, Log};
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::rekor::RekorV1;
use tokio::time::Instant;

use super::world::{deadline, stranger, tag};

const NOT_FOUND: Fault = Fault::Answer(404, vec![], "{}");

#[tokio::test]
async fn an_entry_that_a_conflict_names_is_waited_for_until_it_is_included_or_the_time_is_over() {
    let log = Log::start().await;
    let rekor = RekorV1::new(log.url().parse().unwrap()).unwrap();
    let statement = stranger().sign(&tag("v1"), &Digest::sha256(b"x"), deadline()).await.unwrap();
    let signed = statement.signed_payload();
    let first = rekor.upload(&signed, deadline()).await.unwrap();
    assert!(!first.hidden);
    log.asked();

    let clock = Clock::stop();
    for _ in 0..2 {
        log.fails_once(Call::Entry, NOT_FOUND);
    }
    let again = clock.hurry(rekor.upload(&signed, Deadline::after(Duration::from_secs(3600)))).await.unwrap();
    assert_eq!(again.entry.id(), first.entry.id());
    assert!(again.hidden, "a search may not find it");
    assert_eq!(log.asked(), [Call::Upload, Call::Entry, Call::Entry, Call::Entry]);

    log.fails(Call::Entry, NOT_FOUND);
    let (began, time) = (Instant::now(), Duration::from_secs(60));
    let answer = clock.hurry(rekor.upload(&signed, Deadline::after(time))).await;
    assert_eq!(answer.unwrap_err().to_string(), "the log could not be reached: no answer in time");
    let took = began.elapsed();
    assert!(took >= time && took <= time + Duration::from_secs(1), "{took:?}");
    assert!(log.asked().len() > 3, "it asks again until then");
}
