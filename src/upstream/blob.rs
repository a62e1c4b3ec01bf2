//! Blobs: their location, never their bytes.

use http::header::LOCATION;
use reqwest::{Method, StatusCode};

use super::error::{Missing, UpstreamError};
use super::location::BlobLocation;
use super::misbehaviour::Misbehaviour;
use super::{Question, Upstream, Wanted, redirect};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};

impl Upstream {
    /// A redirect that the registry gave and that is still valid, or else what it says now.
    pub(super) async fn blob_now(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<BlobLocation, UpstreamError> {
        if let Some(location) = self.redirects.get(repository, digest, &method) {
            // The same guard as if the registry were asked and gave it now.
            self.egress.base(repository.registry())?;
            let registry = repository.registry().as_str();
            let again = location.again(self.egress.is_local(registry));
            return again.map_err(|how| UpstreamError::misbehaved(registry, how));
        }
        self.blob_of_registry(method, repository, digest, deadline).await
    }

    /// Asks the registry where a blob is. A body, if one comes, is dropped unread.
    async fn blob_of_registry(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<BlobLocation, UpstreamError> {
        let registry = repository.registry().as_str();
        let question = Question::get(repository, format!("blobs/{digest}"), Wanted::Blob);
        let mut asked_by = method.clone();
        let asked = Question { method: method.clone(), ..question.clone() };
        let mut reply = self.ask(asked, deadline).await?;
        // Some registries refuse HEAD for a blob (ECR Public answers 401 to any token). A GET still says where it is.
        let refuses_head = match reply.response.status() {
            StatusCode::UNAUTHORIZED => reply.with_token,
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => true,
            _ => false,
        };
        if method == Method::HEAD && refuses_head {
            asked_by = Method::GET;
            reply = self.ask(Question { fresh: reply.fresh, ..question }, deadline).await?;
        }
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        if redirect(&reply.response).is_some() {
            let location = reply.response.headers().get(LOCATION).ok_or(Misbehaviour::BlobToNowhere);
            // The storage behind a registry that the operator opened may speak plain http too. Its address does not
            // matter: the client connects, not this process.
            let plain_http = self.egress.is_local(registry);
            let led = location.and_then(|to| BlobLocation::of_redirect(reply.response.url(), to, plain_http));
            let location = led.map_err(misbehaved)?;
            self.redirects.keep(repository, digest, &method, &location, reply.response.headers());
            return Ok(location);
        }
        match reply.response.status() {
            StatusCode::OK => {}
            _ => return Err(self.refusal(repository, reply.response, Missing::Blob, deadline).await),
        }
        let url = reply.response.url().clone();
        self.silence.answered(registry, &url);
        // Another repository of this registry may need a token, so one was sent. Clients come without.
        if reply.with_token {
            let without = self.send(asked_by, &url, registry, Wanted::Blob, None, deadline).await?;
            if !without.status().is_success() {
                return Err(UpstreamError::BlobNeedsToken { registry: registry.to_owned() });
            }
        }
        BlobLocation::of_registry(&url).map_err(misbehaved)
    }
}
