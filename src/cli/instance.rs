//! The answers of a tlogistry instance about a tag. Evidence counts only after it verifies; the rest is the instance's word.

use bytes::Bytes;
use reqwest::header::USER_AGENT;
use reqwest::{Client, Method, Response, StatusCode};
use url::Url;

use crate::base_url;
use crate::deadline::Deadline;
use crate::evidence::{Bundle, BundleError};
use crate::foreign::shown;
use crate::http_client::{self, SendError, read_body, send_idempotent};
use crate::image::Tag;
use crate::log_search::LogSearch;
use crate::oci::{TAG_UNKNOWN, has_code, message};
use crate::refused::RefusedDigests;
use crate::sighting::Sighting;

/// A bundle has some 6 KiB, the moves of a tag as much.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Names whoever pulls: an instance refuses the requests of other instances, which `tlogistry/` in front tells it.
const PULLER: &str = concat!("tlogistry-cli/", env!("CARGO_PKG_VERSION"));

/// The reason why an instance's answer is not one.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstanceError {
    #[error("the instance could not be reached: {0}")]
    Send(#[from] SendError),
    #[error("the instance has never seen this tag")]
    Unseen,
    /// A 404 without tlogistry's error code.
    #[error("the instance answered 404 Not Found, and may not be a tlogistry")]
    NotTlogistry,
    #[error("the instance answered {0}")]
    Status(StatusCode),
    /// Carries the instance's words.
    #[error("the instance answered {status}: {words}")]
    Refused { status: StatusCode, words: String },
    #[error("the instance's evidence does not hold: {0}")]
    Bundle(#[from] BundleError),
    #[error("the instance's answer about moves cannot be understood")]
    Moves,
}

impl InstanceError {
    /// Returns whether the instance may answer otherwise in a while: it, or what it needs, is down or limits requests.
    pub(super) fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Send(SendError::Timeout | SendError::Connection(_)) => true,
            Self::Status(status) | Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Send(SendError::TooLarge(_)) | Self::Unseen | Self::NotTlogistry | Self::Bundle(_) | Self::Moves => {
                false
            }
        }
    }
}

/// Parses the value of `--instance`. The error does not repeat it.
pub(super) fn parse(url: Option<&String>) -> Result<Option<Url>, String> {
    url.map(|url| base_url::parse(url)).transpose().map_err(|error| format!("--instance: {error}"))
}

/// Fetches and verifies the sighting of `tag` from the instance at `base`.
pub(super) async fn sighting(
    base: &Url,
    tag: &Tag,
    search: &LogSearch,
    deadline: Deadline,
) -> Result<Sighting, InstanceError> {
    Ok(bundle(base, tag, deadline).await?.verify(tag, &search.log_keys, &search.trusted)?)
}

/// Fetches the evidence of `tag` from the instance at `base`. It is not yet verified.
pub(super) async fn bundle(base: &Url, tag: &Tag, deadline: Deadline) -> Result<Bundle, InstanceError> {
    let body = get(base, &format!("sightings/{tag}"), deadline).await?;
    Ok(Bundle::parse(&body)?)
}

/// Asks the instance at `base` for the manifest of `tag` by HEAD, so that it records a tag that it has never seen.
pub(super) async fn pull(base: &Url, tag: &Tag, deadline: Deadline) -> Result<(), InstanceError> {
    let url = url(base, &format!("v2/{}/manifests/{}", tag.repository(), tag.name()));
    let client = client()?;
    let request = |method| client.request(method, &url).header(USER_AGENT, PULLER);
    let response = send_idempotent(request(Method::HEAD), deadline).await?;
    if response.status().is_success() {
        return Ok(());
    }
    // An answer to HEAD has no words.
    refusal(send_idempotent(request(Method::GET), deadline).await?, deadline).await
}

/// The error that an answer is; none if it is a success.
async fn refusal(response: Response, deadline: Deadline) -> Result<(), InstanceError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = read_body(response, MAX_ANSWER_BYTES, deadline).await.unwrap_or_default();
    Err(match message(&body) {
        Some(words) => InstanceError::Refused { status, words: shown(&words).into_owned() },
        None => InstanceError::Status(status),
    })
}

/// Fetches what the instance at `base` remembers of a tag's moves.
pub(super) async fn moves(base: &Url, tag: &Tag, deadline: Deadline) -> Result<RefusedDigests, InstanceError> {
    let body = get(base, &format!("moves/{tag}"), deadline).await?;
    RefusedDigests::parse(&body).ok_or(InstanceError::Moves)
}

fn url(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

fn client() -> Result<Client, SendError> {
    Ok(http_client::builder().build()?)
}

async fn get(base: &Url, path: &str, deadline: Deadline) -> Result<Bytes, InstanceError> {
    let response = send_idempotent(client()?.get(url(base, path)), deadline).await?;
    match response.status() {
        StatusCode::OK => Ok(read_body(response, MAX_ANSWER_BYTES, deadline).await?),
        StatusCode::NOT_FOUND => {
            let body = read_body(response, MAX_ANSWER_BYTES, deadline).await.unwrap_or_default();
            // Any server answers 404 to an unknown path.
            Err(if has_code(&body, TAG_UNKNOWN) { InstanceError::Unseen } else { InstanceError::NotTlogistry })
        }
        status => Err(InstanceError::Status(status)),
    }
}
