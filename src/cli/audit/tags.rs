//! The tags to audit: from a list, or all rows of the ledger, as a stream.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{self, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use crate::deadline::Deadline;
use crate::image::Tag;
use crate::ledger::{DynamoDbLedger, LedgerError, Row};

/// The time-out for one call to the ledger.
pub(super) const LEDGER_TIME: Duration = Duration::from_secs(30);
/// Bytes of a line. A tag has 384 at most.
const MAX_LINE: u64 = 1024;
/// Lines read ahead.
const LINES_AHEAD: usize = 64;

/// One tag to check.
pub(super) struct Item {
    /// As it stands in the list or the table.
    pub name: String,
    /// The error says why `name` is not a tag.
    pub tag: Result<Tag, String>,
    /// Its row, if it came from the ledger.
    pub row: Option<Result<Row, LedgerError>>,
}

/// A fault that ends the stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "the list is not the one in which the audit stopped: its tag number {number} is {found}, not {expected}; give --from-start to start over"
    )]
    Changed { number: u64, found: String, expected: String },
    #[error(
        "the list is not the one in which the audit stopped: it ends with tag number {number}, and {done} were done; give --from-start to start over"
    )]
    Shortened { number: u64, done: u64 },
}

/// The tags in a list after the first `done`, of which the last must be `last`.
pub(super) fn in_list(
    path: &Path,
    done: u64,
    last: Option<String>,
) -> LocalBoxStream<'static, Result<Item, SourceError>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let path = path.to_owned();
    // A detached thread: it may block on standard input, and the command must be able to end all the same.
    std::thread::spawn(move || {
        let mut number = 0;
        let each = |line| {
            number += 1;
            sender.blocking_send(Ok(line)).is_ok()
        };
        let fault = match read_lines(&path, each) {
            Err(error) => SourceError::File { path, error },
            Ok(()) if number < done => SourceError::Shortened { number, done },
            Ok(()) => return,
        };
        // The send fails only if the audit has ended.
        let _ = sender.blocking_send(Err(fault));
    });
    let lines = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let numbered = lines.zip(stream::iter(1u64..)).map(|(line, number)| Ok((line?, number)));
    let rest = numbered.try_filter_map(move |(line, number)| {
        let unlike = last.clone().filter(|last| number == done && *last != line);
        let item = match unlike {
            Some(expected) => Err(SourceError::Changed { number, found: line, expected }),
            None if number <= done => Ok(None),
            None => Ok(Some(Item { tag: parse(&line), name: line, row: None })),
        };
        std::future::ready(item)
    });
    rest.boxed_local()
}

/// The rows of a table after the one of the tag `last`.
pub(super) fn in_ledger(
    ledger: &DynamoDbLedger,
    last: Option<String>,
) -> LocalBoxStream<'_, Result<Item, SourceError>> {
    let pages = stream::try_unfold(Some(last), async move |after| {
        let Some(after) = after else { return Ok(None) };
        let page = ledger.page(after.as_deref(), Deadline::after(LEDGER_TIME)).await?;
        Ok::<_, SourceError>(Some((page.rows, page.next.map(Some))))
    });
    let item = |row: crate::ledger::ScannedRow| Ok(Item { tag: parse(&row.tag), name: row.tag, row: Some(row.row) });
    pages.map_ok(move |rows| stream::iter(rows.into_iter().map(item))).try_flatten().boxed_local()
}

fn parse(name: &str) -> Result<Tag, String> {
    name.parse::<Tag>().map_err(|error| error.to_string())
}

/// Hands lines to `each` until it returns false. Blank lines and those that begin with '#' are left out.
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
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() && !line.starts_with('#') && !each(line) {
            return Ok(());
        }
    }
}
