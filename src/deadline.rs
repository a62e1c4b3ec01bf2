//! The time limit of a request.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A point in time by which something must be done. Every outgoing call gets it, so that all waiting for one request adds up
/// to its budget at most.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

/// The deadline passed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed for this request ran out")]
pub struct Elapsed;

impl Deadline {
    /// Sets the deadline to `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// The earlier of this deadline and `budget` from now.
    pub fn within(self, budget: Duration) -> Self {
        Self(self.0.min(Instant::now() + budget))
    }

    /// The time until the deadline; zero from then on.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// True from the deadline on. Calls that it bounds then fail.
    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// Runs `future` until it is done or the deadline passes; in the latter case it is dropped.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        timeout_at(self.0, future).await.map_err(|_| Elapsed)
    }

    /// [`Deadline::bound`] for calls of the AWS SDK, whose futures are of some 25 KiB each: on the heap, they do not make
    /// those of all callers as large.
    pub fn bound_boxed<F: Future>(self, future: F) -> impl Future<Output = Result<F::Output, Elapsed>> {
        self.bound(Box::pin(future))
    }

    /// Sleeps for `time`, but not past the deadline.
    pub async fn sleep(self, time: Duration) {
        tokio::time::sleep_until(self.0.min(Instant::now() + time)).await;
    }
}
