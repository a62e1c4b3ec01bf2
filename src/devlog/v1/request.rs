//! Requests, read as go-openapi reads them for Rekor: bodies and query parameters.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use serde::Deserialize;

use super::response::{ApiError, Invalid};

/// The body, which Rekor's description of its API calls `name`.
pub(super) fn json_body<'a>(request: &'a Request<Bytes>, name: &str) -> Result<&'a [u8], ApiError> {
    // The content type of a request without one, to go-openapi.
    let default = HeaderValue::from_static("application/octet-stream");
    let content_type = request.headers().get(CONTENT_TYPE).unwrap_or(&default);
    let content_type = content_type.to_str().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.contains('/') {
        let message = format!(
            "parsing Content-Type header from {content_type:?} failed, because mediatype: malformed: \
             {media_type:?} has no subtype"
        );
        return Err(ApiError::bad_request(message));
    }
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("unsupported media type \"{media_type}\", only [application/json] are allowed");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    if request.body().is_empty() {
        return Err(ApiError::invalid(Invalid::Required, format!("{name} in body is required")));
    }
    Ok(request.body())
}

/// A body's JSON object. Serde takes an array for a struct too; Rekor takes objects, and null for an empty one.
pub(super) fn object<'a, T: Deserialize<'a> + Default>(body: &'a [u8], parameter: &str) -> Result<T, ApiError> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(ApiError::unparsable(parameter, "it is an array"));
    }
    let parsed: Option<T> = serde_json::from_slice(body).map_err(|error| ApiError::unparsable(parameter, error))?;
    Ok(parsed.unwrap_or_default())
}

/// The value of a query parameter. Rekor's hold digits alone, so nothing is decoded.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// A whole number in the query, at least `minimum`; `None` if it is not there.
pub(super) fn number(query: &str, name: &str, minimum: i64) -> Result<Option<u64>, ApiError> {
    let Some(text) = parameter(query, name) else {
        return Ok(None);
    };
    let number: i64 = text.parse().map_err(|_| {
        let message = format!("{name} in query must be of type int64: {text:?}");
        ApiError::invalid(Invalid::Type, message)
    })?;
    let positive = u64::try_from(number).ok().filter(|_| number >= minimum);
    let positive = positive.ok_or_else(|| {
        let message = format!("{name} in query should be greater than or equal to {minimum}");
        ApiError::invalid(Invalid::Minimum, message)
    })?;
    Ok(Some(positive))
}

/// The refusal of a parameter that must be there.
pub(super) fn required(name: &str) -> ApiError {
    ApiError::invalid(Invalid::Required, format!("{name} in query is required"))
}
