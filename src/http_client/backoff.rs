//! Pauses between tries, spread at random so that many who failed at once do not try again at once.

use std::time::Duration;

/// Pauses that double from one try to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    /// Each pause is longer by a random part of itself, up to this one.
    spread: f64,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration, spread: f64) -> Self {
        Self { first, longest, spread }
    }

    /// The pause after `earlier` others.
    pub(crate) fn pause(&self, earlier: u32) -> Duration {
        let pause = self.first.saturating_mul(2u32.saturating_pow(earlier)).min(self.longest);
        spread(pause, self.spread)
    }
}

/// `time` and up to `part` of it more.
pub(crate) fn spread(time: Duration, part: f64) -> Duration {
    time + random_part(time.mul_f64(part))
}

/// A time from zero up to `time`. Not for secrets.
pub(crate) fn random_part(time: Duration) -> Duration {
    time.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(120), 0.5);
        for (earlier, seconds) in [(0, 5), (1, 10), (2, 20), (4, 80), (5, 120), (40, 120), (u32::MAX, 120)] {
            let (pause, expected) = (backoff.pause(earlier), Duration::from_secs(seconds));
            assert!(pause >= expected && pause <= expected.mul_f64(1.5), "{earlier}: {pause:?}");
        }
        assert_eq!(Backoff::new(Duration::from_secs(1), Duration::MAX, 0.0).pause(6), Duration::from_secs(64));
    }
}
