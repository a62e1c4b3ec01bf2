//! The survivors that the repository names with their reason.

use std::path::Path;

/// Reads `- 'file: change': reason`, with backquotes around the mutant. One line stands for one mutant: of two with the
/// same name, two lines.
pub fn read(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let named = text.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    named.map(|(name, _)| name.to_owned()).collect()
}

/// The survivors that no line names.
pub fn without<'a>(survivors: impl Iterator<Item = &'a str>, named: &[String]) -> Vec<String> {
    let mut left = named.to_vec();
    let mut unnamed = Vec::new();
    for survivor in survivors {
        match left.iter().position(|name| name == survivor) {
            Some(at) => drop(left.swap_remove(at)),
            None => unnamed.push(survivor.to_owned()),
        }
    }
    unnamed
}
