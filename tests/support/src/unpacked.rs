//! Images of [`Image::files`](super::image::Image::files) that a client has unpacked.

use std::path::{Path, PathBuf};

use super::image::Image;

/// One of the folders in `among`, all of which hold some layers one above the other, is the whole image of this text.
#[track_caller]
pub fn assert_unpacked(among: &Path, text: &str) {
    let folders: Vec<PathBuf> = std::fs::read_dir(among).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(folders.iter().any(|folder| holds(folder, text)), "none of {folders:?} is the image of '{text}'");
}

fn holds(folder: &Path, text: &str) -> bool {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let written = std::fs::read_to_string(folder.join(Image::UNPACKED)).unwrap_or_default();
    // The layer in the middle has a file more, which the last one takes away.
    let files = std::fs::read_dir(folder.join("app")).map(Iterator::count).unwrap_or_default();
    written == format!("{text} for {architecture}") && files == 1
}
