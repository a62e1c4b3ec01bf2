//! The HTTP API of Rekor v1, over a log of one kind of entry: `intoto` 0.0.2.
//!
//! A request goes through `router` to one of `entries`, `search` or `heads`, which ask `log`.

mod entries;
mod heads;
mod index;
mod key;
mod log;
mod proposal;
mod record;
mod request;
mod response;
mod router;
mod search;
mod wire;

use bytes::Bytes;
use http::Response;

use response::ApiError;

pub(super) use log::MerkleLog;
pub(super) use router::respond;

/// The answer to a request whose handling has panicked.
pub(super) fn panicked() -> Response<Bytes> {
    ApiError::internal("Internal Server Error").into()
}
