//! The tags to audit: from a list, or all rows of the ledger, as a stream.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream::{self, LocalBoxStream, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::deadline::Deadline;
use crate::image::Tag;
use crate::ledger::{Ledger, LedgerError, Row, ScannedRow};
use crate::pinned::parse_tag;

/// The time-out for one call to the ledger.
pub(crate) const LEDGER_TIME: Duration = Duration::from_secs(30);
/// Bytes of a list's line. A tag has 384 at most.
pub(crate) const MAX_LINE: u64 = 1024;

/// One tag to check.
pub(crate) struct Item {
    /// As it stands in the list or the table.
    pub name: String,
    /// The error says why `name` is not a tag.
    pub tag: Result<Tag, String>,
    /// Its row, if it came from the ledger.
    pub row: Option<Result<Row, LedgerError>>,
}

/// A fault that ends the stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
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

/// A list's line without its margins. `None` for a blank one, and for one that begins with '#'.
pub(crate) fn listed(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line).trim().to_owned();
    (!line.is_empty() && !line.starts_with('#')).then_some(line)
}

/// The tags in the lines of a list, as [`listed`] gives them, after the first `done`, of which the last must be `last`.
pub(crate) fn in_lines<'a>(
    lines: impl Stream<Item = Result<String, SourceError>> + 'a,
    done: u64,
    last: Option<String>,
) -> LocalBoxStream<'a, Result<Item, SourceError>> {
    let items = stream::try_unfold((lines.boxed_local(), 0), move |(mut lines, mut number)| {
        let last = last.clone();
        async move {
            loop {
                let Some(line) = lines.try_next().await? else {
                    return if number < done { Err(SourceError::Shortened { number, done }) } else { Ok(None) };
                };
                number += 1;
                match &last {
                    Some(last) if number == done && *last != line => {
                        return Err(SourceError::Changed { number, found: line, expected: last.clone() });
                    }
                    _ if number <= done => {}
                    _ => return Ok(Some((Item { tag: listed_tag(&line), name: line, row: None }, (lines, number)))),
                }
            }
        }
    });
    items.boxed_local()
}

/// The rows of a table after the one of the tag `last`.
pub(crate) fn in_ledger(ledger: &Ledger, last: Option<String>) -> LocalBoxStream<'_, Result<Item, SourceError>> {
    let pages = stream::try_unfold(Some(last), async move |after| {
        let Some(after) = after else { return Ok(None) };
        let page = ledger.page(after.as_deref(), Deadline::after(LEDGER_TIME)).await?;
        Ok::<_, SourceError>(Some((page.rows, page.next.map(Some))))
    });
    let item = |row: ScannedRow| Ok(Item { tag: row_tag(&row.tag), name: row.tag, row: Some(row.row) });
    pages.map_ok(move |rows| stream::iter(rows.into_iter().map(item))).try_flatten().boxed_local()
}

fn listed_tag(line: &str) -> Result<Tag, String> {
    parse_tag(line).map_err(|error| error.to_string())
}

fn row_tag(key: &str) -> Result<Tag, String> {
    key.parse::<Tag>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_pinned_names_and_a_table_has_none() {
        let tag = listed_tag("pinned.alt/ghcr.io/org/app:v1").unwrap();
        assert_eq!(tag.canonical(), "ghcr.io/org/app:v1");
        for name in ["pinned.alt/pinned.alt/app:v1", "a.alt/app:v1"] {
            assert!(listed_tag(name).unwrap_err().contains("end in .alt"), "{name}");
        }
        assert!(row_tag("pinned.alt/ghcr.io/org/app:v1").unwrap_err().contains("end in .alt"));
    }
}
