//! The stream of an export: a line for each item, and one that says that this was all.
//!
//! ```text
//! {"Item":{"tag":{"S":"index.docker.io/library/alpine:3.16.0"},"digest":{"S":"sha256:…"},…}}
//! {"End":{"items":1}}
//! ```
//!
//! The lines of items are those of AWS's exports of tables (`DYNAMODB_JSON`), which have no last line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::ledger::{StoredItem, from_json, to_json};

/// DynamoDB's items have 400 KB at most, and JSON may need six bytes for one.
const MAX_LINE: u64 = 3 << 20;
/// Lines read ahead.
const LINES_AHEAD: usize = 32;

/// A line of the stream.
#[derive(Debug)]
pub(in crate::cli) enum ExportLine {
    Item(StoredItem),
    /// The items so far.
    End(u64),
    /// Anything else, with its number in the stream.
    Unreadable(u64),
}

/// The line of an item, without its end.
pub(in crate::cli) fn item(item: &StoredItem) -> String {
    json!({"Item": to_json(item)}).to_string()
}

/// The line after the last item.
pub(in crate::cli) fn end(items: u64) -> String {
    json!({"End": {"items": items}}).to_string()
}

/// The lines of a file, or of standard input for '-'. Blank ones are passed over. The error ends them.
pub(super) fn read(path: &Path) -> mpsc::Receiver<Result<ExportLine, String>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let path = path.to_owned();
    // A detached thread: it may block on standard input, and the command must be able to end all the same.
    std::thread::spawn(move || {
        if let Err(error) = each(&path, |line| sender.blocking_send(Ok(line)).is_ok()) {
            // The send fails only if the import has ended.
            let _ = sender.blocking_send(Err(format!("{}: {error}", path.display())));
        }
    });
    receiver
}

/// Hands lines to `each` until it returns false.
pub(in crate::cli) fn each(path: &Path, mut each: impl FnMut(ExportLine) -> bool) -> io::Result<()> {
    let mut input: Box<dyn BufRead> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(BufReader::new(File::open(path)?)) };
    for number in 1.. {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_cut = line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n');
        if is_cut {
            input.skip_until(b'\n')?;
        }
        let is_blank = line.iter().all(u8::is_ascii_whitespace);
        let line = if is_cut { None } else { parse(&line) };
        if !is_blank && !each(line.unwrap_or(ExportLine::Unreadable(number))) {
            break;
        }
    }
    Ok(())
}

fn parse(line: &[u8]) -> Option<ExportLine> {
    let Ok(Value::Object(line)) = serde_json::from_slice(line) else { return None };
    let mut parts = line.into_iter();
    let (kind, value) = parts.next().filter(|_| parts.len() == 0)?;
    match kind.as_str() {
        "Item" => from_json(value).map(ExportLine::Item),
        "End" => value.get("items")?.as_u64().map(ExportLine::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let mut lines = Vec::new();
        let each = |line| {
            lines.push(match line {
                ExportLine::Item(read) => item(&read),
                ExportLine::End(items) => end(items),
                ExportLine::Unreadable(number) => format!("unreadable {number}"),
            });
            true
        };
        super::each(file.path(), each).unwrap();
        lines
    }

    #[test]
    fn lines_come_back_and_what_is_none_of_them_is_counted() {
        let item = r#"{"Item":{"tag":{"S":"a:b"}}}"#;
        let text = format!("{item}\n \n{{\"End\":{{\"items\":1}}}}\n{{\n{item}");
        assert_eq!(lines(text.as_bytes()), [item, r#"{"End":{"items":1}}"#, "unreadable 4", item]);
        for other in [r#"{"Item":{"tag":"a"}}"#, r#"{"End":{"items":-1}}"#, "[]", "{}", r#"{"Later":{}}"#, "\u{feff}{}"]
        {
            assert_eq!(lines(other.as_bytes()), ["unreadable 1"], "{other}");
        }
        let twice = r#"{"Item":{},"End":{"items":1}}"#;
        assert_eq!(lines(twice.as_bytes()), ["unreadable 1"]);
    }

    #[test]
    fn a_line_that_is_longer_than_an_item_is_passed_over() {
        let item = r#"{"Item":{"tag":{"S":"a:b"}}}"#;
        let text = format!("{{\"Item\":{{\"tag\":{{\"S\":\"{}\"}}}}}}\n{item}\n", "x".repeat(MAX_LINE as usize));
        assert_eq!(lines(text.as_bytes()), ["unreadable 1", item]);
        assert_eq!(lines(&vec![b'{'; 3 * MAX_LINE as usize]), ["unreadable 1"]);
    }
}
