//! Errors of asking a log.

use std::time::Duration;

use http::StatusCode;

use crate::foreign::shown;
use crate::http_client::SendError;

/// A failed call to the log. No variant says anything about a tag.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The network or the log failed: no whole answer came.
    #[error("the log could not be reached: {0}")]
    Send(#[from] SendError),
    /// The log failed if it is 5xx or 408. Any other status refuses such a request for good.
    #[error("the log answered {status}{}", .message.as_ref().map(|m| format!(": {m}")).unwrap_or_default())]
    Status {
        /// HTTP status: not the expected one, and not 429.
        status: StatusCode,
        /// The log's own words, made safe to print. `None` if its body is not Rekor's JSON for errors.
        message: Option<String>,
    },
    /// The log answered 429, or 503 with `Retry-After`. The gate holds further calls back.
    #[error("the log allows no more requests for now")]
    RateLimited {
        /// The time that its `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// The log, or this shard of it, answered 405: it takes no entries any more. The configuration is to name the next one.
    #[error("the log takes no new entries any more: name the log, or the shard, that does")]
    Frozen,
    /// The entry stands in another log than the one that was asked: in a shard that is not written any more.
    #[error("the entry stands in another log than this one")]
    OtherLog,
    /// Rekor v2 keeps no index.
    #[error("this log cannot be searched: Rekor v2 keeps no index")]
    NotSearchable,
    /// Rekor v1 has no tiles.
    #[error("this log cannot be read through: Rekor v1 has no tiles")]
    NotReadable,
    /// The log's fault, or the URL is not that of a Rekor with the configured API.
    #[error("the log's answer to {request} cannot be understood: {fault}")]
    Malformed {
        /// The kind of call, with its article.
        request: &'static str,
        /// The parser's words, made safe to print.
        fault: String,
    },
    /// The log's fault: the entry left out could be the one that counts.
    #[error("the log's index names entries that the log does not return")]
    Missing,
}

impl LogError {
    pub(crate) fn malformed(request: &'static str, fault: impl ToString) -> Self {
        Self::Malformed { request, fault: shown(&fault.to_string()).into_owned() }
    }

    /// True if the log or the way to it failed, so that another try may go well. A wrong answer stays wrong.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Send(SendError::Timeout | SendError::Connection(_)) | Self::RateLimited { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT,
            Self::Send(SendError::TooLarge(_))
            | Self::Frozen
            | Self::OtherLog
            | Self::NotSearchable
            | Self::NotReadable
            | Self::Malformed { .. }
            | Self::Missing => false,
        }
    }
}

/// The reason why an answer is not a log entry.
#[derive(Debug, thiserror::Error)]
#[error("not a log entry: {0}")]
pub struct EntryError(String);

impl EntryError {
    pub(crate) fn new(fault: impl Into<String>) -> Self {
        Self(fault.into())
    }
}
