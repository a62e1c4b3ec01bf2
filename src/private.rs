//! Files and folders that nobody else on the machine may write: keys, what an audit remembers, and the folders of both.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::geteuid;
use tempfile::NamedTempFile;

/// Permission to write, of the group and of all others.
const OTHERS_WRITE: u32 = 0o022;

/// Reasons not to use a file or folder.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(
        "{path}: others can write it (mode {mode:o}). Make sure that nobody has, and take the right from them: chmod go-w {path}",
        path = .path.display()
    )]
    OthersWrite { path: PathBuf, mode: u32 },
    #[error(
        "{path}: it belongs to another user ({owner}; this process runs as {user}). Make sure that nobody has changed it, \
         and take it over: chown {user} {path}",
        path = .path.display()
    )]
    Owner { path: PathBuf, owner: u32, user: u32 },
    #[error("{}: it is not a {expected}. Move it away, or name another", .path.display())]
    Kind { path: PathBuf, expected: &'static str },
    #[error("{}: it has more than {limit} bytes", .path.display())]
    TooLarge { path: PathBuf, limit: u64 },
}

impl PrivateError {
    /// There is no file at `path`.
    pub fn missing(path: &Path) -> Self {
        at(path)(Errno::NOENT.into())
    }
}

/// The folder at `path`, by a name without links. A missing one is made, for its owner alone.
///
/// Only the folder itself counts. Where others can write the one above it, the sticky bit (as of `/tmp`) keeps them from
/// exchanging it.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, PrivateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
    let path = path.canonicalize().map_err(at(path))?;
    let found = fs::symlink_metadata(&path).map_err(at(&path))?;
    if !found.is_dir() {
        return Err(PrivateError::Kind { path, expected: "folder" });
    }
    check(&path, &found)?;
    Ok(path)
}

/// Reads the file at `path`, at most `limit` bytes; `None` if it does not exist. Anything but a file (a pipe for instance)
/// is read unchecked: the user has named it.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PrivateError> {
    let Some(file) = open(path, OFlags::empty())? else { return Ok(None) };
    let found = file.metadata().map_err(at(path))?;
    if found.is_file() {
        check(path, &found)?;
    }
    read_to_end(file, path, limit).map(Some)
}

/// [`read`] for files that this program has written: nothing but a file is read, and no link followed.
pub(crate) fn read_own(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, PrivateError> {
    if !exists(path)? {
        return Ok(None);
    }
    // It could have been exchanged since: then a link is an error, and a pipe not waited for.
    let Some(file) = open(path, OFlags::NOFOLLOW | OFlags::NONBLOCK)? else { return Ok(None) };
    check(path, &file.metadata().map_err(at(path))?)?;
    read_to_end(file, path, limit).map(Some)
}

/// Returns whether there is a file of ours at `path`, neither a link nor one that others can write.
pub(crate) fn exists(path: &Path) -> Result<bool, PrivateError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found.map_err(at(path))?,
    };
    if !found.is_file() {
        return Err(PrivateError::Kind { path: path.to_owned(), expected: "file" });
    }
    check(path, &found)?;
    Ok(true)
}

/// Makes a file that only its owner can read, whole from the first moment. Returns whether it was made: an existing one is
/// left alone.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<bool, PrivateError> {
    create_by(path, |file| file.as_file().write_all(content).map_err(at(path)))
}

/// [`create`] with the content that `write` puts into the new file.
pub(crate) fn create_by<E: From<PrivateError>>(
    path: &Path,
    write: impl FnOnce(&NamedTempFile) -> Result<(), E>,
) -> Result<bool, E> {
    let folder = parent(path);
    // Of mode 600.
    let file = NamedTempFile::new_in(folder).map_err(at(path))?;
    write(&file)?;
    file.as_file().sync_all().map_err(at(path))?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(failed) => return Err(at(path)(failed.error).into()),
    }
    // The name too outlasts a crash of the machine.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(path))?;
    Ok(true)
}

/// The folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn open(path: &Path, flags: OFlags) -> Result<Option<File>, PrivateError> {
    // The flags of `open(2)` are of type int.
    match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn read_to_end(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(at(path))?;
    if content.len() as u64 > limit {
        return Err(PrivateError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(content)
}

fn check(path: &Path, found: &Metadata) -> Result<(), PrivateError> {
    check_as(geteuid().as_raw(), path, found.uid(), found.mode() & 0o7777)
}

fn check_as(user: u32, path: &Path, owner: u32, mode: u32) -> Result<(), PrivateError> {
    let path = path.to_owned();
    // Root can write everything anyway.
    if owner != user && owner != 0 {
        return Err(PrivateError::Owner { path, owner, user });
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(PrivateError::OthersWrite { path, mode });
    }
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> PrivateError {
    let path = path.to_owned();
    move |error| PrivateError::Io { path: path.clone(), error }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_the_owner_and_root_may_write() {
        let path = Path::new("/state");
        for (owner, mode) in [(1000, 0o700), (1000, 0o755), (1000, 0o600), (1000, 0o444), (0, 0o755)] {
            assert!(check_as(1000, path, owner, mode).is_ok(), "{owner} {mode:o}");
        }
        for mode in [0o770, 0o702, 0o777, 0o1777, 0o2775, 0o664] {
            assert!(matches!(check_as(1000, path, 1000, mode), Err(PrivateError::OthersWrite { .. })), "{mode:o}");
        }
        for user in [1000, 0] {
            assert!(matches!(check_as(user, path, 1001, 0o700), Err(PrivateError::Owner { .. })), "{user}");
        }
    }

    #[test]
    fn a_folder_is_made_for_its_owner_alone_and_must_be_ones_own() {
        let above = tempfile::tempdir().unwrap();
        set_mode(above.path(), 0o1777);
        let made = above.path().join("a").join("b");
        assert_eq!(folder(&made).unwrap(), made.canonicalize().unwrap());
        assert_eq!((mode(&made), mode(made.parent().unwrap())), (0o700, 0o700));
        assert!(folder(&made).is_ok(), "it is there");
        set_mode(&made, 0o770);
        let error = folder(&made).unwrap_err().to_string();
        assert!(error.contains("others can write it (mode 770)") && error.contains("chmod go-w "), "{error}");

        let link = above.path().join("link");
        symlink(&made, &link).unwrap();
        assert!(matches!(folder(&link), Err(PrivateError::OthersWrite { .. })), "what a link leads to counts");
        set_mode(&made, 0o700);
        assert_eq!(folder(&link).unwrap(), made.canonicalize().unwrap());

        let file = above.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(folder(&file).is_err());
    }

    #[test]
    fn a_file_is_made_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert!(create(&path, b"first").unwrap());
        assert!(!create(&path, b"second").unwrap());
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn what_others_can_write_or_exchange_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert!(read(&path, 9).unwrap().is_none() && read_own(&path, 9).unwrap().is_none());
        fs::write(&path, "key").unwrap();
        for (allowed, mode) in [(true, 0o644), (true, 0o400), (false, 0o620), (false, 0o602), (false, 0o666)] {
            set_mode(&path, mode);
            for read in [read(&path, 3), read_own(&path, 3)] {
                assert_eq!(read.is_ok_and(|read| read.unwrap() == b"key"), allowed, "{mode:o}");
            }
        }
        set_mode(&path, 0o600);
        assert!(matches!(read(&path, 2), Err(PrivateError::TooLarge { .. })));
        assert!(matches!(read_own(&path, 2), Err(PrivateError::TooLarge { .. })));

        let link = folder.path().join("link.pem");
        symlink(&path, &link).unwrap();
        assert!(read(&link, 9).unwrap().is_some());
        assert!(matches!(read_own(&link, 9), Err(PrivateError::Kind { .. })));
        assert!(matches!(read_own(folder.path(), 9), Err(PrivateError::Kind { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(read_own(&link, 9), Err(PrivateError::Kind { .. })), "a link to nothing is no missing file");
    }
}
