//! Keys that the log shows as used.
//!
//! A ledger without the instance's row is either new or not the one that belongs to the keys. The log tells them apart: a
//! key that has an entry there was used with another ledger.

use std::fmt;
use std::ops::ControlFlow;

use super::Unavailable;
use super::log::GatedLog;
use crate::deadline::Deadline;
use crate::http_client::SendError;
use crate::image::Digest;
use crate::key::{Fingerprint, PublicKey};
use crate::sighting::is_by;
use crate::tlog::{Call, EntryId, Fault, LogEntry, LogError, LogKeys};

/// Entries read to find one by a key. Whoever wants to hide a key's entries among others files more.
const MAX_CANDIDATES: usize = 1_000;

/// A key for which a ledger without the instance's row is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyUsed {
    pub fingerprint: Fingerprint,
    pub shown: KeyUse,
}

/// The log's evidence of a key's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
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
             put that ledger file back, or name that table in LEDGER_TABLE, or bring the rows back, or make a new key \
             and trust no earlier one",
            self.fingerprint
        )
    }
}

impl std::error::Error for KeyUsed {}

/// The use of `key` that the log shows. Its index files entries by the sha256 of the key's PEM.
pub(super) async fn use_of(
    key: &PublicKey,
    log: &GatedLog,
    log_keys: &LogKeys,
    deadline: Deadline,
) -> Result<Option<KeyUse>, Unavailable> {
    let hash = Digest::sha256(key.pem().as_bytes());
    let pass = log.pass(Call::Search)?;
    let mut ids = match log.search(hash.hex(), pass, deadline).await {
        Err(LogError::Send(SendError::TooLarge(_))) => return Ok(Some(KeyUse::Unreadable)),
        ids => ids?,
    };
    let unread = ids.len() > MAX_CANDIDATES;
    ids.truncate(MAX_CANDIDATES);
    let mut unverifiable = None;
    let mut shown = unread.then_some(KeyUse::Unreadable);
    // An entry larger than a sighting's is skipped: whoever files one must not stop a new instance.
    let each = |entry: Result<LogEntry, EntryId>| {
        match entry.map(|entry| use_in(entry, key, log_keys)) {
            Ok(Ok(Some(found))) => shown = Some(found),
            Ok(Err(faults)) => unverifiable = Some(faults),
            _ => {}
        }
        if shown == Some(KeyUse::Entry) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    log.retrieve(ids, each, deadline).await?;
    match (shown, unverifiable) {
        (None, Some(faults)) => Err(Unavailable::LogUnverifiable(faults)),
        (shown, _) => Ok(shown),
    }
}

/// The use of `key` that an entry shows. Strangers file entries under a key's hash too.
fn use_in(entry: LogEntry, key: &PublicKey, log_keys: &LogKeys) -> Result<Option<KeyUse>, Vec<Fault>> {
    if is_by(&entry, std::slice::from_ref(key)) {
        return entry.verify(log_keys).map(|_| Some(KeyUse::Entry));
    }
    Ok((!entry.body().is_understood() && entry.contains_key(key)).then_some(KeyUse::Unreadable))
}
