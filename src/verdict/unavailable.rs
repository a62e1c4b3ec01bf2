//! Reasons for which there is no verdict.

use std::time::Duration;

use super::instance::ForgottenKey;
use super::key_use::KeyUsed;
use crate::ledger::{LedgerError, RowFault};
use crate::rate_limit::Exhausted;
use crate::sighting::{SignError, UploadError};
use crate::tlog::{Closed, Fault, Faults, LogError, PolicyFault};

/// Reasons for which nothing is served by tag.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    /// A search, a retrieval or an upload failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing was signed or written that would have needed the log.
    #[error(transparent)]
    LogSpared(#[from] Closed),
    /// The log may have the statement all the same. The next pull finishes the row.
    #[error("the log did not confirm the recording in time")]
    Unconfirmed,
    /// The log's fault, unless a key in `REKOR_PUBLIC_KEYS` is missing: it might be the entry that counts.
    #[error("an entry of the log does not verify: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
    /// The log's fault. The row stays pending.
    #[error("the log answered an upload with an entry of another statement")]
    OtherEntry,
    /// The witnesses' fault, or the log's that did not ask them. The row stays pending: the next pull asks the log for
    /// the same entry under its checkpoint of then.
    #[error("the new entry does not count yet: {0}")]
    Uncosigned(PolicyFault),
    /// Anyone can file entries under a tag's hash. The next search skips those that this one has read.
    #[error("the log lists {0} entries under this tag, more than could be checked in time")]
    TooManyEntries(usize),
    /// Somebody else uses the key, or the entry holds it in a form that cannot be read.
    #[error("the log holds an entry by a signing key, with index {log_index}, that no sighting of this tag explains")]
    Unexplained { log_index: u64 },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Somebody changed the row, or an earlier signing key is not trusted here.
    #[error("the ledger's row for this tag does not verify: {0}")]
    LedgerUnverifiable(#[from] RowFault),
    /// The operator's fault. No tag is served until the key is configured.
    #[error(transparent)]
    ForgottenKey(#[from] ForgottenKey),
    /// The operator's fault, as a rule: the table is another than the one that the key was used with.
    #[error(transparent)]
    KeyUsed(#[from] KeyUsed),
    #[error(transparent)]
    Key(#[from] SignError),
    /// Passes by itself: after the lease anyone may finish the row.
    #[error("the tag is being recorded by another request")]
    BeingRecorded,
    #[error(transparent)]
    TooManyFirstSights(#[from] Exhausted),
    /// The recording panicked, or the process is ending. The next pull finishes the row.
    #[error("recording was interrupted")]
    Interrupted,
    /// Answers a request for evidence, which records nothing.
    #[error("its recording broke off; the next pull of the tag finishes it")]
    Abandoned,
    /// Answers a request for evidence. The entry verifies and does not say which digest.
    #[error("the log no longer has the statement of the entry that it holds for this tag")]
    StatementLost,
    /// Answers a request for a tag's history. The index of attestations lacks the manifest.
    #[error("the type and size of its manifest are not known; the next pull of the tag brings them back")]
    Undescribed,
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
    /// Returns whether the log is at fault, or strangers who fill it, and the operator can only wait.
    pub(crate) fn is_of_the_log(&self) -> bool {
        match self {
            Self::Log(_)
            | Self::LogSpared(_)
            | Self::Unconfirmed
            | Self::LogUnverifiable(_)
            | Self::OtherEntry
            | Self::Uncosigned(_)
            | Self::TooManyEntries(_)
            | Self::StatementLost
            // Another request is recording the tag, and waits for the log.
            | Self::BeingRecorded
            | Self::Abandoned => true,
            Self::Unexplained { .. }
            | Self::Ledger(_)
            | Self::LedgerUnverifiable(_)
            | Self::ForgottenKey(_)
            | Self::KeyUsed(_)
            | Self::Key(_)
            | Self::TooManyFirstSights(_)
            | Self::Interrupted
            | Self::Undescribed => false,
        }
    }

    /// Returns whether the request's time was over before the key or the ledger had answered.
    pub(crate) fn is_out_of_time(&self) -> bool {
        matches!(self, Self::Ledger(LedgerError::Timeout) | Self::Key(SignError::Timeout))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_log_are_told_from_those_of_ledger_key_and_limits() {
        for cause in [
            Unavailable::Log(LogError::Missing),
            Unavailable::LogUnverifiable(Vec::new()),
            Unavailable::TooManyEntries(11),
            Unavailable::StatementLost,
            Unavailable::BeingRecorded,
            Unavailable::Abandoned,
        ] {
            assert!(cause.is_of_the_log() && !cause.is_out_of_time(), "{cause}");
        }
        for cause in [
            Unavailable::Unexplained { log_index: 1 },
            Unavailable::Ledger(LedgerError::Importing),
            Unavailable::Key(SignError::KeySpec),
            Unavailable::TooManyFirstSights(Exhausted { retry_after: Duration::ZERO }),
            Unavailable::Interrupted,
        ] {
            assert!(!cause.is_of_the_log() && !cause.is_out_of_time(), "{cause}");
        }
        for cause in [Unavailable::Ledger(LedgerError::Timeout), Unavailable::Key(SignError::Timeout)] {
            assert!(!cause.is_of_the_log() && cause.is_out_of_time(), "{cause}");
        }
    }
}
