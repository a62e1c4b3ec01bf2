//! How far a long command has come, for a person who looks on.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// Often enough to see that something happens.
const REFRESH: Duration = Duration::from_millis(200);

/// One line on standard error that is written over. There is none unless standard error is a terminal.
pub struct Progress {
    shown: bool,
    last: Option<Instant>,
}

impl Progress {
    pub fn new() -> Self {
        Self { shown: stderr().is_terminal(), last: None }
    }

    /// Shows what `text` returns, unless a line was shown just now.
    pub fn show(&mut self, text: impl FnOnce() -> String) {
        if self.shown && self.last.is_none_or(|last| last.elapsed() >= REFRESH) {
            // That nobody can see it any more is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K{}", text());
            self.last = Some(Instant::now());
        }
    }

    /// Makes room for a line of its own.
    pub fn clear(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
