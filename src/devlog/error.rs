//! Errors of the embedded log.

use std::io;
use std::path::PathBuf;

use sigstore::errors::SigstoreError;

use crate::local_key::LocalKeyError;
use crate::private::PrivateError;

/// The reason why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: another process has this log open", .0.display())]
    InUse(PathBuf),
    /// Tampering: after a crash only the end of the last line can be missing.
    #[error("{path}: line {line} is corrupt: {why}", path = path.display())]
    Corrupt { path: PathBuf, line: usize, why: String },
    /// Going on would contradict what the log has signed already.
    #[error("the log in {folder} has {what} {kept}, not {asked}", folder = folder.display())]
    Changed { folder: PathBuf, what: &'static str, kept: String, asked: String },
    #[error("{}: the key of this log is missing", .0.display())]
    KeyMissing(PathBuf),
    #[error(transparent)]
    Key(#[from] LocalKeyError),
    #[error(transparent)]
    Private(#[from] PrivateError),
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
