//! Blobs: the client is sent to the registry that has them.

use http::header::{HeaderValue, LOCATION};
use http::{Method, Response, StatusCode};

use super::error::Refusal;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};
use crate::upstream::{BlobLocation, UpstreamError};

impl Service {
    pub(super) async fn blob(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let BlobLocation(url) = self.upstream.blob(method.clone(), repository, digest, deadline).await?;
        let location = HeaderValue::from_str(url.as_str()).map_err(|_| UpstreamError::Lied {
            registry: repository.registry().to_string(),
            fault: "redirects a blob to a URL that cannot be passed on".to_owned(),
        })?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}
