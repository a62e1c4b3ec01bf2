//! Failures of a call to a registry, told apart by who is at fault.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::egress::{EgressRefusal, NotPublic};
use super::misbehaviour::Misbehaviour;
use crate::http_client::SendError;

/// A call that brought nothing usable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The caller named a host that this instance does not call, or the registry led to one.
    #[error(transparent)]
    Refused(#[from] EgressRefusal),
    #[error("not found, or not public: {registry} wants credentials")]
    WantsCredentials { registry: String },
    #[error("{registry} has no such {what}")]
    NotFound { registry: String, what: Missing },
    #[error("{registry} allows no more requests for now")]
    RateLimited { registry: String, retry_after: Option<String> },
    #[error("{registry} {how}")]
    Misbehaved { registry: String, how: Misbehaviour },
    #[error("{registry} cannot be reached: {fault}")]
    Unreachable { registry: String, fault: String },
    #[error("{registry} did not answer in time")]
    Timeout { registry: String },
    /// Several requests in a row timed out, so this one was not sent.
    #[error(
        "{registry} did not answer in time, several times in a row, and is not asked for the next {} s",
        whole_seconds(*.wait)
    )]
    Silent { registry: String, wait: Duration },
    #[error("{registry} answered {status}")]
    Status { registry: String, status: StatusCode },
    #[error(
        "{registry} sends the bytes of blobs itself, and only to holders of a token; tlogistry never carries blobs, so \
         images of this registry cannot be pulled through it"
    )]
    BlobNeedsToken { registry: String },
}

/// The thing that a registry does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Manifest,
    Blob,
    Repository,
}

impl UpstreamError {
    /// The error for a failed exchange with `registry`.
    pub(super) fn from_send(registry: &str, error: SendError) -> Self {
        match error {
            SendError::Timeout => Self::Timeout { registry: registry.to_owned() },
            SendError::TooLarge(limit) => Self::misbehaved(registry, Misbehaviour::TooLarge { limit }),
            SendError::Connection(ref cause) => match NotPublic::behind(cause) {
                Some(not_public) => Self::Refused(EgressRefusal::NotPublic(not_public.clone())),
                None => Self::Unreachable { registry: registry.to_owned(), fault: error.to_string() },
            },
        }
    }

    pub(crate) fn misbehaved(registry: &str, how: Misbehaviour) -> Self {
        Self::Misbehaved { registry: registry.to_owned(), how }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::Repository => "repository",
        })
    }
}

/// Seconds, rounded up: a client that waits this long has waited long enough.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
