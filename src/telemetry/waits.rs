//! The time that a request waits for each dependency.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Dependency;

/// One for each dependency, in the order of [`Dependency::ALL`].
pub type Each<T> = [T; Dependency::ALL.len()];

/// The waits of one request, the tasks that are part of it included.
#[derive(Debug, Default)]
pub struct Waits(Mutex<Each<Calls>>);

/// The calls to one dependency.
#[derive(Debug, Default)]
struct Calls {
    /// The time of calls that have ended.
    ended: Duration,
    /// The beginnings of the others.
    under_way: Vec<Instant>,
}

impl Waits {
    /// The time waited for each dependency until now, calls under way included.
    pub fn until_now(&self) -> Each<Duration> {
        // Nothing panics while it holds the lock.
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.each_ref().map(|calls| calls.ended + calls.under_way.iter().map(Instant::elapsed).sum::<Duration>())
    }

    fn change(&self, dependency: Dependency, change: impl FnOnce(&mut Calls)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)[dependency as usize]);
    }
}

/// A call under way. It ends when this is dropped, answered or not.
pub struct Wait {
    waits: Arc<Waits>,
    dependency: Dependency,
    began: Instant,
}

impl Wait {
    pub fn begin(waits: Arc<Waits>, dependency: Dependency) -> Self {
        let began = Instant::now();
        waits.change(dependency, |calls| calls.under_way.push(began));
        Self { waits, dependency, began }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.change(self.dependency, |calls| {
            calls.ended += self.began.elapsed();
            if let Some(place) = calls.under_way.iter().position(|began| *began == self.began) {
                calls.under_way.swap_remove(place);
            }
        });
    }
}
