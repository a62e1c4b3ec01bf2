//! The parts of a page that benches write.

use std::path::Path;

/// Replaces the part of a page that `make <name>` writes.
pub fn replace(path: &Path, name: &str, generated: &str) {
    let page = std::fs::read_to_string(path).unwrap();
    let (begin, end) =
        (format!("<!-- from here on: written by 'make {name}' -->\n"), format!("<!-- to here: {name} -->\n"));
    let parts = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("{} lacks the marks of {name}", path.display()));
    std::fs::write(path, format!("{before}{begin}\n{generated}\n{end}{after}")).unwrap();
}
