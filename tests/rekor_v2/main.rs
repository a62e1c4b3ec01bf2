//! Sightings in a Rekor v2, the embedded one: recorded, found again, finished after a crash, and moved over from a Rekor v1.

mod carried;
mod command_line;
mod conflict;
mod faults;
mod listed;
mod moving_over;
mod pulls;
mod scene;
mod time;
mod time_limit;
mod witnesses;

use testing::faulty::log::Log;

/// A new log.
async fn new_log() -> Log {
    Log::v2().await
}
