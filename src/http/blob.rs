//! Blobs: redirects the client to the registry that has them.

use http::header::LOCATION;
use http::{Method, Response, StatusCode};

use super::error::Refusal;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};

impl Service {
    pub(super) async fn blob(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let location = self.upstream.blob(method.clone(), repository, digest, deadline).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(LOCATION, location.into_header());
        Ok(response)
    }
}
