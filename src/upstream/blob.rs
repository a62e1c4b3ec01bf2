//! Blobs: where they are, never what is in them.

use reqwest::{Method, StatusCode};
use url::Url;

use super::error::{Missing, UpstreamError};
use super::{Upstream, redirect};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};

/// A URL that answers the blob to anyone, for the method it was asked with: a pre-signed URL is valid for one only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobLocation(pub Url);

impl Upstream {
    /// Where the registry has a blob. Its body, if one comes, is dropped unread.
    pub async fn blob(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<BlobLocation, UpstreamError> {
        let registry = repository.registry().as_str();
        let path = format!("blobs/{digest}");
        let mut answer = self.ask(method.clone(), repository, &path, deadline).await?;
        // Some know no HEAD of a blob (ECR Public answers 401, with any token): then a GET says at least where it is.
        let knows_no_head = matches!(
            answer.response.status(),
            StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        );
        if method == Method::HEAD && knows_no_head {
            answer = self.ask(Method::GET, repository, &path, deadline).await?;
        }
        match redirect(&answer.response) {
            Some(Some(location)) if self.is_for_clients(&location, registry) => return Ok(BlobLocation(location)),
            Some(Some(_)) => return Err(UpstreamError::lied(registry, "redirects a blob to a URL that is not https")),
            Some(None) => return Err(UpstreamError::lied(registry, "redirects a blob to nowhere")),
            None => {}
        }
        match answer.response.status() {
            StatusCode::OK => {}
            _ => return Err(self.refusal(repository, answer.response, Missing::Blob, deadline).await),
        }
        let url = answer.response.url().clone();
        self.silence.answered(registry, &url);
        // A token may have been sent because another repository of this registry needs one. Clients come without.
        if answer.with_token && !self.send(method, &url, registry, None, deadline).await?.status().is_success() {
            return Err(UpstreamError::BlobNeedsToken { registry: registry.to_owned() });
        }
        Ok(BlobLocation(url))
    }

    /// Whether a client may be sent to a URL. It is the client that connects, so the address does not matter here.
    fn is_for_clients(&self, url: &Url, registry: &str) -> bool {
        url.scheme() == "https" || url.scheme() == "http" && self.egress.is_local(registry)
    }
}
