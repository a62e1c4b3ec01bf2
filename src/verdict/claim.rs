//! The keys that a ledger has to name before this process signs, and how a ledger that names none is claimed.
//!
//! A ledger without the instance's row is a new one, or not the one that belongs to the keys. The log tells which: a key
//! that has an entry in it was used with another ledger. The row is made only after the log has shown no entry, and
//! nothing is signed before the row is made.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::instance::{KeyUse, KeyUsed, Standing};
use super::search::CONCURRENT_RETRIEVALS;
use super::{Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::Digest;
use crate::key::PublicKey;
use crate::ledger::{Fingerprint, LedgerError, UsedKeys};
use crate::outgoing::SendError;
use crate::rekor::{Fault, LogEntry, LogKeys, RETRIEVE_LIMIT, RekorError, batches};
use crate::sighting::names_key;
use crate::telemetry::{Dependency, timed};

/// Entries looked at to find one by a key. Whoever wants to hide a key's entries among others files more.
const MAX_CANDIDATES: usize = 1_000;

impl Verdicts {
    /// Makes sure that the ledger names the keys that this process is about to use: to be called before each signature.
    pub(super) async fn claim(&self, deadline: Deadline) -> Result<(), Unavailable> {
        let own = self.own_keys(deadline).await?;
        if self.0.instance.names(&own) {
            return Ok(());
        }
        let _one = deadline.bound(self.0.instance.claiming.lock()).await.map_err(LedgerError::from)?;
        if self.0.instance.names(&own) {
            return Ok(());
        }
        let used = match self.0.ledger.used_keys(deadline).await? {
            Some(used) => used,
            None => {
                self.refuse_used_keys(deadline).await?;
                if self.0.ledger.claim(&own, deadline).await? {
                    self.0.instance.admit(own);
                    return Ok(());
                }
                // Another process was faster, or this one and only the answer was lost.
                self.0.ledger.used_keys(deadline).await?.ok_or(LedgerError::NoInstance)?
            }
        };
        // First, so that a process that lacks a key adds none.
        self.check(used, deadline).await?;
        self.note(&own, deadline).await
    }

    /// What this process uses for certain. Of several log keys, the first entry tells which.
    async fn own_keys(&self, deadline: Deadline) -> Result<UsedKeys, Unavailable> {
        let signing = BTreeSet::from([Fingerprint::from(self.0.signer.public_key(deadline).await?)]);
        let log: BTreeSet<Fingerprint> = self.0.log_keys.iter().map(Fingerprint::from).collect();
        Ok(UsedKeys { signing, log: if log.len() == 1 { log } else { BTreeSet::new() } })
    }

    /// Fails where the log shows that a key, the signing one or one that is trusted beside it, was used before: the
    /// ledger lacks what it signed.
    async fn refuse_used_keys(&self, deadline: Deadline) -> Result<(), Unavailable> {
        if let Some(refusal) = self.0.instance.refusal() {
            return Err(refusal.into());
        }
        for key in self.trusted_keys(deadline).await? {
            if let Some(shown) = timed(Dependency::Log, self.use_of(&key, deadline)).await? {
                return self.refuse_used_key(&key, shown, deadline).await;
            }
        }
        Ok(())
    }

    /// A key that was used needs its ledger. Where this one has been claimed by now, it is that.
    pub(super) async fn refuse_used_key(
        &self,
        key: &PublicKey,
        shown: KeyUse,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        if !self.is_vacant(deadline).await? {
            return Ok(());
        }
        let refusal = KeyUsed { fingerprint: key.into(), shown };
        *self.0.instance.standing() = Standing::Vacant { refusal: Some(refusal) };
        Err(refusal.into())
    }

    /// What the log shows of the use of `key`. Its index files entries by the sha256 of the key's PEM.
    async fn use_of(&self, key: &PublicKey, deadline: Deadline) -> Result<Option<KeyUse>, Unavailable> {
        let hash = Digest::sha256(key.pem().as_bytes());
        let ids = match self.0.log.search(hash.hex(), deadline).await {
            Err(RekorError::Send(SendError::TooLarge(_))) => return Ok(Some(KeyUse::Unreadable)),
            ids => ids?,
        };
        let all = batches(ids);
        let readable = MAX_CANDIDATES / RETRIEVE_LIMIT;
        let unread = all.len() > readable;
        let found = stream::iter(all.into_iter().take(readable))
            .map(|batch| async move {
                let read = |entry| match is_by(entry, key, &self.0.log_keys) {
                    Ok(false) => None,
                    Ok(true) => Some(Ok(())),
                    Err(faults) => Some(Err(Unavailable::LogUnverifiable(faults))),
                };
                let found: Result<Vec<()>, _> = self.0.log.entries(&batch, read, deadline).await?.into_iter().collect();
                Ok::<_, Unavailable>(!found?.is_empty())
            })
            .buffer_unordered(CONCURRENT_RETRIEVALS)
            .try_any(std::future::ready)
            .await;
        match found {
            Ok(true) => Ok(Some(KeyUse::Entry)),
            Ok(false) if unread => Ok(Some(KeyUse::Unreadable)),
            Ok(false) => Ok(None),
            // An entry that is too large to be read.
            Err(Unavailable::Log(RekorError::Send(SendError::TooLarge(_)))) => Ok(Some(KeyUse::Unreadable)),
            Err(error) => Err(error),
        }
    }
}

/// Whether an entry is by `key`. Strangers file entries under a key's hash too.
fn is_by(entry: LogEntry, key: &PublicKey, log_keys: &LogKeys) -> Result<bool, Vec<Fault>> {
    if !names_key(&entry, std::slice::from_ref(key)) {
        return Ok(false);
    }
    entry.verify(log_keys).map(|_| true)
}
