//! Whether this process belongs to the instance whose ledger it has: it knows every key that was ever used with that
//! ledger. Without that, a forgotten key or a wrong table would start a second history.
//!
//! 1. Beside a tag's row the instance's own is read, at most once in [`KEPT`]. A process that lacks a key serves no tag.
//! 2. Before each signature the ledger has to name the signing key ([`Verdicts::claim`]).
//! 3. Before a tag's row is recorded the ledger has to name the keys that the record verifies with.
//!
//! Keys only come to the row by use, so that a version that merely trusts the next key leaves the one before it working.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;

use super::{Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::ledger::{Fingerprint, LedgerError, Row, UsedKeys};
use crate::sighting::Sighting;

/// How long the instance's row is taken as read. A key that is added meanwhile is by a version that knows this one's.
const KEPT: Duration = Duration::from_secs(60);

/// A key that was used with the ledger, and that this process was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForgottenKey {
    pub kind: KeyKind,
    /// The first of them.
    pub fingerprint: Fingerprint,
    /// Of this kind, all counted.
    pub count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Signing,
    Log,
}

impl fmt::Display for ForgottenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, variable) = match self.kind {
            KeyKind::Signing => ("signing key", "TRUSTED_KEYS"),
            KeyKind::Log => ("log key", "REKOR_PUBLIC_KEYS"),
        };
        write!(f, "this instance does not know the {what} {}", self.fingerprint)?;
        if self.count > 1 {
            write!(f, " and {} more", self.count - 1)?;
        }
        write!(f, ", which its ledger was used with: set {variable}")
    }
}

/// What this process knows of the instance's row.
#[derive(Debug, Default)]
pub(super) struct Instance {
    standing: Mutex<Standing>,
    /// Held while the log is asked whether a key was used, so that it is asked by one call at a time.
    pub(super) claiming: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Standing {
    /// It was not read yet, or names a key that this process lacks.
    #[default]
    Unknown,
    /// The ledger has no such row. `refusal` says why this process may not make it.
    Vacant {
        refusal: Option<KeyUsed>,
    },
    Admitted {
        used: UsedKeys,
        read: Instant,
    },
}

/// Why a ledger without the instance's row is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsed {
    pub fingerprint: Fingerprint,
    pub shown: KeyUse,
}

/// What the log shows of a key's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    Entry,
    /// More is filed under the key than can be read.
    Unreadable,
}

impl fmt::Display for KeyUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.shown {
            KeyUse::Entry => "has entries by",
            KeyUse::Unreadable => "lists more than can be read under",
        };
        write!(
            f,
            "the ledger does not know this instance, and the log {shown} its key {}, which was used with another ledger: \
             name that table in LEDGER_TABLE, bring the rows back, or make a new key and trust no earlier one",
            self.fingerprint
        )
    }
}

impl Instance {
    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        // Nothing panics while it holds the lock.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the row was read and this process knows its keys.
    pub(super) fn is_admitted(&self) -> bool {
        matches!(*self.standing(), Standing::Admitted { .. })
    }

    fn was_read_lately(&self) -> bool {
        matches!(*self.standing(), Standing::Admitted { read, .. } if read.elapsed() < KEPT)
    }

    /// Whether the row is known to name these keys.
    pub(super) fn names(&self, keys: &UsedKeys) -> bool {
        matches!(&*self.standing(), Standing::Admitted { used, .. } if used.contains(keys))
    }

    /// Why this process may not make the row, if that was found out.
    pub(super) fn refusal(&self) -> Option<KeyUsed> {
        match *self.standing() {
            Standing::Vacant { refusal } => refusal,
            _ => None,
        }
    }

    fn is_vacant(&self) -> bool {
        matches!(*self.standing(), Standing::Vacant { .. })
    }

    pub(super) fn admit(&self, used: UsedKeys) {
        *self.standing() = Standing::Admitted { used, read: Instant::now() };
    }
}

impl Verdicts {
    /// The row of `tag`, for a process that may tell of tags.
    pub(super) async fn row(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, Unavailable> {
        let (admitted, row) = join(self.admit(deadline), self.0.ledger.get(tag, deadline)).await;
        admitted?;
        let row = row?;
        if row.is_some() && self.is_vacant(deadline).await? {
            return Err(LedgerError::NoInstance.into());
        }
        Ok(row)
    }

    /// Reads the instance's row where that is due, and checks that this process knows all its keys.
    async fn admit(&self, deadline: Deadline) -> Result<(), Unavailable> {
        if self.0.instance.was_read_lately() {
            return Ok(());
        }
        match self.0.ledger.used_keys(deadline).await? {
            Some(used) => self.check(used, deadline).await,
            None => {
                let refusal = self.0.instance.refusal();
                *self.0.instance.standing() = Standing::Vacant { refusal };
                refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
            }
        }
    }

    /// Whether the ledger has no row of the instance, asked once more where it had none: it is made before anything that
    /// this process may have seen of a tag since.
    pub(super) async fn is_vacant(&self, deadline: Deadline) -> Result<bool, Unavailable> {
        if self.0.instance.is_vacant() {
            self.admit(deadline).await?;
        }
        Ok(self.0.instance.is_vacant())
    }

    /// Takes in what the row was found to name.
    pub(super) async fn check(&self, used: UsedKeys, deadline: Deadline) -> Result<(), Unavailable> {
        // A ledger that was not used yet asks for no key.
        let trusted = if used.signing.is_empty() { Vec::new() } else { self.trusted_keys(deadline).await? };
        let forgotten = first_unknown(KeyKind::Signing, &used.signing, trusted.iter())
            .or_else(|| first_unknown(KeyKind::Log, &used.log, self.0.log_keys.iter()));
        if let Some(forgotten) = forgotten {
            *self.0.instance.standing() = Standing::Unknown;
            return Err(forgotten.into());
        }
        self.0.instance.admit(used);
        Ok(())
    }

    /// Makes sure that the ledger names the keys that a sighting verifies with.
    pub(super) async fn note_keys_of(&self, sighting: &Sighting, deadline: Deadline) -> Result<(), Unavailable> {
        let signing = BTreeSet::from([Fingerprint::from(sighting.statement().key())]);
        let log = sighting.entry().log_key(&self.0.log_keys).map(Fingerprint::from).into_iter().collect();
        self.note(&UsedKeys { signing, log }, deadline).await
    }

    /// Makes sure that the ledger, which has been claimed, names these keys.
    pub(super) async fn note(&self, keys: &UsedKeys, deadline: Deadline) -> Result<(), Unavailable> {
        if self.0.instance.names(keys) {
            return Ok(());
        }
        let used = self.0.ledger.add_used_keys(keys, deadline).await?;
        self.check(used, deadline).await
    }
}

fn first_unknown<'a>(
    kind: KeyKind,
    used: &BTreeSet<Fingerprint>,
    known: impl Iterator<Item = &'a PublicKey>,
) -> Option<ForgottenKey> {
    let known: BTreeSet<Fingerprint> = known.map(Fingerprint::from).collect();
    let mut unknown = used.difference(&known);
    let fingerprint = *unknown.next()?;
    Some(ForgottenKey { kind, fingerprint, count: 1 + unknown.count() })
}
