//! Embedded logs that are kept in folders, so that one can have two histories.

use std::path::Path;

use tlogistry::devlog::{Devlog, Options};

pub async fn open(folder: &Path) -> Devlog {
    Devlog::open(Some(folder), Options::default()).await.unwrap()
}

/// Copies a log, its key included.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
