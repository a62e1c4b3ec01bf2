//! A manifest's referrers: the registry's, and this service's own attestations.

use bytes::Bytes;
use http::header::WARNING;
use http::{Response, StatusCode, Uri};

use super::error::Refusal;
use super::listing::{list, query};
use super::response::warning;
use super::splice::with_manifests;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, BUNDLE_TYPE};
use crate::image::{Digest, Reference, Repository, Tag};
use crate::oci::OCI_INDEX;
use crate::upstream::{EgressRefusal, ListPage, Misbehaviour, Referrers, UpstreamError};

/// The list of a manifest without referrers (distribution spec, "Listing Referrers").
const NO_REFERRERS: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// A list, and what is wrong with it if the registry should have answered another way.
struct Listed {
    page: ListPage,
    fault: Option<UpstreamError>,
}

impl Service {
    /// Answers a manifest's referrers, with this service's own attestations of it added. If the registry lacks the referrers
    /// API, the index under the referrers tag is read instead.
    ///
    /// A registry that refuses the list does not hide the attestations: they are listed alone, and `Warning` says that the
    /// registry's list is missing. Without any, its refusal is the answer, and so is a failure that passes.
    pub(super) async fn referrers(
        &self,
        uri: &Uri,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let query = query(uri);
        let of_registry = self.of_registry(repository, digest, &query, deadline).await;
        // Attestations are added once, on the first page, and not if another artifact type was asked for.
        let attestations = if query.iter().all(|(key, value)| key == "artifactType" && value == BUNDLE_TYPE) {
            self.attestations_of(repository, digest, deadline).await
        } else {
            Vec::new()
        };
        let Listed { mut page, fault } = match of_registry {
            Err(fault) if !attestations.is_empty() && !is_final(&fault) => Listed { page: none(), fault: Some(fault) },
            listed => listed?,
        };
        page.bytes = spliced(page.bytes, &attestations).ok_or_else(|| {
            UpstreamError::misbehaved(repository.registry().as_str(), Misbehaviour::ReferrersNotIndex)
        })?;
        let mut response = list(uri, page, OCI_INDEX);
        if let Some(fault) = fault {
            let fault = Refusal::Upstream(fault).message();
            let text = format!("the registry's own list of referrers could not be had: {fault}");
            response.headers_mut().insert(WARNING, warning(&text));
        }
        Ok(response)
    }

    async fn of_registry(
        &self,
        repository: &Repository,
        digest: &Digest,
        query: &[(String, String)],
        deadline: Deadline,
    ) -> Result<Listed, UpstreamError> {
        match self.upstream.referrers(repository, digest, query, deadline).await? {
            Referrers::Page(page) => Ok(Listed { page, fault: None }),
            Referrers::NoApi(fault) => {
                let bytes = self.fall_back(repository, digest, deadline).await?;
                Ok(Listed { page: ListPage { bytes, ..none() }, fault })
            }
        }
    }

    /// The index under the referrers tag (distribution spec, "Referrers Tag Schema"), or an empty one. Some registries take
    /// such a tag for the digest and answer the manifest itself (GitLab): its images do not refer to it.
    async fn fall_back(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Bytes, UpstreamError> {
        let tag = Reference::Tag(Tag::referrers(repository, digest));
        match self.upstream.manifest(&tag, deadline).await {
            Ok(manifest) if manifest.media_type == OCI_INDEX && !digest.matches(&manifest.bytes) => Ok(manifest.bytes),
            Ok(_) | Err(UpstreamError::NotFound { .. }) => Ok(none().bytes),
            Err(error) => Err(error),
        }
    }
}

fn none() -> ListPage {
    ListPage { bytes: Bytes::from_static(NO_REFERRERS.as_bytes()), next: None, filters_applied: None }
}

/// Returns whether an error is the answer, whatever there is to list: it passes, or a broken list hides what was in it, or the
/// registry is not served here. What is no manifest at all under the referrers tag, a page to log in for example, is no list.
fn is_final(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::RateLimited { .. }
        | UpstreamError::Timeout { .. }
        | UpstreamError::Silent { .. }
        | UpstreamError::Unreachable { .. }
        | UpstreamError::Unavailable { .. }
        | UpstreamError::Refused(EgressRefusal::NotServed(_)) => true,
        UpstreamError::Status { status, .. } => status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED,
        UpstreamError::Misbehaved { how, .. } => !matches!(
            how,
            Misbehaviour::TooManyRedirects { .. }
                | Misbehaviour::RedirectToNowhere
                | Misbehaviour::ManifestEmpty
                | Misbehaviour::ManifestNotJson
                | Misbehaviour::ManifestUntyped
                | Misbehaviour::ManifestTypeUnknown(_)
        ),
        UpstreamError::Refused(_)
        | UpstreamError::WantsCredentials { .. }
        | UpstreamError::WantsOtherToken { .. }
        | UpstreamError::Denied { .. }
        | UpstreamError::Answered { .. }
        | UpstreamError::NotFound { .. }
        | UpstreamError::BlobNeedsToken { .. } => false,
    }
}

/// A list of referrers with `attestations` at its end. `None` if it is not an index; without attestations it is not even
/// read.
fn spliced(list: Bytes, attestations: &[Attestation]) -> Option<Bytes> {
    if attestations.is_empty() {
        return Some(list);
    }
    let descriptors: Vec<String> =
        attestations.iter().map(|attestation| attestation.descriptor().to_string()).collect();
    with_manifests(&list, &descriptors.join(",")).map(Bytes::from)
}
