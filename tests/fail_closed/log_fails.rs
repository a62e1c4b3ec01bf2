//! The log is down, slow, or answers what is no answer.

use std::time::{Duration, Instant};

use super::log::{Call, Fault};
use super::world::World;

#[tokio::test]
async fn a_tag_is_not_served_while_the_log_is_down_and_is_recorded_once_it_is_back() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.log.is_down(Fault::Dropped);
    world.pull("v1").await.assert_no_verdict(&["registry.test/demo/app:v1", "the log could not be reached"]);
    assert_eq!(world.log.size().await, 0);

    world.log.heals();
    world.pull("v1").await.assert_first_seen(&digest);
    world.pull("v1").await.assert_unchanged(&digest);
    assert_eq!(world.recorded("v1").await, [digest]);
}
