//! Failures of a call to a registry, told apart by who is at fault.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::answer::{Answer, shown_status};
use super::egress::{EgressRefusal, NotPublic};
use super::misbehaviour::Misbehaviour;
use crate::foreign::shown;
use crate::http_client::SendError;

/// A call that brought nothing usable.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The caller named a host that this instance does not call, or the registry led to one.
    #[error(transparent)]
    Refused(#[from] EgressRefusal),
    /// 401, or 403 without a word, to an anonymous pull: the repository is private, or not there.
    #[error("not found, or not public: {registry} wants credentials")]
    WantsCredentials { registry: String },
    /// The registry redirects to another one, which gets no token: only the client knows whether it is to be trusted as much.
    /// `host` has its port, if that is not the scheme's own.
    #[error(
        "{registry} redirects to {}, which wants a token of its own; tlogistry gets tokens only for the registry that was \
         named, so name {0} instead",
        shown(.host)
    )]
    WantsOtherToken { registry: String, host: String },
    /// 403 with the registry's reason.
    #[error("not found, or not public: {registry} wants credentials, and says '{message}'")]
    Denied { registry: String, message: String },
    /// The registry's answer to what the client asked for: its status, code and message are the client's.
    #[error("{registry} answered {answer}")]
    Answered { registry: String, answer: Answer },
    /// 503 with the time at which to come again: the registry's header as it came.
    #[error("{registry} is unavailable for now")]
    Unavailable { registry: String, retry_after: String },
    /// The caller's fault. The registry's error code tells a missing repository from a missing manifest.
    #[error("{registry} has no such {what}")]
    NotFound { registry: String, what: Missing },
    /// The limit of this instance's address, as a rule. `retry_after` is the registry's header as it came.
    #[error("{registry} allows no more requests for now")]
    RateLimited { registry: String, retry_after: Option<String> },
    /// The registry's fault: nothing of the answer is used.
    #[error("{registry} {how}")]
    Misbehaved { registry: String, how: Misbehaviour },
    /// No connection, or none that TLS trusts. `fault` is the innermost cause.
    #[error("{registry} cannot be reached: {fault}")]
    Unreachable { registry: String, fault: String },
    /// The registry was silent for too long, or a gateway in front of it answered 504.
    #[error("{registry} did not answer in time")]
    Timeout { registry: String },
    /// Several requests in a row timed out, so this one was not sent.
    #[error(
        "{registry} did not answer in time, several times in a row, and is not asked for the next {} s",
        whole_seconds(*.wait)
    )]
    Silent { registry: String, wait: Duration },
    /// The registry's fault, 5xx as a rule, or a status that concerns the way to it.
    #[error("{registry} answered {}", shown_status(*.status))]
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
    /// Returns whether the registry has decided: it does not have what was asked for, or does not show it to anyone.
    pub(super) fn is_no(&self) -> bool {
        match self {
            Self::WantsCredentials { .. } | Self::Denied { .. } | Self::NotFound { .. } => true,
            // Other statuses are about the request.
            Self::Answered { answer, .. } => answer.status == StatusCode::FORBIDDEN,
            _ => false,
        }
    }

    /// Returns whether the registry does not have what was asked for, or no longer has it.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Answered { answer, .. } => answer.status == StatusCode::GONE,
            _ => false,
        }
    }

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
