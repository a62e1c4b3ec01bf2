//! The sightings that this node has verified, kept as bundles in a folder.
//!
//! A sighting is a fact that never changes, so a kept one is as good as a new one. Whoever reads one verifies it again: what
//! stands in the folder is not believed. One file for each tag, by the hash of its canonical name.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::keys::Keys;
use crate::evidence::Bundle;
use crate::image::Tag;
use crate::private::{self, PrivateError};
use crate::sighting::{Sighting, subject_hash};

/// A bundle has some 6 KiB.
pub(super) const MAX_BUNDLE_BYTES: usize = 64 << 10;
/// Some 60 MB. A node has fewer images than that many.
const MAX_FILES: usize = 10_000;
const EXTENSION: &str = ".json";
/// The beginning of the name of a file that is being written.
const UNFINISHED: &str = ".unfinished-";
/// A file that is still unfinished was left by a process that was killed: containerd gives one ten seconds.
const UNFINISHED_TIME: Duration = Duration::from_secs(60);

/// The folder.
pub(super) struct Cache(PathBuf);

impl Cache {
    /// Makes the folder if it is missing. It must be this user's alone.
    pub(super) fn open(path: &Path) -> Result<Self, PrivateError> {
        private::folder(path).map(Self)
    }

    /// The kept sighting of `tag`, if it verifies with these keys. What does not is as good as missing.
    pub(super) fn sighting(&self, tag: &Tag, keys: &Keys<'_>) -> Option<Sighting> {
        let path = self.path(tag);
        let json = private::read_own(&path, MAX_BUNDLE_BYTES as u64).ok()??;
        let sighting = keys.verify(&Bundle::parse(&json).ok()?, tag).ok()?;
        // A sighting in use is the last to make room. If its time cannot be set, it is an older one.
        let _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(sighting)
    }

    /// Keeps a verified sighting, in the place of whatever stands there for its tag.
    pub(super) fn keep(&self, sighting: &Sighting) -> std::io::Result<()> {
        self.make_room(MAX_FILES)?;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.0)?;
        file.write_all(Bundle::new(sighting).to_json().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.path(sighting.tag())).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes what was used the longest time ago, so that fewer than `limit` files are kept, and what was left unfinished.
    fn make_room(&self, limit: usize) -> std::io::Result<()> {
        let mut kept = Vec::new();
        let now = SystemTime::now();
        for file in fs::read_dir(&self.0)? {
            let file = file?;
            let name = file.file_name();
            let name = name.to_string_lossy();
            // Another process may have removed it just now.
            let Ok(used) = file.metadata().and_then(|found| found.modified()) else { continue };
            if name.starts_with(UNFINISHED) {
                if now.duration_since(used).is_ok_and(|age| age > UNFINISHED_TIME) {
                    let _ = fs::remove_file(file.path());
                }
            } else if name.ends_with(EXTENSION) {
                kept.push((used, file.path()));
            }
        }
        kept.sort();
        for (_, path) in kept.iter().take((kept.len() + 1).saturating_sub(limit)) {
            // Gone is gone, whoever removed it.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    fn path(&self, tag: &Tag) -> PathBuf {
        self.0.join(format!("{}{EXTENSION}", subject_hash(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(folder: &Path, name: &str, seconds: u64) {
        let file = fs::File::create(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn what_was_used_last_stays_and_what_was_left_unfinished_goes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        for (name, age) in [("old.json", 3000), ("older.json", 4000), ("new.json", 10), ("note.txt", 9000)] {
            aged(folder.path(), name, age);
        }
        aged(folder.path(), ".unfinished-of-a-killed-one", 3600);
        aged(folder.path(), ".unfinished-now", 0);
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
            names.sort();
            names
        };
        cache.make_room(4).unwrap();
        assert_eq!(names(), [".unfinished-now", "new.json", "note.txt", "old.json", "older.json"]);
        cache.make_room(2).unwrap();
        assert_eq!(names(), [".unfinished-now", "new.json", "note.txt"]);
    }
}
