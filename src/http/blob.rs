//! Blobs: redirects the client to the registry that has them.

use http::header::{HeaderValue, LOCATION};
use http::{Method, Response, StatusCode};

use super::error::Refusal;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};
use crate::upstream::{BlobLocation, Misbehaviour, UpstreamError};

/// API Gateway allows 10 KiB for all headers. Pre-signed URLs with a session token have up to some 3 KiB.
const MAX_LOCATION_BYTES: usize = 8 << 10;

impl Service {
    pub(super) async fn blob(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let BlobLocation(url) = self.upstream.blob(method.clone(), repository, digest, deadline).await?;
        let location = Some(url.as_str()).filter(|url| url.len() <= MAX_LOCATION_BYTES);
        let location = location
            .and_then(|url| HeaderValue::from_str(url).ok())
            .ok_or_else(|| UpstreamError::misbehaved(repository.registry().as_str(), Misbehaviour::BlobUrlUnusable))?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}
