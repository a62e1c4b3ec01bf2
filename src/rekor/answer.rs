//! Answers of Rekor, whichever version of the API.

use bytes::Bytes;
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::http_client::{read_body, retry_after, send_idempotent};
use crate::tlog::LogError;

/// The longest error message that is read.
const MAX_ERROR_BYTES: usize = 4 << 10;

/// Sends a request. Every call to a log may be repeated: reads change nothing, and an upload of equal bytes is found.
pub(super) async fn send(request: RequestBuilder, deadline: Deadline) -> Result<Response, LogError> {
    let response = send_idempotent(request, deadline).await?;
    match (response.status(), retry_after(response.headers())) {
        (StatusCode::TOO_MANY_REQUESTS, retry_after) => Err(LogError::RateLimited { retry_after }),
        (StatusCode::SERVICE_UNAVAILABLE, retry_after @ Some(_)) => Err(LogError::RateLimited { retry_after }),
        _ => Ok(response),
    }
}

/// The body of an answer with the `expected` status; any other becomes an error with the log's message.
pub(super) async fn expect(
    response: Response,
    expected: StatusCode,
    limit: usize,
    deadline: Deadline,
) -> Result<Bytes, LogError> {
    let status = response.status();
    if status == expected {
        return Ok(read_body(response, limit, deadline).await?);
    }
    let body = read_body(response, MAX_ERROR_BYTES, deadline).await.unwrap_or_default();
    #[derive(serde::Deserialize)]
    struct RekorError {
        message: String,
    }
    let message = serde_json::from_slice(&body).ok().map(|RekorError { message }| shown(&message).into_owned());
    Err(LogError::Status { status, message })
}
