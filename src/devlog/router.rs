//! Which request goes where (Rekor's `openapi.yaml`).

use super::answer::{Invalid, Refusal, typed};
use super::{Devlog, entries, heads, search};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;

const ENTRIES: &str = "/api/v1/log/entries";

pub(super) fn answer(devlog: &Devlog, request: &Request<Bytes>) -> Response<Bytes> {
    let whole = request.uri().path();
    let path = whole.strip_suffix('/').unwrap_or(whole);
    let allowed = allowed(path);
    if allowed.is_empty() {
        let message = format!("path {whole} was not found");
        return Refusal::new(StatusCode::NOT_FOUND, message).into();
    }
    let method = request.method().as_str();
    if !allowed.split(',').any(|one| one == method) {
        let message = format!("method {method} is not allowed, but [{allowed}] are");
        return Refusal::method(message, allowed).into();
    }
    dispatch(devlog, request, path).unwrap_or_else(Response::from)
}

/// The methods that a path takes; none if there is nothing at that path.
fn allowed(path: &str) -> &'static str {
    match path {
        ENTRIES => "GET,POST",
        "/api/v1/log/entries/retrieve" | "/api/v1/index/retrieve" => "POST",
        "/api/v1/log" | "/api/v1/log/proof" | "/api/v1/log/publicKey" | "/ping" => "GET",
        _ if entry_id(path).is_some() => "GET",
        _ => "",
    }
}

/// The last part of an entry's path.
fn entry_id(path: &str) -> Option<&str> {
    let id = path.strip_prefix(ENTRIES)?.strip_prefix('/')?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

fn dispatch(devlog: &Devlog, request: &Request<Bytes>, path: &str) -> Result<Response<Bytes>, Refusal> {
    let log = &devlog.log;
    let query = request.uri().query().unwrap_or_default();
    if request.method() == Method::POST {
        return match path {
            ENTRIES => entries::create(devlog, json_body(request, "proposedEntry")?),
            "/api/v1/index/retrieve" => search::find(log, json_body(request, "query")?),
            _ => entries::retrieve(log, json_body(request, "entry")?),
        };
    }
    match path {
        ENTRIES => entries::by_index(log, query),
        "/api/v1/log" => heads::current(log),
        "/api/v1/log/proof" => heads::consistency(log, query),
        "/api/v1/log/publicKey" => heads::public_key(log, query),
        "/ping" => Ok(typed("text/plain", Bytes::from_static(b"."))),
        _ => entries::by_id(log, entry_id(path).unwrap_or_default()),
    }
}

/// The body, which Rekor's description of its API calls `name`.
fn json_body<'a>(request: &'a Request<Bytes>, name: &str) -> Result<&'a [u8], Refusal> {
    // What go-openapi takes a request without a content type to be.
    let default = HeaderValue::from_static("application/octet-stream");
    let content_type = request.headers().get(CONTENT_TYPE).unwrap_or(&default);
    let content_type = content_type.to_str().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.contains('/') {
        let message = format!(
            "parsing Content-Type header from {content_type:?} failed, because mediatype: malformed: \
             {media_type:?} has no subtype"
        );
        return Err(Refusal::bad_request(message));
    }
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("unsupported media type \"{media_type}\", only [application/json] are allowed");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    if request.body().is_empty() {
        return Err(Refusal::invalid(Invalid::Required, format!("{name} in body is required")));
    }
    Ok(request.body())
}

/// What a body holds. Serde takes an array for a struct too; Rekor takes objects, and null for an empty one.
pub(super) fn object<'a, T: Deserialize<'a> + Default>(body: &'a [u8], parameter: &str) -> Result<T, Refusal> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::unparsable(parameter, "it is an array"));
    }
    let parsed: Option<T> = serde_json::from_slice(body).map_err(|error| Refusal::unparsable(parameter, error))?;
    Ok(parsed.unwrap_or_default())
}

/// The value of a query parameter. Rekor's hold digits alone, so that nothing is decoded.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// A whole number in the query, at least `minimum`; `None` if it is not there.
pub(super) fn number(query: &str, name: &str, minimum: i64) -> Result<Option<u64>, Refusal> {
    let Some(text) = parameter(query, name) else {
        return Ok(None);
    };
    let number: i64 = text.parse().map_err(|_| {
        let message = format!("{name} in query must be of type int64: {text:?}");
        Refusal::invalid(Invalid::Type, message)
    })?;
    let positive = u64::try_from(number).ok().filter(|_| number >= minimum);
    let positive = positive.ok_or_else(|| {
        let message = format!("{name} in query should be greater than or equal to {minimum}");
        Refusal::invalid(Invalid::Minimum, message)
    })?;
    Ok(Some(positive))
}

/// The refusal of a parameter that must be there.
pub(super) fn required(name: &str) -> Refusal {
    Refusal::invalid(Invalid::Required, format!("{name} in query is required"))
}
