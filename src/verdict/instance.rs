//! The instance that this process belongs to.
//!
//! A process may serve tags only if it was given every key that was ever used with its ledger. Otherwise a forgotten key or
//! a wrong table would start a second history.
//!
//! 1. The instance's own row is read beside a tag's, at most once in [`FRESH`]. A process that lacks a key serves no tag.
//! 2. Before each signature the ledger has to name the signing key ([`Instance::claim`]).
//! 3. Before a tag's row is recorded the ledger has to name the keys that the record verifies with.
//!
//! Keys come to the row by use alone, so a version that merely trusts the next key leaves the one before it working.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join;

use super::Unavailable;
use super::key_use::{KeyUse, KeyUsed, use_of};
use super::keyring::Keyring;
use super::log::GatedLog;
use crate::clock::Moment;
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::{Fingerprint, PublicKey};
use crate::ledger::{Ledger, LedgerError, Row, UsedKeys};
use crate::sighting::Sighting;
use crate::telemetry::{Dependency, timed};
use crate::tlog::LogKey;

/// The time for which the instance's row counts as read. A key added meanwhile is by a version that knows this one's.
const FRESH: Duration = Duration::from_secs(60);

/// A key that was used with the ledger and that this process was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForgottenKey {
    pub kind: KeyKind,
    /// The first of them.
    pub fingerprint: Fingerprint,
    /// Keys of this kind, the first one included.
    pub count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Signing,
    Log,
    /// The key of a log that can be searched, and this process was not told where.
    SearchedLog,
}

impl fmt::Display for ForgottenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, variable) = match self.kind {
            KeyKind::Signing => ("signing key", "TRUSTED_KEYS"),
            KeyKind::Log => ("log key", "REKOR_PUBLIC_KEYS"),
            KeyKind::SearchedLog => ("URL of the Rekor v1 with the log key", "EARLIER_LOGS"),
        };
        write!(f, "this instance does not know the {what} {}", self.fingerprint)?;
        if self.count > 1 {
            write!(f, " and {} more", self.count - 1)?;
        }
        write!(f, ", which its ledger was used with: set {variable}")
    }
}

impl std::error::Error for ForgottenKey {}

/// The ledger's row of the instance, as this process has read it.
#[derive(Debug)]
pub(super) struct Instance {
    ledger: Arc<Ledger>,
    keys: Arc<Keyring>,
    /// The logs that can be searched.
    searched: Vec<Arc<GatedLog>>,
    admission: Mutex<Admission>,
    /// Held while the log is asked for a key's use, so that one call at a time asks.
    claiming: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
enum Admission {
    /// The row was not read yet, or names a key that this process lacks.
    #[default]
    Unknown,
    /// The ledger has no such row. `refusal` says why this process may not make it.
    Vacant {
        refusal: Option<KeyUsed>,
    },
    Admitted {
        used: UsedKeys,
        read: Moment,
    },
}

impl Instance {
    pub(super) fn new(ledger: Arc<Ledger>, keys: Arc<Keyring>, searched: Vec<Arc<GatedLog>>) -> Self {
        Self { ledger, keys, searched, admission: Mutex::default(), claiming: tokio::sync::Mutex::default() }
    }

    /// Returns whether the row was read and this process has its keys.
    pub(super) fn is_admitted(&self) -> bool {
        matches!(*self.admission(), Admission::Admitted { .. })
    }

    /// Reads the row of `tag`, for a process that may serve tags.
    pub(super) async fn row(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, Unavailable> {
        let (admitted, row) = join(self.admit(deadline), self.ledger.get(tag, deadline)).await;
        admitted?;
        let row = row?;
        if row.is_some() && self.is_vacant(deadline).await? {
            return Err(LedgerError::NoInstance.into());
        }
        Ok(row)
    }

    /// Makes sure that the ledger names the keys that this process is about to use: to be called before each signature.
    ///
    /// The row of a new ledger is made only after the log has shown no entry by its keys.
    pub(super) async fn claim(&self, deadline: Deadline) -> Result<(), Unavailable> {
        let own = self.own_keys(deadline).await?;
        if self.names(&own) {
            return Ok(());
        }
        let _one = deadline.bound(self.claiming.lock()).await.map_err(LedgerError::from)?;
        if self.names(&own) {
            return Ok(());
        }
        let used = match self.ledger.used_keys(deadline).await? {
            Some(used) => used,
            None => {
                self.refuse_used_keys(deadline).await?;
                if self.ledger.claim(&own, deadline).await? {
                    self.set(Admission::Admitted { used: own, read: Moment::now() });
                    return Ok(());
                }
                // Another process was faster, or this one and only the answer was lost.
                self.ledger.used_keys(deadline).await?.ok_or(LedgerError::NoInstance)?
            }
        };
        // First, so that a process that lacks a key adds none.
        self.check(used, deadline).await?;
        self.note(&own, deadline).await
    }

    /// Makes sure that the ledger names the keys that a sighting verifies with.
    pub(super) async fn note_keys_of(&self, sighting: &Sighting, deadline: Deadline) -> Result<(), Unavailable> {
        let signing = BTreeSet::from([sighting.statement().key().fingerprint()]);
        let log = sighting.entry().log_key(&self.keys.log).map(LogKey::fingerprint).into_iter().collect();
        self.note(&UsedKeys { signing, log }, deadline).await
    }

    /// Fails for a used key in a ledger that is vacant. One that has been claimed by now is the key's own.
    pub(super) async fn refuse_used_key(
        &self,
        key: &PublicKey,
        shown: KeyUse,
        deadline: Deadline,
    ) -> Result<(), Unavailable> {
        if !self.is_vacant(deadline).await? {
            return Ok(());
        }
        let refusal = KeyUsed { fingerprint: key.fingerprint(), shown };
        self.set(Admission::Vacant { refusal: Some(refusal) });
        Err(refusal.into())
    }

    /// [`Instance::examine`] where that is due.
    pub(super) async fn admit(&self, deadline: Deadline) -> Result<(), Unavailable> {
        if matches!(*self.admission(), Admission::Admitted { read, .. } if read.is_within(FRESH)) {
            return Ok(());
        }
        self.examine(deadline).await
    }

    /// Reads the instance's row, and checks that this process has all its keys.
    pub(super) async fn examine(&self, deadline: Deadline) -> Result<(), Unavailable> {
        match self.ledger.used_keys(deadline).await? {
            Some(used) => self.check(used, deadline).await,
            None => {
                let refusal = self.refusal();
                self.set(Admission::Vacant { refusal });
                refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
            }
        }
    }

    /// Returns whether the ledger has no row of the instance. A ledger that had none is asked again: the row is made
    /// before anything that this process may have seen of a tag since.
    pub(super) async fn is_vacant(&self, deadline: Deadline) -> Result<bool, Unavailable> {
        let was_vacant = matches!(*self.admission(), Admission::Vacant { .. });
        if was_vacant {
            self.admit(deadline).await?;
        }
        Ok(matches!(*self.admission(), Admission::Vacant { .. }))
    }

    /// The keys that this process uses for certain. Of several log keys, the first entry tells which.
    async fn own_keys(&self, deadline: Deadline) -> Result<UsedKeys, Unavailable> {
        let signing = BTreeSet::from([self.keys.signer.public_key(deadline).await?.fingerprint()]);
        let log: BTreeSet<Fingerprint> = self.keys.log.iter().map(LogKey::fingerprint).collect();
        Ok(UsedKeys { signing, log: if log.len() == 1 { log } else { BTreeSet::new() } })
    }

    /// Fails if the log shows a key as used, the signing one or a retired one: the ledger lacks what it signed.
    async fn refuse_used_keys(&self, deadline: Deadline) -> Result<(), Unavailable> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal.into());
        }
        for key in self.keys.trusted(deadline).await? {
            for log in &self.searched {
                let shown = use_of(&key, log, &self.keys.log, deadline);
                if let Some(shown) = timed(Dependency::Log, shown).await? {
                    return self.refuse_used_key(&key, shown, deadline).await;
                }
            }
        }
        Ok(())
    }

    /// Takes over the keys that the row names, if this process has them all.
    async fn check(&self, used: UsedKeys, deadline: Deadline) -> Result<(), Unavailable> {
        // A ledger that was not used yet asks for no key.
        let trusted = if used.signing.is_empty() { Vec::new() } else { self.keys.trusted(deadline).await? };
        let log_keys = || self.keys.log.iter();
        let forgotten = first_unknown(KeyKind::Signing, &used.signing, trusted.iter().map(PublicKey::fingerprint))
            .or_else(|| first_unknown(KeyKind::Log, &used.log, log_keys().map(LogKey::fingerprint)))
            .or_else(|| {
                // Only a search finds the entries of an earlier log.
                first_unknown(KeyKind::SearchedLog, &self.keys.places.unsearched(&used.log), std::iter::empty())
            });
        if let Some(forgotten) = forgotten {
            self.set(Admission::Unknown);
            return Err(forgotten.into());
        }
        self.set(Admission::Admitted { used, read: Moment::now() });
        Ok(())
    }

    /// Makes sure that the ledger, which has been claimed, names these keys.
    async fn note(&self, keys: &UsedKeys, deadline: Deadline) -> Result<(), Unavailable> {
        if self.names(keys) {
            return Ok(());
        }
        let used = self.ledger.add_used_keys(keys, deadline).await?;
        self.check(used, deadline).await
    }

    fn names(&self, keys: &UsedKeys) -> bool {
        matches!(&*self.admission(), Admission::Admitted { used, .. } if used.contains(keys))
    }

    fn refusal(&self) -> Option<KeyUsed> {
        match *self.admission() {
            Admission::Vacant { refusal } => refusal,
            _ => None,
        }
    }

    fn set(&self, admission: Admission) {
        *self.admission() = admission;
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        // Nothing panics while it holds the lock.
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_unknown(
    kind: KeyKind,
    used: &BTreeSet<Fingerprint>,
    known: impl Iterator<Item = Fingerprint>,
) -> Option<ForgottenKey> {
    let known: BTreeSet<Fingerprint> = known.collect();
    let mut unknown = used.difference(&known);
    let fingerprint = *unknown.next()?;
    Some(ForgottenKey { kind, fingerprint, count: 1 + unknown.count() })
}
