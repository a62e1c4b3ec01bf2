//! The limit on waiting for a time stamp. The log must follow the test's clock, which no other process does.

use std::time::Duration;

use testing::clock::Clock;
use testing::faulty::timestamp_authority::{Fault, StandInAuthority};
use testing::service;

use crate::scene::{Scene, assert_first_seen, pull};
use crate::time::stamped;

#[tokio::test]
async fn nobody_waits_longer_than_a_second_for_a_time_stamp() {
    let (scene, authority) = (Scene::set().await, StandInAuthority::start().await);
    let digest = scene.tags.push("v1", "one");
    for fault in [Fault::Silent, Fault::TarPit, Fault::Endless] {
        authority.fails(fault);
        // A ledger in memory: another process would not follow the clock.
        let service = service::with_log(stamped(&scene, &authority)).registry(&scene.tags.address).build();
        let mut clock = Clock::stop();
        let (answer, took) = clock.pass_after(authority.next(), pull(&service, "v1")).await;
        drop(clock);
        assert_first_seen(&answer, &digest);
        assert!(took <= Duration::from_millis(1_500), "{took:?}");
    }
}
