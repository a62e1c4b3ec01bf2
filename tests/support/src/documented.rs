//! The tables of docs/clients.md: what users read, held equal to what the tests see.
//!
//! A row whose column 'seen' says 'each run' is asserted by the test of its client. In what the user reads, `…` stands for
//! anything and `<message>` for tlogistry's message; a row without `<message>` promises that it is not shown.

use super::process::root;

/// The parts that every message about a moved tag has.
const MOVED: &str = "has moved and is refused";

/// A row of one of the tables.
#[derive(Debug)]
pub struct Row {
    /// The client with its version and, behind a comma, how it was told to ask.
    pub client: String,
    /// 'each run', or a day.
    pub seen: String,
    /// The third column.
    pub outcome: String,
}

/// All rows of the page that have a column 'seen'.
pub fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/clients.md")).unwrap();
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            in_table = false;
        } else if cells.get(1) == Some(&"seen") {
            in_table = true;
        } else if let (true, [client, seen, outcome, ..]) = (in_table && !line.starts_with("|---"), &cells[..]) {
            let [client, seen, outcome] = [client, seen, outcome].map(|cell| (*cell).to_owned());
            rows.push(Row { client, seen, outcome });
        }
    }
    rows
}

/// The one row of a client. It is seen at each run, but for the programs of `make peers-more`, which run when somebody wants it.
#[track_caller]
pub fn row(client: &str) -> Row {
    let mut found: Vec<Row> = rows().into_iter().filter(|row| row.client == client).collect();
    assert_eq!(found.len(), 1, "docs/clients.md has no row, or several, of '{client}'");
    let row = found.remove(0);
    let program = std::env::current_exe().unwrap();
    let now_and_then = program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("more_"));
    assert_eq!(row.seen == "each run", !now_and_then, "docs/clients.md: '{client}': {}", row.seen);
    row
}

/// The page says what the user of `client` reads when a tag has moved.
#[track_caller]
pub fn assert_reads(client: &str, text: &str, message: &str) {
    let row = row(client);
    let patterns: Vec<&str> = row.outcome.split('`').skip(1).step_by(2).collect();
    assert!(!patterns.is_empty(), "docs/clients.md quotes nothing for '{client}'");
    let mut rest = text;
    for pattern in &patterns {
        for part in pattern.split('…').filter(|part| !part.is_empty()) {
            let part = part.replace("<message>", message);
            let Some(at) = rest.find(&part) else { panic!("docs/clients.md: '{client}': {part}\nis not in\n{text}") };
            rest = &rest[at + part.len()..];
        }
    }
    let promised = patterns.iter().any(|pattern| pattern.contains("<message>"));
    assert_eq!(promised, text.contains(MOVED), "docs/clients.md: '{client}': whether the message is shown\n{text}");
}

/// The page says that the client pulls the moved image all the same.
#[track_caller]
pub fn assert_passes_by(client: &str) {
    let row = row(client);
    assert!(row.outcome.starts_with("pulls the moved image"), "docs/clients.md: '{client}': {}", row.outcome);
}
