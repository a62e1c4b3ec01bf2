//! Responses as Rekor v2's server frames them: gRPC's, translated by grpc-gateway.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::devlog::error::StorageError;

/// The header that names the entry which a refused one repeats.
const LOG_INDEX: HeaderName = HeaderName::from_static("x-log-index");

/// A status of gRPC (`google/rpc/code.proto`).
#[derive(Debug, Clone, Copy)]
enum Code {
    Unknown = 2,
    InvalidArgument = 3,
    NotFound = 5,
    AlreadyExists = 6,
    Unimplemented = 12,
    Internal = 13,
}

/// An answer with an error.
#[derive(Debug)]
pub(super) struct ApiError {
    code: Code,
    message: String,
    /// Of the entry that is there already.
    existing: Option<u64>,
}

impl ApiError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), existing: None }
    }

    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "Not Found")
    }

    /// A path that is there, asked by another method. (Rekor answers 501 and not 405.)
    pub(super) fn method() -> Self {
        Self::new(Code::Unimplemented, "Method Not Allowed")
    }

    /// The entry could not be added, and the client is not at fault.
    pub(super) fn not_integrated() -> Self {
        Self::new(Code::Unknown, "failed to integrate entry")
    }

    pub(super) fn internal() -> Self {
        Self::new(Code::Internal, "internal server error")
    }

    pub(super) fn already_exists(index: u64) -> Self {
        let message = format!("an equivalent entry already exists in the transparency log with index {index}");
        Self { existing: Some(index), ..Self::new(Code::AlreadyExists, message) }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            Code::Unknown | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists => StatusCode::CONFLICT,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "the embedded log could not answer");
        Self::not_integrated()
    }
}

/// `google.rpc.Status`.
#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
    details: [(); 0],
}

impl From<ApiError> for Response<Bytes> {
    fn from(error: ApiError) -> Self {
        let status = Status { code: error.code as u8, message: &error.message, details: [] };
        let mut response = json(error.status(), &status);
        response.headers_mut().extend(error.existing.map(|index| (LOG_INDEX, HeaderValue::from(index))));
        response
    }
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Of strings, numbers and lists, which always serialise.
    let body = serde_json::to_vec(body).expect("every answer is JSON");
    let mut response = typed("application/json", body.into());
    *response.status_mut() = status;
    response
}

/// 200 with a body of the given type, which no cache may keep.
pub(super) fn typed(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 with bytes that never change.
pub(super) fn immutable(body: Bytes) -> Response<Bytes> {
    let mut response = typed("application/octet-stream", body);
    let a_year = HeaderValue::from_static("max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, a_year);
    response
}
