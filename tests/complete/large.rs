//! A long log: memory does not grow with it.

use crate::long_log::{MOST_KIB, audit};

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_log() {
    let (_, peak) = audit(20_000).await;
    assert!(0 < peak && peak < MOST_KIB, "{peak} KiB");
}
