//! A complete audit of a log of a million entries: how many are read in a second, and in how much memory.
//! `make audit-complete-million` runs it on a release build.

#[path = "complete/long_log.rs"]
mod long_log;

use long_log::{MOST_KIB, audit};

#[tokio::test(flavor = "multi_thread")]
async fn a_million_entries_take_no_more_memory_than_a_few() {
    let (_, peak) = audit(1_000_000).await;
    assert!(0 < peak && peak < MOST_KIB, "{peak} KiB");
}
