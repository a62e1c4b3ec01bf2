//! The tests of `main.rs` on rekor-tiles' own server, which `make peers` builds: all but those whose clock no other process
//! follows, and what only a server and a real witness show.

mod carried;
mod command_line;
mod faults;
mod moving_over;
mod omniwitness;
mod pulls;
mod scene;
mod server;
mod time;

use std::sync::Arc;

use testing::faulty::log::Log;
use testing::rekor_tiles;

/// A new log.
async fn new_log() -> Log {
    Log::rekor(Arc::new(rekor_tiles::start().await)).await
}
