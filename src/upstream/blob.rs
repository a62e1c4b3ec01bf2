//! Blobs: their location, never their bytes.

use reqwest::{Method, StatusCode};
use url::Url;

use super::error::{Missing, UpstreamError};
use super::misbehaviour::Misbehaviour;
use super::{Question, Upstream, Wanted, redirect};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};

/// A URL that answers the blob to anyone. A pre-signed one is valid for one method only, the one asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobLocation(pub Url);

impl Upstream {
    /// Asks the registry where a blob is. A body, if one comes, is dropped unread.
    pub(crate) async fn blob(
        &self,
        mut method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<BlobLocation, UpstreamError> {
        let registry = repository.registry().as_str();
        let question = Question::get(repository, format!("blobs/{digest}"), Wanted::Blob);
        let asked = Question { method: method.clone(), ..question.clone() };
        let mut reply = self.ask(asked, deadline).await?;
        // Some registries refuse HEAD for a blob (ECR Public answers 401 to any token). A GET still says where it is.
        let refuses_head = match reply.response.status() {
            StatusCode::UNAUTHORIZED => reply.with_token,
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => true,
            _ => false,
        };
        if method == Method::HEAD && refuses_head {
            method = Method::GET;
            reply = self.ask(Question { fresh: reply.fresh, ..question }, deadline).await?;
        }
        match redirect(&reply.response) {
            Some(Some(location)) if self.is_for_clients(&location, registry) => return Ok(BlobLocation(location)),
            Some(Some(_)) => return Err(UpstreamError::misbehaved(registry, Misbehaviour::BlobNotHttps)),
            Some(None) => return Err(UpstreamError::misbehaved(registry, Misbehaviour::BlobToNowhere)),
            None => {}
        }
        match reply.response.status() {
            StatusCode::OK => {}
            _ => return Err(self.refusal(repository, reply.response, Missing::Blob, deadline).await),
        }
        let url = reply.response.url().clone();
        self.silence.answered(registry, &url);
        // Another repository of this registry may need a token, so one was sent. Clients come without.
        if reply.with_token {
            let without = self.send(method, &url, registry, Wanted::Blob, None, deadline).await?;
            if !without.status().is_success() {
                return Err(UpstreamError::BlobNeedsToken { registry: registry.to_owned() });
            }
        }
        Ok(BlobLocation(url))
    }

    /// Returns whether a client may be sent to a URL. Its address does not matter: the client connects, not this
    /// process.
    fn is_for_clients(&self, url: &Url, registry: &str) -> bool {
        url.scheme() == "https" || url.scheme() == "http" && self.egress.is_local(registry)
    }
}
