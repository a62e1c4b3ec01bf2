//! An embedded log on an address: what serves it, and what its clients must know.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::net::TcpListener;

use super::{Failure, listen};
use crate::config::LogConfig;
use crate::devlog::Devlog;
use crate::key::PublicKey;
use crate::tlog::{LogKey, LogKeys, RekorApi};

/// Larger than any entry whose attestation Rekor would store.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Serves `answer`, a log's API, until `stop` is done.
pub(super) async fn serve<A, F>(answer: A, listener: TcpListener, stop: impl Future<Output = ()>)
where
    A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Bytes>> + Send,
{
    let handler = move |request| {
        let answer = answer.clone();
        async move {
            match listen::read(request, MAX_REQUEST_BYTES).await {
                Ok(request) => answer(request).await.map(Full::new),
                Err(refusal) => refusal,
            }
        }
    };
    listen::serve(listener, handler, stop).await;
}

/// The answer of one log.
pub(super) async fn answer(log: Devlog, request: Request<Bytes>) -> Response<Bytes> {
    log.handle(request).await
}

/// The URL and the key of a log on this address, as its clients know them.
pub(super) fn config(log: &Devlog, address: &str) -> Result<LogConfig, Failure> {
    let keys = LogKeys::new(vec![key(log)?]).ok_or("the embedded log has no key")?;
    let url = format!("http://{address}").parse()?;
    Ok(match log.api() {
        RekorApi::V1 => LogConfig::v1(url, keys),
        RekorApi::V2 => LogConfig::v2(url, keys),
    })
}

/// The key of a log, as its clients know it.
pub(super) fn key(log: &Devlog) -> Result<LogKey, Failure> {
    let key = PublicKey::from_pem(log.public_key_pem())?;
    Ok(match log.api() {
        RekorApi::V1 => LogKey::v1(key),
        RekorApi::V2 => LogKey::v2(key, log.hostname())?,
    })
}
