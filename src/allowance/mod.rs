//! How many searches of the log strangers may cause in a minute, each with the first sight that may follow it: a
//! signature, and an entry in a public log that stays for good.
//!
//! Each draw is counted for the networks of its source, the narrowest first, and then for the total. A refusal by a
//! source's limit takes nothing from the total. A quarter of the total is kept for sources that have drawn nothing in
//! the same minute: without it, the few sources that together may draw the total could take it from everybody else.
//!
//! All instances count in one table ([`Counters`]). Without a table, or while it cannot be reached, each process holds
//! the same limits by itself.

mod local;
mod shared;
mod source;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

pub use shared::{Counters, CountersError};
pub use source::Source;

use crate::deadline::Deadline;
use crate::telemetry::{Dependency, timed};
use local::Local;
use source::Network;

/// What limits count in.
const WINDOW: Duration = Duration::from_secs(60);

/// Draws per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub overall: NonZeroU32,
    /// Of an IPv4 address or an IPv6 /64. An IPv6 /48 has twice as many.
    pub per_source: NonZeroU32,
}

impl Limits {
    fn of(&self, network: Network) -> u32 {
        self.per_source.get().saturating_mul(network.share())
    }

    /// How far the total may be drawn. The last quarter is for sources that have drawn nothing in this minute.
    fn total(&self, source_is_new: bool) -> u32 {
        let overall = self.overall.get();
        if source_is_new { overall } else { overall - overall / 4 }
    }
}

/// No draw is allowed before `retry_after` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many tags that were never seen are being asked for")]
pub struct Exhausted {
    pub retry_after: Duration,
}

#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    local: Local,
    counters: Option<Counters>,
}

impl Allowance {
    /// Limits that this process holds by itself.
    pub fn new(limits: Limits) -> Self {
        Self { limits, local: Local::default(), counters: None }
    }

    /// Limits that all who count in the same table hold together.
    pub fn shared(limits: Limits, counters: Counters) -> Self {
        Self { counters: Some(counters), ..Self::new(limits) }
    }

    /// Counts one draw for `source`. Without a source, only the total is counted, to its end.
    ///
    /// Where the table cannot be used the error is logged, and this process's own limits decide.
    pub async fn draw(&self, source: Option<Source>, deadline: Deadline) -> Result<(), Exhausted> {
        if let Some(counters) = &self.counters {
            match timed(Dependency::Ledger, counters.draw(&self.limits, source, deadline)).await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(%error, "the shared counters cannot be used: this instance's own limits hold");
                }
            }
        }
        self.local.draw(&self.limits, source, Instant::now())
    }
}
