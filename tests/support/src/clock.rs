//! The time of a test that waits for a timeout. It stands still while anything else is under way, so that nothing runs
//! out of time on a busy machine, and then passes at once. Only a runtime of one thread has such a clock, and other
//! processes and `std::time` do not follow it.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

/// The factor by which a second is longer on a [`Slow`] clock.
const SLOWNESS: u32 = 20;
/// The milliseconds that pass in one while [`Clock::hurry`] runs.
const HASTE: u32 = 20;
/// The least that a timer of tokio tells apart.
const TICK: Duration = Duration::from_millis(1);

/// A clock that stands still until it is dropped.
#[derive(Debug)]
pub struct Clock(Option<Hold>);

/// tokio keeps a paused clock where it is while a blocking task runs. This one runs until the sender is dropped.
#[derive(Debug)]
struct Hold {
    sender: Sender<()>,
    task: JoinHandle<()>,
}

/// A clock by which a second takes twenty, until it is dropped: for calls to other processes that have a second, in
/// tests where pauses must end all the same.
#[derive(Debug)]
pub struct Slow {
    ticking: JoinHandle<()>,
    _clock: Clock,
}

impl Hold {
    fn new() -> Self {
        let (sender, receiver) = channel::<()>();
        let task = spawn_blocking(move || {
            // It fails as soon as the sender is dropped, and nothing is ever sent.
            let _ = receiver.recv();
        });
        Self { sender, task }
    }
}

impl Clock {
    /// Stops the time.
    pub fn stop() -> Self {
        tokio::time::pause();
        Self(Some(Hold::new()))
    }

    /// Runs `asking`. Once `reached` is done, nothing is under way but what hangs, and time passes at once to whatever
    /// is due next. Returns the result of `asking`, and how much time passed.
    pub async fn pass_after<T>(
        &mut self,
        reached: impl Future<Output = ()>,
        asking: impl Future<Output = T>,
    ) -> (T, Duration) {
        let began = Instant::now();
        let hold = self.0.take().expect("the clock stands still between two calls");
        let release = async {
            reached.await;
            drop(hold.sender);
            hold.task.await.expect("the task only waits");
        };
        let (answer, ()) = tokio::join!(asking, release);
        let took = began.elapsed();
        self.0 = Some(Hold::new());
        (answer, took)
    }

    /// Runs `asking`, in which pauses end soon and calls go on after them. Unlike in [`Clock::pass_after`], time does
    /// not jump to the end of a call that is under way.
    pub async fn hurry<T>(&self, asking: impl Future<Output = T>) -> T {
        let passing = async {
            loop {
                let slept = spawn_blocking(|| std::thread::sleep(TICK)).await;
                slept.expect("the task only sleeps");
                tokio::time::advance(TICK * HASTE).await;
            }
        };
        tokio::select! {
            answer = asking => answer,
            () = passing => unreachable!("time passes without end"),
        }
    }
}

impl Slow {
    pub fn down() -> Self {
        let clock = Clock::stop();
        let ticking = tokio::spawn(async {
            loop {
                let slept = spawn_blocking(|| std::thread::sleep(TICK * SLOWNESS)).await;
                slept.expect("the task only sleeps");
                tokio::time::advance(TICK).await;
            }
        });
        Self { ticking, _clock: clock }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // A test that fails ends its runtime anyway.
        if !std::thread::panicking() {
            tokio::time::resume();
        }
    }
}
