//! Time that a test holds, for what takes as long as a timeout says. The runtime must be of one thread.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};

use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A clock that stands still. Nothing that still makes progress can run out of time, however busy the machine is.
#[derive(Debug)]
pub struct Stopped {
    began: Instant,
    /// Time stands still while a blocking task runs, and this one runs until the sender is dropped.
    held: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Stopped {
    /// Stops the time.
    pub fn now() -> Self {
        tokio::time::pause();
        let (sender, receiver) = channel::<()>();
        let task = tokio::task::spawn_blocking(move || {
            // It fails as soon as the sender is dropped, and nothing is ever sent.
            let _ = receiver.recv();
        });
        Self { began: Instant::now(), held: Some((sender, task)) }
    }

    /// Runs `asking` with the time stopped until `reached` is done, which is what hangs. From then on time passes at once
    /// to whatever is due next. Returns what `asking` came to, and how much time passed.
    pub async fn until<T>(
        mut self,
        reached: impl Future<Output = ()>,
        asking: impl Future<Output = T>,
    ) -> (T, std::time::Duration) {
        let release = async {
            reached.await;
            if let Some((sender, task)) = self.held.take() {
                drop(sender);
                task.await.expect("the task waits for its sender alone");
            }
        };
        let (answer, ()) = tokio::join!(asking, release);
        tokio::time::resume();
        (answer, self.began.elapsed())
    }
}
