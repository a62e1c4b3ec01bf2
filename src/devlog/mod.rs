//! The embedded log: a small transparency log that speaks the HTTP API of Rekor v1.
//!
//! It is what `serve` and `demo` record in when no Rekor is at hand, and what the tests talk
//! to. It is a real log: a Merkle tree (RFC 6962), proofs, checkpoints and entry timestamps that
//! stock tools verify. It is not a public one: nobody watches it, and whoever holds its
//! folder can rewrite it. It takes one kind of entry, `intoto` 0.0.2.
//!
//! A request goes through `router`, then one of `entries`, `search` or `heads`, which ask
//! `log`. A log kept in a folder has there:
//!
//! | file | what |
//! |---|---|
//! | `key.pem` | the signing key, PKCS#8, readable by its owner only |
//! | `entries.jsonl` | a line for the log itself, then one for each entry (`journal`) |
//! | `lock` | locked while a process has the log open |
//!
//! In memory are the tree, the search index and where each record lies in the file; a log
//! without a folder keeps the records in memory too.

mod answer;
mod checkpoint;
mod entries;
mod entry;
mod folder;
mod heads;
mod index;
mod journal;
mod key;
mod log;
mod proposal;
mod records;
mod router;
mod search;
mod tree;

use crate::local_key::LocalKeyError;
use crate::private::PrivateError;
use answer::Refusal;
use bytes::Bytes;
use http::{Request, Response};
use log::Log;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a log behaves. The first two are part of what it signs and cannot change later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Names the log in its checkpoints: the origin is `<hostname> - <tree id>`.
    pub hostname: String,
    /// How many entries earlier trees are said to hold: an entry's `logIndex` is its position
    /// in the tree plus this. As in the public log the two differ, so that mixing them up
    /// shows. (32 bits, so that no index is rounded in canonical JSON.)
    pub first_index: u32,
    /// Whether payloads are stored and shown with their entries.
    pub attestations: bool,
    /// When an entry can be found by search and shows its attestation.
    pub filing: Filing,
    /// Waits for the disk before an entry is answered for. Without it a crash of the machine,
    /// though not of the process, can lose entries that were answered for.
    pub sync: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Where `serve`, `demo` and `log` listen: Sigstore's JavaScript client wants the name to be in the log's URL.
            hostname: "127.0.0.1".to_owned(),
            first_index: 1_000_000,
            attestations: true,
            filing: Filing::AtOnce,
            sync: true,
        }
    }
}

/// When a new entry is written to the search index and its attestation to the store. Rekor does
/// both in the background and answers without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filing {
    /// Before the answer: kinder than Rekor.
    AtOnce,
    /// This long after it, or when the log is opened again: a search in between misses it.
    After(Duration),
    /// Not at all, as when an upload to Rekor times out: the entry is in the log and in no
    /// index.
    Never,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: another process has this log open", .0.display())]
    InUse(PathBuf),
    /// Not a crash's doing: only the end of the last line can be missing after one.
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

/// An open log. Clones are one log.
#[derive(Clone)]
pub struct Devlog {
    log: Arc<Log>,
    filing: Arc<Mutex<Filing>>,
}

impl Devlog {
    /// Opens the log kept in `folder`, or makes a new one there; with `None` the log is in
    /// memory only.
    ///
    /// # Errors
    /// If the folder cannot be used, is in use, holds a log made with another hostname or
    /// first index, or one that was tampered with.
    pub async fn open(folder: Option<&Path>, options: Options) -> Result<Self, OpenError> {
        let filing = Arc::new(Mutex::new(options.filing));
        let folder = folder.map(Path::to_owned);
        let opening = tokio::task::spawn_blocking(move || Log::open(folder.as_deref(), &options));
        // Nothing aborts the task, so that it can only have panicked.
        let opened = opening.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let log = Arc::new(opened?);
        Ok(Self { log, filing })
    }

    /// Answers one request of Rekor v1's API. The caller has read the body and bounded its
    /// size: the log keeps what it is sent.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let devlog = self.clone();
        // Signing, verifying and the disk would hold up the runtime.
        let answering = tokio::task::spawn_blocking(move || router::answer(&devlog, &request));
        answering.await.unwrap_or_else(|_| Refusal::internal("Internal Server Error").into())
    }

    /// The log's public key, SPKI in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        self.log.key.public_pem()
    }

    /// Changes when entries added from now on are filed: for tests of what a client does about
    /// an entry that no search finds.
    pub fn set_filing(&self, filing: Filing) {
        // A value that is copied whole cannot be left half written.
        *self.filing.lock().unwrap_or_else(PoisonError::into_inner) = filing;
    }

    fn filing(&self) -> Filing {
        *self.filing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
