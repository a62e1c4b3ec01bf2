//! Work that goes on after an answer. Whoever pulls does not wait for it.
//!
//! Lambda freezes a process as soon as it asks for the next event, so the function waits for this work between the answer and
//! that ([`AfterAnswer::finish`]). Each task bounds its own time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

/// Tasks at once. The function has one or two; `serve` can be flooded, and whatever is passed over is met again.
const MAX_TASKS: usize = 64;

/// The tasks of one kind in one process.
#[derive(Debug, Default)]
pub(crate) struct AfterAnswer(Mutex<JoinSet<()>>);

impl AfterAnswer {
    /// Begins a task, unless there is no room for it or `task` makes none. One `task` is made at a time.
    pub(crate) fn begin<T>(&self, task: impl FnOnce() -> Option<T>)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        if tasks.len() < MAX_TASKS
            && let Some(task) = task()
        {
            tasks.spawn(task);
        }
    }

    /// Waits for all tasks.
    pub(crate) async fn finish(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        // A task fails only by a panic, which the runtime logs.
        while tasks.join_next().await.is_some() {}
    }

    /// Nothing panics while it holds the lock.
    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
