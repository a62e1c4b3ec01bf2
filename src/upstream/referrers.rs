//! A manifest's referrers (distribution spec, "Listing Referrers").

use reqwest::StatusCode;

use super::error::{Missing, UpstreamError};
use super::listing::ListPage;
use super::manifest::media_type;
use super::misbehaviour::Misbehaviour;
use super::{Upstream, Wanted};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository};
use crate::oci::OCI_INDEX;

/// A registry's answer to the question for referrers.
#[derive(Debug)]
pub(crate) enum Referrers {
    /// A page of them, an OCI index.
    Page(ListPage),
    /// The registry lacks the API. The error is what it answered instead, if that is not one of the usual ways to say so.
    NoApi(Option<UpstreamError>),
}

impl Upstream {
    /// Fetches a page of a manifest's referrers.
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        query: &[(String, String)],
        deadline: Deadline,
    ) -> Result<Referrers, UpstreamError> {
        let registry = repository.registry().as_str();
        let path = format!("referrers/{digest}");
        let response = self.ask_list(repository, path, Wanted::Referrers, query, deadline).await?;
        let no_list = || UpstreamError::misbehaved(registry, Misbehaviour::ReferrersNotIndex);
        let fault = match response.status() {
            StatusCode::OK if media_type(response.headers()) == Some(OCI_INDEX) => {
                let page = self.read_page(repository, response, deadline).await?;
                // The manifest itself is no list of what refers to it.
                let is_list = !digest.matches(&page.bytes);
                return Ok(if is_list { Referrers::Page(page) } else { Referrers::NoApi(Some(no_list())) });
            }
            // An unknown path, or a type that is not known there.
            StatusCode::NOT_FOUND
            | StatusCode::BAD_REQUEST
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE => None,
            // A page for browsers, for example to log in.
            StatusCode::OK => Some(no_list()),
            status @ (StatusCode::GONE | StatusCode::NOT_IMPLEMENTED) => {
                Some(UpstreamError::Status { registry: registry.to_owned(), status })
            }
            _ => return Err(self.refusal(repository, response, Missing::Manifest, deadline).await),
        };
        self.silence.answered(registry, response.url());
        Ok(Referrers::NoApi(fault))
    }
}
