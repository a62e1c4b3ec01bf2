//! Lists: a repository's tags, and a manifest's referrers.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK};
use http::{Response, Uri};
use url::form_urlencoded;

use super::error::Refusal;
use super::response::NO_STORE;
use super::splice::with_manifests;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, BUNDLE_TYPE};
use crate::image::{Digest, Reference, Repository, Tag};
use crate::oci::{FILTERS_APPLIED, JSON, OCI_INDEX};
use crate::upstream::{ListPage, Misbehaviour, UpstreamError};

/// The list of a manifest without referrers (distribution spec, "Listing Referrers").
const NO_REFERRERS: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

impl Service {
    /// Answers a page of a repository's tags, as the registry sends it.
    pub(super) async fn tags(
        &self,
        uri: &Uri,
        repository: &Repository,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let page = self.upstream.tags(repository, &query(uri), deadline).await?;
        Ok(list(uri, page, JSON))
    }

    /// Answers a manifest's referrers, with this service's own attestations of it added. If the registry lacks the referrers
    /// API, the index under the referrers tag is read instead.
    pub(super) async fn referrers(
        &self,
        uri: &Uri,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let query = query(uri);
        let mut page = match self.upstream.referrers(repository, digest, &query, deadline).await? {
            Some(page) => page,
            None => ListPage {
                bytes: self.fall_back(repository, digest, deadline).await?,
                next: None,
                filters_applied: None,
            },
        };
        // Attestations are added once, on the first page, and not if another artifact type was asked for.
        if query.iter().all(|(key, value)| key == "artifactType" && value == BUNDLE_TYPE) {
            let attestations = self.attestations_of(repository, digest, deadline).await;
            page.bytes = with_attestations(page.bytes, &attestations).ok_or_else(|| {
                UpstreamError::misbehaved(repository.registry().as_str(), Misbehaviour::ReferrersNotIndex)
            })?;
        }
        Ok(list(uri, page, OCI_INDEX))
    }

    /// The index under the referrers tag (distribution spec, "Referrers Tag Schema"), or an empty one.
    async fn fall_back(&self, repository: &Repository, digest: &Digest, deadline: Deadline) -> Result<Bytes, Refusal> {
        let tag = Reference::Tag(Tag::referrers(repository, digest));
        match self.upstream.manifest(&tag, deadline).await {
            Ok(manifest) if manifest.media_type == OCI_INDEX => Ok(manifest.bytes),
            Ok(_) | Err(UpstreamError::NotFound { .. }) => Ok(Bytes::from_static(NO_REFERRERS.as_bytes())),
            Err(error) => Err(error.into()),
        }
    }
}

/// A list of referrers with `attestations` at its end. `None` if it is not an index; without attestations it is not even
/// read.
fn with_attestations(list: Bytes, attestations: &[Attestation]) -> Option<Bytes> {
    if attestations.is_empty() {
        return Some(list);
    }
    let descriptors: Vec<String> =
        attestations.iter().map(|attestation| attestation.descriptor().to_string()).collect();
    with_manifests(&list, &descriptors.join(",")).map(Bytes::from)
}

fn list(uri: &Uri, page: ListPage, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(page.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    let link = page.next.map(|next| format!("<{}?{}>; rel=\"next\"", uri.path(), on_this_host(uri, &next)));
    for (name, value) in [(LINK, link), (FILTERS_APPLIED, page.filters_applied)] {
        // A URL's path and query, and the value of another header, are valid in a header.
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn pairs(uri: &Uri) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

/// The query for the registry: the client's, without the `ns` that is for this service.
fn query(uri: &Uri) -> Vec<(String, String)> {
    pairs(uri).filter(|(key, _)| key != "ns").map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

/// The query of the next page on this host: the registry's, with the client's own `ns`.
fn on_this_host(uri: &Uri, next: &str) -> String {
    let of_registry = form_urlencoded::parse(next.as_bytes()).filter(|(key, _)| key != "ns");
    let own = pairs(uri).filter(|(key, _)| key == "ns");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(of_registry.chain(own)).finish()
}
