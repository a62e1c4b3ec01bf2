//! The limit on searches of the log that strangers cause in a minute. With each goes the first sight that may follow: a
//! signature, and an entry in a public log that stays for good.
//!
//! Each search is charged to the networks of its source and to the total. A refusal by a source's limit takes nothing from the
//! total. A quarter of the total is kept for sources that were charged nothing in the same minute. Without it, the few sources
//! whose limits add up to the total could use it up for everybody.
//!
//! Pages of the list of sightings have limits of the same kind, and counters of their own ([`RateLimit::beside`]).
//!
//! All processes count in one table ([`SharedCounters`]). Without a table, or while it cannot be reached, each process holds
//! the same limits by itself.

mod local;
mod shared;
mod source;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

pub use shared::{CountersError, SharedCounters};
pub use source::Source;

use crate::deadline::Deadline;
use crate::telemetry::{Dependency, timed};
use local::LocalCounters;
use source::Network;

/// The time that limits are for.
const WINDOW: Duration = Duration::from_secs(60);

/// Searches per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all sources together.
    pub overall: NonZeroU32,
    /// For an IPv4 address or an IPv6 /64. An IPv6 /48 has twice as many.
    pub per_source: NonZeroU32,
}

impl Limits {
    fn of(&self, network: Network) -> u32 {
        self.per_source.get().saturating_mul(network.share())
    }

    /// The total for a source. The last quarter is for sources that were charged nothing in this minute.
    fn total(&self, source_is_new: bool) -> u32 {
        let overall = self.overall.get();
        if source_is_new { overall } else { overall - overall / 4 }
    }
}

/// The limit is reached until `retry_after` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many tags that were never seen are being asked for")]
pub struct Exhausted {
    /// The rest of the minute that the limit is for.
    pub retry_after: Duration,
}

/// The limits, and the counters that hold them.
#[derive(Debug)]
pub struct RateLimit {
    limits: Limits,
    local: LocalCounters,
    shared: Option<SharedCounters>,
}

impl RateLimit {
    /// Limits that this process holds by itself.
    pub fn new(limits: Limits) -> Self {
        Self { limits, local: LocalCounters::default(), shared: None }
    }

    /// Limits that all processes with the same table hold together.
    pub fn shared(limits: Limits, counters: SharedCounters) -> Self {
        Self { shared: Some(counters), ..Self::new(limits) }
    }

    /// Limits of another kind, by this `name`, which the same processes hold together.
    pub fn beside(&self, limits: Limits, name: &'static str) -> Self {
        Self { shared: self.shared.as_ref().map(|counters| counters.named(name)), ..Self::new(limits) }
    }

    /// Charges one search to `source`. Without a source, it is charged to the total alone, the last quarter included.
    ///
    /// If the table cannot be used, the error is logged and this process's own counters decide.
    pub async fn charge(&self, source: Option<Source>, deadline: Deadline) -> Result<(), Exhausted> {
        if let Some(counters) = &self.shared {
            match timed(Dependency::Ledger, counters.charge(&self.limits, source, deadline)).await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(%error, "the shared counters cannot be used: this instance's own limits hold");
                }
            }
        }
        self.local.charge(&self.limits, source, Instant::now())
    }
}
