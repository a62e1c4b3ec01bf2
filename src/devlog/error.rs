//! Errors of the embedded log.

use std::io;
use std::path::PathBuf;

use sigstore::errors::SigstoreError;

use crate::local_key::LocalKeyError;
use crate::private::PrivateError;

/// The reason why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk, a limit or the permissions of this user stand in the way.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The log's folder, or the file in it.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Two writers would sign two histories. The lock goes with its process, so a crash leaves none behind.
    #[error("{}: another process has this log open", .0.display())]
    InUse(PathBuf),
    /// Tampering: after a crash only the end of the last line can be missing.
    #[error("{path}: line {line} is corrupt: {why}", path = path.display())]
    Corrupt {
        /// The file of entries.
        path: PathBuf,
        /// Counted from 1. The lines before it are whole.
        line: usize,
        /// The hash that does not fit, or the fault of the JSON.
        why: String,
    },
    /// Going on would contradict what the log has signed already.
    #[error("the log in {folder} has {what} {kept}, not {asked}", folder = folder.display())]
    Changed {
        /// The log's folder.
        folder: PathBuf,
        /// The property that differs: the format, the hostname, the first index or the log id.
        what: &'static str,
        /// The value on the first line of the log's file.
        kept: String,
        /// The value by this program's version, the options and the key.
        asked: String,
    },
    /// Carries the key file's path. A new key could not go on with the entries that are there.
    #[error("{}: the key of this log is missing", .0.display())]
    KeyMissing(PathBuf),
    /// The signing key is there and of no use, or none could be made.
    #[error(transparent)]
    Key(#[from] LocalKeyError),
    /// The folder or a file in it cannot be used, or somebody else could have changed it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The caller's fault. A signed note has the name on its signature line (C2SP signed-note).
    #[error("'{0}' cannot name a log: a name has no spaces and no plus sign")]
    Hostname(String),
}

/// The reason why an open log cannot answer: never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum StorageError {
    #[error("the log's file: {0}")]
    File(#[from] io::Error),
    #[error("signing: {0}")]
    Signing(#[from] SigstoreError),
}
