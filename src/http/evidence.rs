//! The evidence, for those who check it themselves: bundles, keys, and attestations among an image's referrers.

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::error::Refusal;
use super::manifest::{FOREVER, NEVER, found};
use super::pages::Asker;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, BUNDLE_TYPE, Bundle, EMPTY_CONFIG, trusted_root};
use crate::image::{Digest, Repository, Tag};
use crate::rate_limit::Source;
use crate::upstream::UpstreamError;
use crate::verdict::Unavailable;

impl Service {
    /// The bundle for one tag, or a page about it. Adds nothing to the log and asks no registry. A search of the log is
    /// charged to `source`.
    pub(super) async fn sighting(
        &self,
        tag: &Tag,
        source: Option<Source>,
        asker: &Asker,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        // Tags that stand for a digest are not recorded, so nobody needs to be asked.
        let sighting = if tag.is_referrers_tag() {
            None
        } else {
            self.verdicts.sighting(tag, source, deadline).await.map_err(no_evidence)?
        };
        let sighting = sighting.ok_or_else(|| Refusal::Unseen(tag.clone()))?;
        if asker.wants_page() {
            return Ok(self.sighting_page(&sighting, asker, deadline).await);
        }
        Ok(file(Bundle::new(&sighting).to_json(), BUNDLE_TYPE))
    }

    /// The public half of the key that new sightings are signed with.
    pub(super) async fn key(&self, deadline: Deadline) -> Result<Response<Body>, Refusal> {
        let key = self.verdicts.public_key(deadline).await.map_err(|error| no_evidence(error.into()))?;
        Ok(file(key.pem().to_owned(), "application/x-pem-file"))
    }

    /// The log's key, for Sigstore's tools.
    pub(super) fn trusted_root(&self) -> Response<Body> {
        let (url, keys) = self.verdicts.log();
        file(trusted_root(url, keys), "application/json")
    }

    /// The attestations of a manifest that are this service's own. A failure is logged and no more: the registry's own
    /// referrers are listed all the same.
    pub(super) async fn own_attestations(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Vec<Attestation> {
        let mut listed = self.attestations.attestations(repository, digest, deadline).await.unwrap_or_else(|error| {
            tracing::warn!(%repository, %digest, %error, "the sightings of a digest cannot be had");
            Vec::new()
        });
        listed.retain(|own| own.subject == *digest);
        listed
    }

    /// The manifest of an attestation of ours.
    pub(super) async fn own_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let own = self.own_part(repository, digest, deadline).await?;
        let own = own.into_iter().find(|own| own.manifest_digest == *digest);
        Ok(own.map(|own| forever(found(Body::Bytes(own.manifest), Attestation::MEDIA_TYPE, digest))))
    }

    /// The bundle in an attestation of ours, or its empty config, which oras fetches although the manifest holds it. No
    /// other blob is served here.
    pub(super) async fn own_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let blob = if digest.matches(EMPTY_CONFIG) {
            Some(Bytes::from_static(EMPTY_CONFIG))
        } else {
            let own = self.own_part(repository, digest, deadline).await?;
            own.into_iter().find(|own| own.bundle_digest == *digest).map(|own| own.bundle)
        };
        Ok(blob.map(|blob| forever(found(Body::Bytes(blob), "application/octet-stream", digest))))
    }

    /// The attestations that a digest may be a part of.
    async fn own_part(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Vec<Attestation>, Refusal> {
        let attestations = self.attestations.attestations(repository, digest, deadline).await;
        attestations.map_err(|error| no_evidence(error.into()))
    }
}

/// What the registry does not have may be a part of an attestation of ours.
pub(super) async fn or_own(
    answer: Result<Response<Body>, Refusal>,
    own: impl Future<Output = Result<Option<Response<Body>>, Refusal>>,
) -> Result<Response<Body>, Refusal> {
    match answer {
        Err(refusal @ Refusal::Upstream(UpstreamError::NotFound { .. })) => own.await?.ok_or(refusal),
        answer => answer,
    }
}

fn no_evidence(cause: Unavailable) -> Refusal {
    Refusal::NoEvidence(Box::new(cause))
}

fn file(text: String, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(text.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, NEVER);
    response
}

fn forever(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, FOREVER);
    response
}
