//! Errors of asking a log.

use std::time::Duration;

use http::StatusCode;

use crate::foreign::shown;
use crate::http_client::SendError;

/// A failed call to the log. No variant says anything about a tag.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log could not be reached: {0}")]
    Send(#[from] SendError),
    #[error("the log answered {status}{}", .message.as_ref().map(|m| format!(": {m}")).unwrap_or_default())]
    Status { status: StatusCode, message: Option<String> },
    #[error("the log allows no more requests for now")]
    RateLimited { retry_after: Option<Duration> },
    #[error("the log's answer to {request} cannot be understood: {fault}")]
    Malformed { request: &'static str, fault: String },
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
            Self::Send(SendError::TooLarge(_)) | Self::Malformed { .. } | Self::Missing => false,
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
