//! The evidence from a tlogistry instance. It counts only after it verifies.

use reqwest::{StatusCode, Url};

use crate::deadline::Deadline;
use crate::evidence::{Bundle, BundleError};
use crate::http_client::{self, SendError, read_body, send_idempotent};
use crate::image::Tag;
use crate::log_search::LogSearch;
use crate::oci::{TAG_UNKNOWN, has_code};
use crate::sighting::Sighting;

/// A bundle has some 6 KiB.
const MAX_BUNDLE_BYTES: usize = 64 << 10;

/// The reason why an instance's answer is not evidence.
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
}

/// Fetches and verifies the sighting of `tag` from the instance at `base`.
pub(super) async fn sighting(
    base: &Url,
    tag: &Tag,
    search: &LogSearch,
    deadline: Deadline,
) -> Result<Sighting, InstanceError> {
    let url = format!("{}/sightings/{tag}", base.as_str().trim_end_matches('/'));
    let client = http_client::builder().build().map_err(SendError::from)?;
    let response = send_idempotent(client.get(url), deadline).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let body = read_body(response, MAX_BUNDLE_BYTES, deadline).await.unwrap_or_default();
            // Any server answers 404 to an unknown path.
            return Err(if has_code(&body, TAG_UNKNOWN) { InstanceError::Unseen } else { InstanceError::NotTlogistry });
        }
        status => return Err(InstanceError::Status(status)),
    }
    let body = read_body(response, MAX_BUNDLE_BYTES, deadline).await?;
    Ok(Bundle::parse(&body)?.verify(tag, &search.log_keys, &search.trusted)?)
}
