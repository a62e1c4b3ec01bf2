//! The list of tags that the user names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use crate::audit::{MAX_LINE, SourceError, listed};

/// Lines read ahead.
const LINES_AHEAD: usize = 64;

/// The lines of a list that name tags; of standard input for '-'.
pub(super) fn lines(path: &Path) -> impl Stream<Item = Result<String, SourceError>> + use<> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let path = path.to_owned();
    // A detached thread: it may block on standard input, and the command must be able to end all the same.
    std::thread::spawn(move || {
        if let Err(error) = read_lines(&path, |line| sender.blocking_send(Ok(line)).is_ok()) {
            // The send fails only if the audit has ended.
            let _ = sender.blocking_send(Err(SourceError::File { path, error }));
        }
    });
    stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
}

/// Hands lines to `each` until it returns false.
fn read_lines(path: &Path, mut each: impl FnMut(String) -> bool) -> io::Result<()> {
    let mut input: Box<dyn BufRead> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(BufReader::new(File::open(path)?)) };
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            return Err(io::Error::other(format!("a line has more than {MAX_LINE} bytes")));
        }
        if let Some(line) = listed(&line)
            && !each(line)
        {
            return Ok(());
        }
    }
}
