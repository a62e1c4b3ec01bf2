//! Why the registry's answer is of no use, told apart by who is at fault.

use std::time::Duration;

use http::StatusCode;

use super::egress::{NotPublic, Refused};
use crate::http_client::SendError;

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The caller named a host that this instance does not call, or the registry led to one.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("not found, or not public: {registry} wants credentials")]
    WantsCredentials { registry: String },
    #[error("{registry} has no such {what}")]
    NotFound { registry: String, what: Missing },
    #[error("{registry} allows no more requests for now")]
    RateLimited { registry: String, retry_after: Option<String> },
    /// What the registry says about the manifest does not hold.
    #[error("{registry} {fault}")]
    Lied { registry: String, fault: String },
    #[error("{registry} cannot be reached: {fault}")]
    Unreachable { registry: String, fault: String },
    #[error("{registry} did not answer in time")]
    Timeout { registry: String },
    /// It timed out several times in a row, and was not asked.
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

/// Rounded up, so that whoever waits that long has waited long enough.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// What the registry does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Manifest,
    Blob,
    Name,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::Name => "repository",
        })
    }
}

impl UpstreamError {
    /// What went wrong while talking to `registry`.
    pub(super) fn from_send(registry: &str, error: SendError) -> Self {
        let registry = registry.to_owned();
        match error {
            SendError::Timeout => Self::Timeout { registry },
            SendError::TooLarge(limit) => {
                Self::Lied { registry, fault: format!("sent more than the {limit} bytes that are allowed here") }
            }
            SendError::Connection(ref cause) => match NotPublic::behind(cause) {
                Some(not_public) => Self::Refused(Refused::NotPublic(not_public.clone())),
                None => Self::Unreachable { registry, fault: error.to_string() },
            },
        }
    }

    pub(super) fn lied(registry: &str, fault: impl Into<String>) -> Self {
        Self::Lied { registry: registry.to_owned(), fault: fault.into() }
    }
}
