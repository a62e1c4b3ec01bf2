//! Responses as Rekor's server frames them.

use std::fmt::Display;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::devlog::error::StorageError;

/// The `code` of an error with status 422: the rule by which go-openapi, which reads Rekor's requests, finds one invalid
/// (github.com/go-openapi/errors, schema.go).
#[derive(Debug, Clone, Copy)]
pub(super) enum Invalid {
    Type = 601,
    Required = 602,
    Pattern = 605,
    Enum = 606,
    Minimum = 609,
    MaxItems = 611,
    MinItems = 612,
}

/// An answer with an error.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    /// The `code` in the body; the status, except where go-openapi has codes of its own.
    code: u16,
    /// `None` answers without a body.
    message: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: status.as_u16(), message: Some(message.into()), header: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn invalid(why: Invalid, message: impl Into<String>) -> Self {
        Self { code: why as u16, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    /// go-openapi's error for a body that is not the JSON that it should be.
    pub(super) fn unparsable(parameter: &str, why: impl Display) -> Self {
        Self::bad_request(format!("parsing {parameter} body from \"\" failed, because {why}"))
    }

    /// Rekor's 404 for an entry: no body.
    pub(super) fn no_such_entry() -> Self {
        Self { message: None, ..Self::new(StatusCode::NOT_FOUND, "") }
    }

    pub(super) fn conflict(message: impl Into<String>, location: &str) -> Self {
        Self { header: header_value(location).map(|url| (LOCATION, url)), ..Self::new(StatusCode::CONFLICT, message) }
    }

    /// The same error with another content type than JSON's.
    pub(super) fn typed(self, content_type: &'static str) -> Self {
        Self { header: Some((CONTENT_TYPE, HeaderValue::from_static(content_type))), ..self }
    }

    pub(super) fn method(message: impl Into<String>, allowed: &'static str) -> Self {
        Self {
            header: Some((ALLOW, HeaderValue::from_static(allowed))),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "the embedded log could not answer");
        Self::internal("unexpected error communicating with transparency log")
    }
}

#[derive(Serialize)]
struct ApiErrorBody<'a> {
    code: u16,
    message: &'a str,
}

impl From<ApiError> for Response<Bytes> {
    fn from(error: ApiError) -> Self {
        let mut response = match &error.message {
            None => Response::new(Bytes::new()),
            Some(message) => json(&ApiErrorBody { code: error.code, message }),
        };
        *response.status_mut() = error.status;
        if let Some((name, value)) = error.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A header value, if the text can be one.
pub(super) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

/// 200 with a JSON body.
pub(super) fn json(body: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(body) {
        Ok(mut body) => {
            body.push(b'\n'); // Go's encoder ends so.
            typed("application/json", body.into())
        }
        // A map whose keys are not strings, or a failing `Serialize`: neither is answered here.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// 200 with a body of the given type.
pub(super) fn typed(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Every answer depends on the head of the tree or on who asked first.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
