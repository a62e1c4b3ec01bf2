//! docs/clients.md: each row that says 'each run' is a test's.

use std::path::Path;

use testing::documented::rows;
use testing::process::root;

/// The text of all files in a folder.
fn sources(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn each_row_is_asserted_by_a_test_or_has_a_day() {
    let sources = ["tests/clients", "tests/peers_clients"].map(|folder| sources(&root().join(folder))).concat();
    let rows = rows();
    assert!(rows.len() > 20, "the tables are not found: {rows:?}");
    for row in rows {
        let is_day = row.seen.len() == 10 && row.seen.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let is_tested = row.seen == "each run" && sources.contains(&format!("\"{}\"", row.client));
        assert!(is_day || is_tested, "no test asserts it, and it has no day: {row:?}");
    }
}
