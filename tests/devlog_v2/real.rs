//! The tests of `main.rs` on rekor-tiles' own server, which `make peers` builds: all but those of what only the embedded log
//! does.

mod add;
mod refusals;
mod support;
mod tiles;

use testing::rekor_tiles;

use support::Log;

/// A new log, which takes the one kind of key that the embedded log takes.
async fn new_log() -> Log {
    let log = rekor_tiles::start_with(&["--client-signing-algorithms=ecdsa-sha2-256-nistp256"]).await;
    Log::new(log.url.clone(), log.reader(), Box::new(log))
}
