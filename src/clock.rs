//! This machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since the Unix epoch. A clock before that counts as one at it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
