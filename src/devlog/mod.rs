//! The embedded log: a small transparency log that speaks the HTTP API of Rekor v1 or that of Rekor v2.
//!
//! `serve` and `demo` record in it when no Rekor is at hand, and the tests talk to it. It is a real log: a Merkle tree
//! (RFC 6962), proofs and checkpoints that stock tools verify. It is not a public one: nobody watches it, and whoever holds
//! its folder can rewrite it.
//!
//! Each API has a folder of files, [`v1`] and [`v2`]; a log speaks one of them as long as it exists. A log kept in a folder
//! has there:
//!
//! | file | what |
//! |---|---|
//! | `key.pem` | the signing key, PKCS#8, readable by its owner only: ECDSA P-256 for v1, Ed25519 for v2 |
//! | `entries.jsonl` | a line for the log itself, then one for each entry (`journal`) |
//! | `lock` | locked while a process has the log open |
//!
//! The tree, the search index and the place of each record in the file are in memory; a log without a folder keeps the
//! records in memory too.

mod error;
mod folder;
mod journal;
mod leaves;
mod options;
mod records;
mod tree;
mod v1;
mod v2;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::tlog::RekorApi;
use v1::MerkleLog;
use v2::TileLog;

pub use error::OpenError;
pub use options::{Indexing, Options};

/// An open log. Clones are one log.
#[derive(Clone)]
pub struct Devlog(Opened);

#[derive(Clone)]
enum Opened {
    V1(Arc<MerkleLog>),
    V2(Arc<TileLog>),
}

impl Devlog {
    /// Opens the log kept in `folder`, or makes a new one there; with `None` the log is in memory only.
    ///
    /// # Errors
    /// If the folder cannot be used, is in use, holds a log made with another API, hostname or first index, or one that was
    /// tampered with.
    pub async fn open(folder: Option<&Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.map(Path::to_owned);
        let opening = tokio::task::spawn_blocking(move || Opened::open(folder.as_deref(), &options));
        // Nothing aborts the task, so it can only have panicked.
        let opened = opening.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        opened.map(Self)
    }

    /// Answers one request of the log's API. The caller has read the body and bounded its size: the log keeps what it is
    /// sent.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let log = self.0.clone();
        // Signing, verifying and the disk would hold up the runtime.
        let answering = tokio::task::spawn_blocking(move || match &log {
            Opened::V1(log) => v1::respond(log, &request),
            Opened::V2(log) => v2::respond(log, &request),
        });
        answering.await.unwrap_or_else(|_| match &self.0 {
            Opened::V1(_) => v1::panicked(),
            Opened::V2(_) => v2::panicked(),
        })
    }

    /// The log's public key, SPKI in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        match &self.0 {
            Opened::V1(log) => log.key.public_key().pem(),
            Opened::V2(log) => log.key().public_key().pem(),
        }
    }

    /// The name in the log's checkpoints.
    #[must_use]
    pub fn hostname(&self) -> &str {
        match &self.0 {
            Opened::V1(log) => log.hostname(),
            Opened::V2(log) => log.origin(),
        }
    }

    /// The log's id in its entries.
    #[must_use]
    pub fn log_id(&self) -> [u8; 32] {
        match &self.0 {
            Opened::V1(log) => log.key.public_key().id(),
            Opened::V2(log) => *log.id(),
        }
    }

    /// The API that the log speaks.
    #[must_use]
    pub fn api(&self) -> RekorApi {
        match &self.0 {
            Opened::V1(_) => RekorApi::V1,
            Opened::V2(_) => RekorApi::V2,
        }
    }

    /// Changes when entries added from now on are indexed: for tests with an entry that no search finds. A log of v2 has no
    /// index.
    pub fn set_indexing(&self, indexing: Indexing) {
        if let Opened::V1(log) = &self.0 {
            log.set_indexing(indexing);
        }
    }
}

impl Opened {
    fn open(folder: Option<&Path>, options: &Options) -> Result<Self, OpenError> {
        let hostname = &options.hostname;
        // The name must survive as one word of a signature line.
        if hostname.is_empty() || hostname.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(OpenError::Hostname(hostname.clone()));
        }
        Ok(match options.api {
            RekorApi::V1 => Self::V1(Arc::new(MerkleLog::open(folder, options)?)),
            RekorApi::V2 => Self::V2(Arc::new(TileLog::open(folder, options)?)),
        })
    }
}
