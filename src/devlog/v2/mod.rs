//! The HTTP API of Rekor v2 (sigstore/rekor-tiles 2.3), over a log of one kind of entry: `hashedrekord` 0.0.2.
//!
//! A write goes through `router` to `add`, which checks the request (`request`, `entry`, `wire`) and appends it to the `log`.
//! Reads are of C2SP's tiles (`tiles`), below the same path as in the public log: a local Rekor leaves them to a server of
//! static files.
//!
//! Rekor answers once it has published the next checkpoint, and drops an earlier one of the same entry as well as it can. Here
//! every entry is in a checkpoint at once, and none is taken twice.

mod add;
mod entry;
mod key;
mod log;
mod proto_json;
mod request;
mod response;
mod router;
mod tiles;
mod wire;

use bytes::Bytes;
use http::Response;

use response::ApiError;

pub(super) use log::TileLog;
pub(super) use router::respond;

/// The answer to a request whose handling has panicked.
pub(super) fn panicked() -> Response<Bytes> {
    ApiError::internal().into()
}
