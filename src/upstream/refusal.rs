//! The meaning of a registry's answer without success: the client's own answer, or a fault of the registry.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::de::IgnoredAny;

use super::Upstream;
use super::answer::{Answer, Words};
use super::error::{Missing, UpstreamError};
use crate::deadline::Deadline;
use crate::http_client;
use crate::image::Repository;
use crate::oci::{NAME_UNKNOWN, has_code};

/// As much of an error is read: more than any registry's, and enough of a page to find its text.
const MAX_ERROR_BYTES: usize = 16 << 10;
/// Longer `Retry-After` values of a registry are not passed on.
const MAX_RETRY_AFTER_LENGTH: usize = 40;
/// Codes of a repository that is private or not there.
const DENIED: [&str; 2] = ["DENIED", "UNAUTHORIZED"];

impl Upstream {
    /// The error for a response without success.
    pub(super) async fn refusal(
        &self,
        repository: &Repository,
        response: Response,
        what: Missing,
        deadline: Deadline,
    ) -> UpstreamError {
        let (registry, status) = (repository.registry().to_string(), response.status());
        let retry_after = retry_after(response.headers());
        match status {
            StatusCode::UNAUTHORIZED => UpstreamError::WantsCredentials { registry },
            StatusCode::TOO_MANY_REQUESTS => UpstreamError::RateLimited { registry, retry_after },
            StatusCode::NOT_FOUND => {
                let body = self.read_beginning(response, MAX_ERROR_BYTES, &registry, deadline).await;
                let what = if has_code(&body, NAME_UNKNOWN) { Missing::Repository } else { what };
                UpstreamError::NotFound { registry, what }
            }
            StatusCode::FORBIDDEN => {
                let body = self.read_beginning(response, MAX_ERROR_BYTES, &registry, deadline).await;
                forbidden(registry, &body)
            }
            StatusCode::SERVICE_UNAVAILABLE => match retry_after {
                Some(retry_after) => UpstreamError::Unavailable { registry, retry_after },
                None => UpstreamError::Status { registry, status },
            },
            StatusCode::GATEWAY_TIMEOUT => UpstreamError::Timeout { registry },
            status if is_for_the_client(status) => {
                let body = self.read_beginning(response, MAX_ERROR_BYTES, &registry, deadline).await;
                UpstreamError::Answered { registry, answer: Answer { status, words: Words::read(&body) } }
            }
            status => UpstreamError::Status { registry, status },
        }
    }
}

/// A 403. A registry denies what is private or not there, and often without a word. Whatever stands in front of it
/// denies addresses, with a page.
fn forbidden(registry: String, body: &[u8]) -> UpstreamError {
    let words = Words::read(body);
    let is_denied = words.code.as_deref().map(|code| DENIED.contains(&code));
    match (is_denied, &words.message) {
        (Some(true), Some(message)) => UpstreamError::Denied { registry, message: message.clone() },
        (Some(true), None) => UpstreamError::WantsCredentials { registry },
        (None, None) if is_silent(body) => UpstreamError::WantsCredentials { registry },
        _ => UpstreamError::Answered { registry, answer: Answer { status: StatusCode::FORBIDDEN, words } },
    }
}

/// Returns whether a body without code and message is also no page.
fn is_silent(body: &[u8]) -> bool {
    body.trim_ascii().is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Returns whether a status says something about what the client asked for. Clouds and firewalls have some of their own: to
/// whoever does not know them they are a 400 (RFC 9110 section 15).
///
/// Some concern the way from here to the registry. The client can do nothing about that, and its HTTP library would act on
/// them.
fn is_for_the_client(status: StatusCode) -> bool {
    let is_of_the_way = matches!(
        status,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::LENGTH_REQUIRED
            | StatusCode::EXPECTATION_FAILED
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::TOO_EARLY
            | StatusCode::UPGRADE_REQUIRED
            | StatusCode::PRECONDITION_REQUIRED
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    status.is_client_error() && !is_of_the_way
}

/// The registry's `Retry-After` as it came, if it is one: seconds or a date.
fn retry_after(headers: &HeaderMap) -> Option<String> {
    http_client::retry_after(headers)?;
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    (value.len() <= MAX_RETRY_AFTER_LENGTH).then(|| value.to_owned())
}
