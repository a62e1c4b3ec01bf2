//! The embedded log's API of Rekor v2, asked over HTTP and checked by what knows nothing of it. `real.rs` asks the same of
//! rekor-tiles' own server, which must answer alike.

mod add;
mod folder;
mod large;
mod once;
mod refusals;
mod support;
mod tiles;

use testing::tiles::TileReader;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::tlog::RekorApi;

use support::Log;

/// A new log.
async fn new_log() -> Log {
    let log = Devlog::open(None, Options::of(RekorApi::V2)).await.unwrap();
    served(log).await
}

/// A log that is served as long as the test runs.
async fn served(log: Devlog) -> Log {
    let url = testing::log::serve(log.clone()).await;
    let (origin, public_key) = (log.hostname().to_owned(), log.public_key_pem().to_owned());
    let reader = TileReader { prefix: format!("{url}/api/v2"), origin, public_key };
    Log::new(url, reader, Box::new(log))
}
