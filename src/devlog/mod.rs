//! The embedded log: a small transparency log that speaks the HTTP API of Rekor v1.
//!
//! `serve` and `demo` record in it when no Rekor is at hand, and the tests talk to it. It is a real log: a Merkle tree
//! (RFC 6962), proofs, checkpoints and entry timestamps that stock tools verify. It is not a public one: nobody watches it,
//! and whoever holds its folder can rewrite it. It takes one kind of entry, `intoto` 0.0.2.
//!
//! A request goes through `router` to one of `entries`, `search` or `heads`, which ask `log`. A log kept in a folder has
//! there:
//!
//! | file | what |
//! |---|---|
//! | `key.pem` | the signing key, PKCS#8, readable by its owner only |
//! | `entries.jsonl` | a line for the log itself, then one for each entry (`journal`) |
//! | `lock` | locked while a process has the log open |
//!
//! The tree, the search index and the place of each record in the file are in memory; a log without a folder keeps the
//! records in memory too.

mod entries;
mod error;
mod folder;
mod heads;
mod index;
mod journal;
mod key;
mod log;
mod options;
mod proposal;
mod records;
mod request;
mod response;
mod router;
mod search;
mod tree;
mod wire;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use log::MerkleLog;
use response::ApiError;

pub use error::OpenError;
pub use options::{Indexing, Options};

/// An open log. Clones are one log.
#[derive(Clone)]
pub struct Devlog {
    log: Arc<MerkleLog>,
}

impl Devlog {
    /// Opens the log kept in `folder`, or makes a new one there; with `None` the log is in memory only.
    ///
    /// # Errors
    /// If the folder cannot be used, is in use, holds a log made with another hostname or first index, or one that was
    /// tampered with.
    pub async fn open(folder: Option<&Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.map(Path::to_owned);
        let opening = tokio::task::spawn_blocking(move || MerkleLog::open(folder.as_deref(), &options));
        // Nothing aborts the task, so it can only have panicked.
        let opened = opening.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        Ok(Self { log: Arc::new(opened?) })
    }

    /// Answers one request of Rekor v1's API. The caller has read the body and bounded its size: the log keeps what it is
    /// sent.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let log = Arc::clone(&self.log);
        // Signing, verifying and the disk would hold up the runtime.
        let answering = tokio::task::spawn_blocking(move || router::respond(&log, &request));
        answering.await.unwrap_or_else(|_| ApiError::internal("Internal Server Error").into())
    }

    /// The log's public key, SPKI in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        self.log.key.public_key().pem()
    }

    /// Changes when entries added from now on are indexed: for tests with an entry that no search finds.
    pub fn set_indexing(&self, indexing: Indexing) {
        self.log.set_indexing(indexing);
    }
}
