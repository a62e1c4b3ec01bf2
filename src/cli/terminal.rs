//! Standard output: what is written there, and what is different when a person looks on.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _, stderr, stdout};

use crate::foreign;

/// Writes a line, or several, to standard output.
///
/// Whoever read it may have seen enough (`| head`), or it may be a file for which there is no space: what was checked is
/// the same, and the exit code tells it. `println!` would panic, with an exit code that is none of ours.
pub fn say(text: impl Display) {
    if let Err(error) = writeln!(stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        complain(format_args!("standard output: {error}"));
    }
}

/// Writes a line, or several, to standard error. Nobody can be told if that fails.
pub fn complain(text: impl Display) {
    let _ = writeln!(stderr(), "tlogistry-cli: {text}");
}

/// How a word is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Doubtful,
    /// Not what the eye should stop at.
    Aside,
}

/// Whether standard output takes colour: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
#[derive(Debug, Clone, Copy)]
pub struct Colours(bool);

impl Colours {
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(stdout().is_terminal() && !unwanted)
    }

    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubtful => "33",
            Tone::Aside => "2",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text that came from elsewhere, without what a terminal would obey.
pub fn sanitized(text: &str) -> String {
    foreign::sanitized(text).into_owned()
}
