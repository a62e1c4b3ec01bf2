//! Counters of one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Exhausted, Limits, Network, Source, WINDOW};

/// A window begins with its first search.
#[derive(Debug, Default)]
pub(super) struct LocalCounters(Mutex<Option<Window>>);

/// Each search adds two networks at most, so the total bounds it.
#[derive(Debug)]
struct Window {
    began: Instant,
    total: u32,
    by_network: HashMap<Network, u32>,
}

impl LocalCounters {
    /// Charges one search to all counters or to none.
    pub fn charge(&self, limits: &Limits, source: Option<Source>, now: Instant) -> Result<(), Exhausted> {
        // Nothing panics while it holds the lock.
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match &mut *window {
            Some(current) if now.saturating_duration_since(current.began) < WINDOW => current,
            ended => ended.insert(Window { began: now, total: 0, by_network: HashMap::new() }),
        };
        let networks = || source.into_iter().flat_map(Source::networks);
        let by_network = |network| window.by_network.get(&network).copied().unwrap_or(0);
        // The widest network decides: a site has many narrow ones that were charged nothing.
        let is_new = networks().last().is_none_or(|widest| by_network(widest) == 0);
        let is_full = networks().any(|network| by_network(network) >= limits.of(network));
        if is_full || window.total >= limits.total(is_new) {
            return Err(Exhausted { retry_after: WINDOW - now.saturating_duration_since(window.began) });
        }
        window.total += 1;
        for network in networks() {
            *window.by_network.entry(network).or_default() += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    fn limits(overall: u32, per_source: u32) -> Limits {
        Limits { overall: NonZeroU32::new(overall).unwrap(), per_source: NonZeroU32::new(per_source).unwrap() }
    }

    struct Callers {
        counters: LocalCounters,
        limits: Limits,
        began: Instant,
    }

    impl Callers {
        fn new(limits: Limits) -> Self {
            Self { counters: LocalCounters::default(), limits, began: Instant::now() }
        }

        fn at(&self, seconds: u64, address: &str) -> Result<(), u64> {
            let source = address.parse::<IpAddr>().ok().map(Source::from);
            let charged = self.counters.charge(&self.limits, source, self.began + Duration::from_secs(seconds));
            charged.map_err(|exhausted| exhausted.retry_after.as_secs())
        }

        /// Charges an address until it is refused, and returns the number before that.
        fn all(&self, address: &str) -> usize {
            std::iter::from_fn(|| self.at(0, address).ok()).count()
        }
    }

    #[test]
    fn each_source_and_all_together_have_a_limit_until_the_minute_ends() {
        let callers = Callers::new(limits(3, 2));
        assert_eq!(callers.at(0, "192.0.2.1"), Ok(()));
        assert_eq!(callers.at(10, "192.0.2.1"), Ok(()));
        assert_eq!(callers.at(20, "192.0.2.1"), Err(40));
        assert_eq!(callers.at(20, "192.0.2.2"), Ok(()), "another source is not affected");
        assert_eq!(callers.at(59, "192.0.2.3"), Err(1), "three in all");
        assert_eq!(callers.at(59, "unknown"), Err(1));
        assert_eq!(callers.at(60, "192.0.2.1"), Ok(()));
        assert_eq!(callers.at(119, "192.0.2.1"), Ok(()));
        assert_eq!(callers.at(119, "192.0.2.1"), Err(1));
    }

    #[test]
    fn four_sources_cannot_take_the_total_from_one_that_was_charged_nothing() {
        let callers = Callers::new(limits(120, 30));
        let charged = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(|address| callers.all(address));
        assert_eq!(charged, [30, 30, 30, 1], "ninety, and the first of the fourth");
        assert_eq!(callers.all("192.0.2.5"), 1);
        let others = (10..200).filter(|host| callers.at(0, &format!("192.0.2.{host}")).is_ok()).count();
        assert_eq!(others, 28, "120 in all");
    }

    #[test]
    fn a_site_with_many_networks_has_twice_a_sources_limit_and_is_new_once() {
        let callers = Callers::new(limits(8, 3));
        assert_eq!(callers.all("2001:db8::1"), 3);
        assert_eq!(callers.all("2001:db8:0:1::1"), 3);
        assert_eq!(callers.all("2001:db8:0:2::1"), 0);
        assert_eq!(callers.all("2001:db8:1::1"), 1, "a site that is new may use the last quarter, once");
        assert_eq!(callers.all("2001:db8:1:1::1"), 0, "its other networks are not new");
        assert_eq!(callers.all("2001:db8:2::1"), 1);
    }
}
