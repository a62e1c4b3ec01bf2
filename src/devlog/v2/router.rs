//! Routes of Rekor v2's API (`rekor/v2/rekor_service.proto`).

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};

use super::add;
use super::log::TileLog;
use super::response::{ApiError, typed};
use super::tiles::TilePath;

pub(in crate::devlog) fn respond(log: &Arc<TileLog>, request: &Request<Bytes>) -> Response<Bytes> {
    dispatch(log, request).unwrap_or_else(Response::from)
}

fn dispatch(log: &TileLog, request: &Request<Bytes>) -> Result<Response<Bytes>, ApiError> {
    // As a server of static files has it. A HEAD gets the headers: hyper leaves out the body.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/api/v2/log/entries" if request.method() == Method::POST => add::create(log, request.body()),
        "/api/v2/checkpoint" if reads => Ok(typed("text/plain; charset=utf-8", log.checkpoint().map(Bytes::from)?)),
        "/healthz" if request.method() == Method::GET => {
            Ok(typed("application/json", Bytes::from_static(b"{\"status\":\"SERVING\"}\n")))
        }
        "/api/v2/log/entries" | "/api/v2/checkpoint" | "/healthz" => Err(ApiError::method()),
        path => match path.strip_prefix("/api/v2/tile/").and_then(TilePath::parse) {
            Some(tile) if reads => tile.read(log),
            Some(_) => Err(ApiError::method()),
            None => Err(ApiError::not_found()),
        },
    }
}
