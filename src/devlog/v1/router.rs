//! Routes of Rekor's API (its `openapi.yaml`).

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::log::MerkleLog;
use super::request::json_body;
use super::response::{ApiError, typed};
use super::{entries, heads, search};

const ENTRIES: &str = "/api/v1/log/entries";

pub(in crate::devlog) fn respond(log: &Arc<MerkleLog>, request: &Request<Bytes>) -> Response<Bytes> {
    let whole = request.uri().path();
    let path = whole.strip_suffix('/').unwrap_or(whole);
    let allowed = allowed(path);
    if allowed.is_empty() {
        let message = format!("path {whole} was not found");
        return ApiError::new(StatusCode::NOT_FOUND, message).into();
    }
    let method = request.method().as_str();
    if !allowed.split(',').any(|one| one == method) {
        let message = format!("method {method} is not allowed, but [{allowed}] are");
        return ApiError::method(message, allowed).into();
    }
    dispatch(log, request, path).unwrap_or_else(Response::from)
}

/// The methods that a path takes; empty for a path that leads nowhere.
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

fn dispatch(log: &Arc<MerkleLog>, request: &Request<Bytes>, path: &str) -> Result<Response<Bytes>, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    if request.method() == Method::POST {
        return match path {
            ENTRIES => entries::create(log, json_body(request, "proposedEntry")?),
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
