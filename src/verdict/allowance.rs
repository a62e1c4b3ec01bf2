//! How many tags may be seen for the first time: each costs a signature and an entry in a public log that stays for good.
//!
//! The count is this process's own. All instances together are limited by API Gateway's throttling and the function's
//! reserved concurrency.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

/// Sources remembered, the least recently seen forgotten first: one that comes from more addresses than this is held by
/// the overall limit.
const SOURCES: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// First sights per minute; as many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub overall: NonZeroU32,
    pub per_source: NonZeroU32,
}

/// Whom requests are counted for: an IPv4 address, or the network of an IPv6 address that one customer is given whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                const NETWORK: u128 = u128::MAX << 64;
                Self(Ipv6Addr::from_bits(address.to_bits() & NETWORK).into())
            }
        }
    }
}

#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    overall: Mutex<Bucket>,
    sources: Cache<Source, Bucket>,
}

/// A bucket of what may be taken now, which fills up over a minute.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    since: Instant,
}

impl Bucket {
    fn full(limit: NonZeroU32, now: Instant) -> Self {
        Self { left: f64::from(limit.get()), since: now }
    }

    /// Takes one, or says how long until there is one.
    fn take(&mut self, limit: NonZeroU32, now: Instant) -> Result<(), Duration> {
        let limit = f64::from(limit.get());
        let elapsed = now.saturating_duration_since(self.since);
        self.left = (self.left + elapsed.div_duration_f64(MINUTE) * limit).min(limit);
        self.since = now;
        if self.left < 1.0 {
            return Err(MINUTE.mul_f64((1.0 - self.left) / limit));
        }
        self.left -= 1.0;
        Ok(())
    }
}

impl Allowance {
    pub fn new(limits: Limits) -> Self {
        let overall = Mutex::new(Bucket::full(limits.overall, Instant::now()));
        Self { limits, overall, sources: Cache::new(SOURCES) }
    }

    /// Counts one first sight, or says how long until another is allowed.
    pub fn take(&self, source: Option<Source>) -> Result<(), Duration> {
        self.take_at(source, Instant::now())
    }

    fn take_at(&self, source: Option<Source>, now: Instant) -> Result<(), Duration> {
        // Nothing panics while it holds the lock. It is held for the source's count too, so that none is lost.
        let mut overall = self.overall.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = source {
            let limit = self.limits.per_source;
            let mut bucket = self.sources.get(&source).unwrap_or(Bucket::full(limit, now));
            let taken = bucket.take(limit, now);
            self.sources.insert(source, bucket);
            taken?;
        }
        overall.take(self.limits.overall, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Option<Source> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn each_source_and_all_together_have_a_limit_that_fills_up_again() {
        let limits = Limits { overall: NonZeroU32::new(5).unwrap(), per_source: NonZeroU32::new(3).unwrap() };
        let allowance = Allowance::new(limits);
        let now = Instant::now();
        let (one, other) = (source("192.0.2.1"), source("192.0.2.2"));
        for _ in 0..3 {
            assert_eq!(allowance.take_at(one, now), Ok(()));
        }
        assert_eq!(allowance.take_at(one, now).unwrap_err().as_secs(), 20, "a third of a minute for each of three");
        assert_eq!(allowance.take_at(other, now), Ok(()), "another source is not affected");
        assert_eq!(allowance.take_at(None, now), Ok(()));
        assert!(allowance.take_at(None, now).is_err(), "five in all");
        assert_eq!(allowance.take_at(one, now + Duration::from_secs(21)), Ok(()));
        assert!(allowance.take_at(one, now + Duration::from_secs(22)).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
