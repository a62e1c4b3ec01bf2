//! The evidence that an instance hands out, believed only as far as it verifies.

use reqwest::{StatusCode, Url};

use crate::cli::lookup::Lookup;
use crate::deadline::Deadline;
use crate::evidence::{Bundle, BundleError};
use crate::image::Tag;
use crate::oci::{TAG_UNKNOWN, has_code};
use crate::outgoing::{self, SendError, read_body, send_idempotent};
use crate::sighting::Sighting;

/// A bundle has some 6 KiB.
const MAX_BUNDLE_BYTES: usize = 64 << 10;

/// Why an instance's answer shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("the instance could not be reached: {0}")]
    Send(#[from] SendError),
    #[error("the instance has never seen this tag")]
    Unseen,
    /// It does not say so as a tlogistry does.
    #[error("the instance answered 404 Not Found, and may be no tlogistry")]
    Stranger,
    #[error("the instance answered {0}")]
    Status(StatusCode),
    #[error("the instance's evidence does not hold: {0}")]
    Bundle(#[from] BundleError),
}

/// The sighting of `tag` that the instance at `base` has evidence for.
pub async fn sighting(base: &Url, tag: &Tag, lookup: &Lookup, deadline: Deadline) -> Result<Sighting, InstanceError> {
    let url = format!("{}/sightings/{tag}", base.as_str().trim_end_matches('/'));
    let client = outgoing::builder().build().map_err(SendError::from)?;
    let response = send_idempotent(client.get(url), deadline).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let body = read_body(response, MAX_BUNDLE_BYTES, deadline).await.unwrap_or_default();
            // Any server answers 404 for a path that it does not have.
            return Err(if has_code(&body, TAG_UNKNOWN) { InstanceError::Unseen } else { InstanceError::Stranger });
        }
        status => return Err(InstanceError::Status(status)),
    }
    let body = read_body(response, MAX_BUNDLE_BYTES, deadline).await?;
    Ok(Bundle::parse(&body)?.verify(tag, &lookup.log_keys, &lookup.trusted)?)
}
