//! The reading of a log: all entries from one size to another, and which of them bear a key.

use std::iter::successors;
use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex;

use super::spotted::Spotted;
use crate::http_client::SendError;
use crate::key::PublicKey;
use crate::rekor::{EntryBundle, RetryingRekor};
use crate::tlog::{Frontier, Hash, LogError, TILE_WIDTH, leaf_hash};

/// Bundles read at once: a log of tiles is static files, and each answer may take a tenth of a second.
const CONCURRENCY: usize = 8;
/// Bytes of one bundle. Most have a quarter of this. Several are read at once.
const BUNDLE_BYTES: usize = 2 << 20;
/// The largest bundle that there can be, of which one is read at once.
const MAX_BUNDLE_BYTES: usize = 256 * (size_of::<u16>() + u16::MAX as usize);

/// A log, and the keys that are looked for.
pub(crate) struct LogReader<'a> {
    log: &'a RetryingRekor,
    keys: &'a [PublicKey],
    /// Held while a bundle larger than [`BUNDLE_BYTES`] is read. Anyone can fill one.
    large: Mutex<()>,
}

/// All that was read of a log so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogContent {
    pub frontier: Frontier,
    /// The entries that bear a key, in the order of the log.
    pub spotted: Vec<Spotted>,
}

/// Entries that follow each other: their hashes, and those that bear a key.
struct ReadPart {
    hashes: Vec<Hash>,
    spotted: Vec<Spotted>,
}

impl<'a> LogReader<'a> {
    pub(crate) fn new(log: &'a RetryingRekor, keys: &'a [PublicKey]) -> Self {
        Self { log, keys, large: Mutex::default() }
    }

    pub(super) fn log(&self) -> &RetryingRekor {
        self.log
    }

    /// Reads on until `size`, or until `stop` is done. `each` sees the reading after each bundle; its error ends it. Returns
    /// whether all was read.
    ///
    /// Nothing is proven before the reading's head is that of a signed checkpoint.
    pub(crate) async fn read<E: From<LogError>>(
        &self,
        reading: &mut LogContent,
        size: u64,
        stop: impl Future<Output = ()>,
        mut each: impl FnMut(&LogContent) -> Result<(), E>,
    ) -> Result<bool, E> {
        let begin = reading.frontier.size();
        let next = |from: &u64| (from / TILE_WIDTH + 1).checked_mul(TILE_WIDTH).filter(|next| *next < size);
        let starts = successors(Some(begin).filter(|begin| *begin < size), next);
        let mut parts = pin!(stream::iter(starts).map(|start| self.part(start, size)).buffered(CONCURRENCY));
        let mut stop = pin!(stop);
        loop {
            let part = tokio::select! {
                biased;
                () = &mut stop => return Ok(false),
                part = parts.next() => part,
            };
            let Some(part) = part else { return Ok(true) };
            let ReadPart { hashes, spotted } = part?;
            hashes.into_iter().for_each(|hash| reading.frontier.append(hash));
            reading.spotted.extend(spotted);
            each(reading)?;
        }
    }

    /// The entries from `start` to the end of its bundle, in a tree of `size`.
    async fn part(&self, start: u64, size: u64) -> Result<ReadPart, LogError> {
        let leaves = self.leaves(start, size).await?;
        let first = start / TILE_WIDTH * TILE_WIDTH;
        let mut part = ReadPart { hashes: Vec::new(), spotted: Vec::new() };
        for (index, leaf) in (first..).zip(leaves.iter()).filter(|(index, _)| *index >= start) {
            part.hashes.push(leaf_hash(leaf));
            part.spotted.extend(Spotted::find(index, leaf, self.keys));
        }
        Ok(part)
    }

    /// The leaves of the bundle that `index` is in.
    pub(super) async fn leaves(&self, index: u64, size: u64) -> Result<EntryBundle, LogError> {
        let within =
            async |limit| self.log.ask(async |log, deadline| log.leaves(index, size, limit, deadline).await).await;
        match within(BUNDLE_BYTES).await {
            Err(LogError::Send(SendError::TooLarge(_))) => {
                let _one = self.large.lock().await;
                within(MAX_BUNDLE_BYTES).await
            }
            answer => answer,
        }
    }

    /// The leaf at `index`.
    pub(super) async fn leaf(&self, index: u64, size: u64) -> Result<Vec<u8>, LogError> {
        let leaves = self.leaves(index, size).await?;
        let at = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
        leaves.iter().nth(at).map(<[u8]>::to_vec).ok_or(LogError::Missing)
    }
}
