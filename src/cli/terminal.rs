//! Output: lines on standard output and standard error, with colour if a terminal wants it.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stderr};

use anstyle::{AnsiColor, Style};

use crate::foreign;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Text that the eye should not stop at.
pub(super) const ASIDE: Style = Style::new().dimmed();

/// Writes a line, or several, to standard output.
///
/// The reader may have closed it (`| head`), or the disk may be full. The checks are the same, and the exit code tells their
/// result. `println!` would panic, with an exit code of its own.
pub(super) fn print_line(text: impl Display) {
    if let Err(error) = writeln!(anstream::stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        print_error(format_args!("standard output: {error}"));
    }
}

/// Writes a line, or several, to standard error. A failure is ignored: nobody is left to read of it.
pub(super) fn print_error(text: impl Display) {
    let _ = writeln!(stderr(), "tlogistry-cli: {text}");
}

/// `text` in a style, which [`print_line`] removes unless standard output is a terminal that takes colour.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Foreign text without control characters.
pub(super) fn sanitized(text: &str) -> String {
    foreign::sanitized(text).into_owned()
}
