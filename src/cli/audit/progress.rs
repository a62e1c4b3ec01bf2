//! The progress line of a long command.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// Often enough to see that something happens.
const REFRESH: Duration = Duration::from_millis(200);

/// One line on standard error that is overwritten. Shown only on a terminal.
pub(super) struct Progress {
    shown: bool,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: stderr().is_terminal(), last: None }
    }

    /// Shows what `text` returns, unless a line was shown just now.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.shown && self.last.is_none_or(|last| last.elapsed() >= REFRESH) {
            // The command goes on even if the terminal is gone.
            let _ = write!(stderr(), "\r\x1b[K{}", text());
            self.last = Some(Instant::now());
        }
    }

    /// Removes the line before other output.
    pub(super) fn clear(&mut self) {
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
