//! The HTTP client of all rooms that ask a server: its settings, the second try of a request, bodies read within a limit.

mod aws;
mod backoff;
mod retry_after;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};

use crate::deadline::{Deadline, Elapsed};
use crate::foreign::shown;

pub(crate) use aws::AwsHttp;
pub(crate) use backoff::{Backoff, random_part, spread};
pub(crate) use retry_after::retry_after;

/// A host that does not accept a connection within this time is treated as down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the idle time-outs that load balancers in front of registries use (60 s and more), so that a kept
/// connection is seldom one that the other side has closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A second try waits between this and twice this.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The name in every client's `User-Agent`, before the version.
pub(crate) const PRODUCT: &str = "tlogistry/";
const USER_AGENT: &str = concat!("tlogistry/", env!("CARGO_PKG_VERSION"));

/// The reason why no usable response came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("no answer in time")]
    Timeout,
    #[error("{}", cause(.0))]
    Connection(reqwest::Error),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl From<Elapsed> for SendError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::Connection(error) }
    }
}

/// The innermost cause, which names the fault ('connection refused'); the outer ones repeat the URL.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    // It may hold foreign text, such as a certificate's names.
    shown(&error.to_string()).into_owned()
}

/// A builder with the settings of every client here: redirects are not followed, proxies are not taken from the
/// environment, nothing is decompressed, and [`tls`] says who is trusted.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls::settings())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
}

/// Sends an idempotent request; once more when the connection failed or a gateway answered 502, 503 or 504.
pub(crate) async fn send_idempotent(request: RequestBuilder, deadline: Deadline) -> Result<Response, SendError> {
    send_idempotent_unless(request, deadline, |_| false).await
}

/// Does the same as [`send_idempotent`], but no second try follows an error that `is_final`.
pub(crate) async fn send_idempotent_unless(
    request: RequestBuilder,
    deadline: Deadline,
    is_final: impl Fn(&reqwest::Error) -> bool,
) -> Result<Response, SendError> {
    let again = request.try_clone();
    let first = deadline.bound(request.send()).await?;
    let worth_repeating = match &first {
        Ok(response) => is_gateway_fault(response.status()),
        Err(error) => !error.is_timeout() && !error.is_builder() && !is_final(error),
    };
    match again {
        Some(request) if worth_repeating => {
            deadline.sleep(spread(RETRY_PAUSE, 1.0)).await;
            Ok(deadline.bound(request.send()).await??)
        }
        _ => Ok(first?),
    }
}

fn is_gateway_fault(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// Reads a body of at most `limit` bytes, whatever length its sender announced.
pub(crate) async fn read_body(response: Response, limit: usize, deadline: Deadline) -> Result<Bytes, SendError> {
    read_parts(response, limit, || deadline).await
}

/// Reads as [`read_body`] does, but each part of the body must come within `silence`.
pub(crate) async fn read_body_within(
    response: Response,
    limit: usize,
    silence: Duration,
    deadline: Deadline,
) -> Result<Bytes, SendError> {
    read_parts(response, limit, || deadline.within(silence)).await
}

/// Reads the first `limit` bytes of a body, or those before the error that ends it.
pub(crate) async fn read_beginning(
    mut response: Response,
    limit: usize,
    deadline: Deadline,
) -> (Vec<u8>, Option<SendError>) {
    let mut body = Vec::new();
    while body.len() < limit {
        match deadline.bound(response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk[..chunk.len().min(limit - body.len())]),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return (body, Some(error.into())),
            Err(elapsed) => return (body, Some(elapsed.into())),
        }
    }
    (body, None)
}

/// `deadline` is asked before each part.
async fn read_parts(mut response: Response, limit: usize, deadline: impl Fn() -> Deadline) -> Result<Bytes, SendError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(SendError::TooLarge(limit));
    }
    // A buffer of the announced size: a large body is not copied again and again while it grows.
    let mut body = Vec::with_capacity(announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0));
    while let Some(chunk) = deadline().bound(response.chunk()).await?? {
        if body.len() + chunk.len() > limit {
            return Err(SendError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    // Caches count the length of a body, not its capacity.
    body.shrink_to_fit();
    Ok(body.into())
}
