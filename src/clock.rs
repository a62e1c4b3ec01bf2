//! This machine's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time since the Unix epoch. A clock before that counts as one at it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A point in time by both clocks. The one that always goes forward may stand still while Lambda has frozen the process,
/// between two events; the other may be set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    running: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { running: Instant::now(), wall: SystemTime::now() }
    }

    /// Returns whether less than `time` has passed since, by either clock.
    pub(crate) fn is_within(self, time: Duration) -> bool {
        self.is_within_at(time, Self::now())
    }

    /// A wall clock that was set back says nothing of how long ago it was.
    fn is_within_at(self, time: Duration, now: Self) -> bool {
        let by_the_wall = now.wall.duration_since(self.wall);
        now.running.duration_since(self.running) < time && by_the_wall.is_ok_and(|passed| passed < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_past_by_whichever_clock_went_on() {
        let (began, second) = (Moment::now(), Duration::from_secs(1));
        let after =
            |running: Duration, wall: Duration| Moment { running: began.running + running, wall: began.wall + wall };
        let (ten, hour) = (second * 10, second * 3600);
        for (now, is_within) in [
            (began, true),
            (after(ten - second, ten - second), true),
            (after(ten, ten - second), false),
            (after(ten - second, ten), false),
            (after(Duration::ZERO, hour), false),
            (after(hour, Duration::ZERO), false),
            (Moment { running: began.running + second, wall: began.wall - second }, false),
        ] {
            assert_eq!(began.is_within_at(ten, now), is_within, "{now:?}");
        }
    }
}
