//! The keys that a ledger has to name before this process signs, and how a ledger that names none is claimed.
//!
//! A ledger without the instance's row is a new one, or not the one that belongs to the keys. The log tells which: a key
//! that has an entry in it was used with another ledger. The row is made only after the log has shown no entry, and
//! nothing is signed before the row is made.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::instance::{KeyUse, KeyUsed, Standing};
use super::{Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::http_client::SendError;
use crate::image::Digest;
use crate::key::PublicKey;
use crate::ledger::{Fingerprint, LedgerError, UsedKeys};
use crate::sighting::is_by;
use crate::telemetry::{Dependency, timed};
use crate::tlog::{Call, EntryId, Fault, LogEntry, LogError, LogKeys};

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
        let pass = self.0.gate.pass(Call::Search)?;
        let mut ids = match pass.ask(self.0.log.search(hash.hex(), deadline)).await {
            Err(LogError::Send(SendError::TooLarge(_))) => return Ok(Some(KeyUse::Unreadable)),
            ids => ids?,
        };
        let unread = ids.len() > MAX_CANDIDATES;
        ids.truncate(MAX_CANDIDATES);
        let mut unverifiable = None;
        let mut shown = unread.then_some(KeyUse::Unreadable);
        // A larger entry than a sighting's is passed over: whoever files one must not stop a new instance.
        let each = |entry: Result<LogEntry, EntryId>| {
            match entry.map(|entry| use_in(entry, key, &self.0.log_keys)) {
                Ok(Ok(Some(found))) => shown = Some(found),
                Ok(Err(faults)) => unverifiable = Some(faults),
                _ => {}
            }
            if shown == Some(KeyUse::Entry) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.retrieve(ids, each, deadline).await?;
        match (shown, unverifiable) {
            (None, Some(faults)) => Err(Unavailable::LogUnverifiable(faults)),
            (shown, _) => Ok(shown),
        }
    }
}

/// Whether an entry shows that `key` was used. Strangers file entries under a key's hash too.
fn use_in(entry: LogEntry, key: &PublicKey, log_keys: &LogKeys) -> Result<Option<KeyUse>, Vec<Fault>> {
    if is_by(&entry, std::slice::from_ref(key)) {
        return entry.verify(log_keys).map(|_| Some(KeyUse::Entry));
    }
    Ok((!entry.body().is_understood() && entry.contains_key(key)).then_some(KeyUse::Unreadable))
}
