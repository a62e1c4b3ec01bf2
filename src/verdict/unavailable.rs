//! Reasons for which there is no verdict.

use std::time::Duration;

use super::instance::ForgottenKey;
use super::key_use::KeyUsed;
use crate::ledger::{LedgerError, RowFault};
use crate::rate_limit::Exhausted;
use crate::sighting::{SignError, UploadError};
use crate::tlog::{Closed, Fault, Faults, LogError};

/// Reasons for which nothing is served by tag.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing was signed or written that would have needed the log.
    #[error(transparent)]
    LogSpared(#[from] Closed),
    #[error("the log did not confirm the recording in time")]
    Unconfirmed,
    #[error("an entry of the log does not verify: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
    #[error("the log answered an upload with an entry of another statement")]
    OtherEntry,
    #[error("the log lists {0} entries under this tag, more than could be checked in time")]
    TooManyEntries(usize),
    #[error("the log holds an entry by a signing key, with index {log_index}, that no sighting of this tag explains")]
    Unexplained { log_index: u64 },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger's row for this tag does not verify: {0}")]
    LedgerUnverifiable(#[from] RowFault),
    #[error("{0}")]
    ForgottenKey(ForgottenKey),
    #[error("{0}")]
    KeyUsed(KeyUsed),
    #[error(transparent)]
    Key(#[from] SignError),
    #[error("the tag is being recorded by another request")]
    BeingRecorded,
    #[error(transparent)]
    TooManyFirstSights(#[from] Exhausted),
    #[error("recording was interrupted")]
    Interrupted,
    #[error("its recording broke off; the next pull of the tag finishes it")]
    Abandoned,
    #[error("the log no longer has the statement of the entry that it holds for this tag")]
    StatementLost,
}

impl From<ForgottenKey> for Unavailable {
    fn from(forgotten: ForgottenKey) -> Self {
        Self::ForgottenKey(forgotten)
    }
}

impl From<KeyUsed> for Unavailable {
    fn from(used: KeyUsed) -> Self {
        Self::KeyUsed(used)
    }
}

impl From<UploadError> for Unavailable {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Key(error) => error.into(),
            UploadError::Log(error) => error.into(),
        }
    }
}

impl Unavailable {
    /// The time until a call that was held back may be made.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyFirstSights(Exhausted { retry_after }) | Self::LogSpared(Closed { retry_after }) => {
                Some(*retry_after)
            }
            _ => None,
        }
    }
}
