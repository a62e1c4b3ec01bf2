//! A copy of the repository, in which the mutants are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Nothing that a build or a test reads is in folders of these names.
const LEFT_OUT: [&str; 5] = [".git", ".tools", ".aws-sam", "target", "tlogistry-state"];

/// Brings the copy up to date, but for the files that are `changed`. What is the same is left alone, so that it is not
/// built again.
pub fn copy(root: &Path, tree: &Path, changed: &BTreeSet<PathBuf>) -> io::Result<()> {
    let wanted: BTreeSet<PathBuf> = files(root)?.into_iter().collect();
    fs::create_dir_all(tree)?;
    for gone in files(tree)?.iter().filter(|file| !wanted.contains(*file)) {
        fs::remove_file(tree.join(gone))?;
    }
    for file in wanted.iter().filter(|file| !changed.contains(*file)) {
        let (from, to) = (root.join(file), tree.join(file));
        if fs::read(&to).ok() != Some(fs::read(&from)?) {
            fs::create_dir_all(to.parent().unwrap_or(tree))?;
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Writes a changed file, if it is not the same already.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).ok().as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// All files of a folder, by their paths in it.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        for item in fs::read_dir(folder.join(&inside))? {
            let item = item?;
            let path = inside.join(item.file_name());
            if LEFT_OUT.iter().any(|name| item.file_name() == *name) {
                continue;
            }
            if item.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}
