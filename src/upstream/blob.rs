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
    /// Asks the registry where a blob is. A body, if one comes, is dropped unread.
    pub(super) async fn blob_of_registry(
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
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        if redirect(&reply.response).is_some() {
            let location = reply.response.headers().get(LOCATION).ok_or(Misbehaviour::BlobToNowhere);
            // The storage behind a registry that the operator opened may speak plain http too. Its address does not
            // matter: the client connects, not this process.
            let plain_http = self.egress.is_local(registry);
            let led = location.and_then(|to| BlobLocation::of_redirect(reply.response.url(), to, plain_http));
            return led.map_err(misbehaved);
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
        BlobLocation::of_registry(&url).map_err(misbehaved)
    }
}
