//! What a tlogistry instance answers about a tag. Evidence counts only after it verifies; the rest is the instance's word.

use bytes::Bytes;
use reqwest::StatusCode;
use url::Url;

use crate::base_url;
use crate::deadline::Deadline;
use crate::evidence::{Bundle, BundleError};
use crate::http_client::{self, SendError, read_body, send_idempotent};
use crate::image::Tag;
use crate::log_search::LogSearch;
use crate::oci::{TAG_UNKNOWN, has_code};
use crate::refused::RefusedDigests;
use crate::sighting::Sighting;

/// A bundle has some 6 KiB, the moves of a tag as much.
const MAX_ANSWER_BYTES: usize = 64 << 10;

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
    #[error("the instance's evidence does not hold: {0}")]
    Bundle(#[from] BundleError),
    #[error("the instance's answer about moves cannot be understood")]
    Moves,
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
    let body = get(base, &format!("sightings/{tag}"), deadline).await?;
    Ok(Bundle::parse(&body)?.verify(tag, &search.log_keys, &search.trusted)?)
}

/// Fetches what the instance at `base` remembers of a tag's moves.
pub(super) async fn moves(base: &Url, tag: &Tag, deadline: Deadline) -> Result<RefusedDigests, InstanceError> {
    let body = get(base, &format!("moves/{tag}"), deadline).await?;
    RefusedDigests::parse(&body).ok_or(InstanceError::Moves)
}

async fn get(base: &Url, path: &str, deadline: Deadline) -> Result<Bytes, InstanceError> {
    let url = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    let client = http_client::builder().build().map_err(SendError::from)?;
    let response = send_idempotent(client.get(url), deadline).await?;
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
