//! The log answers an upload with 409 and an index that its checkpoint does not cover yet.

use std::time::Duration;

use testing::clock::Clock;
use testing::faulty::log::{Call, Fault};
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::rekor::RekorV2;
use tlogistry::sighting::{LocalKey, Signer};
use tokio::time::Instant;

use crate::scene::tag;

#[tokio::test]
async fn an_entry_at_an_index_is_waited_for_until_a_checkpoint_covers_it_or_the_time_is_over() {
    let log = crate::new_log().await;
    let rekor = RekorV2::new(log.url().parse().unwrap(), None, log.config().keys).unwrap();
    let signer = Signer::Local(LocalKey::generate().unwrap());
    let hour = || Deadline::after(Duration::from_secs(3600));
    let mut statements = Vec::new();
    let mut checkpoints = Vec::new();
    for name in ["v1", "v2", "v3"] {
        let statement = signer.sign(&tag(name), &Digest::sha256(b"x"), hour()).await.unwrap();
        assert_eq!(log.add(&statement.signed_payload()).await, 201);
        statements.push(statement);
        let checkpoint: &'static str = log.checkpoint().await.leak();
        checkpoints.push(checkpoint);
    }
    let last = statements[2].signed_payload();

    // The trees of one and of two entries hold no index 2.
    let clock = Clock::stop();
    for checkpoint in &checkpoints[..2] {
        log.fails_once(Call::Head, Fault::Answer(200, vec![], checkpoint));
    }
    let again = clock.hurry(rekor.upload(&last, hour())).await.unwrap();
    assert_eq!((again.entry.log_index(), again.entry.checkpoint().unwrap().size()), (2, 3));
    assert_eq!(log.asked()[..4], [Call::Upload, Call::Head, Call::Head, Call::Head]);

    log.fails(Call::Head, Fault::Answer(200, vec![], checkpoints[1]));
    log.asked();
    let (began, time) = (Instant::now(), Duration::from_secs(60));
    let answer = clock.hurry(rekor.upload(&last, Deadline::after(time))).await;
    assert_eq!(answer.unwrap_err().to_string(), "the log could not be reached: no answer in time");
    let took = began.elapsed();
    assert!(took >= time && took <= time + Duration::from_secs(1), "{took:?}");
    let asked = log.asked();
    assert!(asked.len() > 3, "it asks again until then: {asked:?}");
    assert!(asked.iter().all(|call| [Call::Upload, Call::Head].contains(call)), "no proof is made");
}
