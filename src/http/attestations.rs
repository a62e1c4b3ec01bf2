//! Sightings as attestations of an image: their descriptors in its list of referrers, and their manifests and blobs.

use bytes::Bytes;
use http::Response;
use http::header::CACHE_CONTROL;

use super::error::Refusal;
use super::response::{IMMUTABLE, content};
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::{Attestation, EMPTY_CONFIG};
use crate::image::{Digest, Repository};
use crate::upstream::UpstreamError;

impl Service {
    /// The attestations of a manifest that this service made. A failure is only logged: the registry's own referrers are
    /// listed all the same.
    pub(super) async fn attestations_of(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Vec<Attestation> {
        let mut attestations = self.attestations.of(repository, digest, deadline).await.unwrap_or_else(|error| {
            tracing::warn!(%repository, %digest, %error, "the sightings of a digest cannot be had");
            Vec::new()
        });
        attestations.retain(|attestation| attestation.subject == *digest);
        attestations
    }

    /// The manifest of an attestation.
    pub(super) async fn attestation_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let attestations = self.attestations_with(repository, digest, deadline).await?;
        let found = attestations.into_iter().find(|attestation| attestation.manifest_digest == *digest);
        Ok(found.map(|found| immutable(found.manifest, Attestation::MEDIA_TYPE, digest)))
    }

    /// The bundle in an attestation, or the empty config, which oras fetches although the manifest holds it. Other blobs
    /// are never served from here.
    pub(super) async fn attestation_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let blob = if digest.matches(EMPTY_CONFIG) {
            Some(Bytes::from_static(EMPTY_CONFIG))
        } else {
            let attestations = self.attestations_with(repository, digest, deadline).await?;
            let found = attestations.into_iter().find(|attestation| attestation.bundle_digest == *digest);
            found.map(|found| found.bundle)
        };
        Ok(blob.map(|blob| immutable(blob, "application/octet-stream", digest)))
    }

    /// The attestations that may have a manifest or a bundle with this digest.
    async fn attestations_with(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Vec<Attestation>, Refusal> {
        let attestations = self.attestations.of(repository, digest, deadline).await;
        attestations.map_err(Refusal::no_evidence)
    }
}

/// The registry's answer or, if the registry lacks the content or refuses it, `attestation`'s: not every registry says 404
/// of what it never had.
pub(super) async fn or_attestation(
    answer: Result<Response<Body>, Refusal>,
    attestation: impl Future<Output = Result<Option<Response<Body>>, Refusal>>,
) -> Result<Response<Body>, Refusal> {
    match answer {
        Err(
            refusal @ Refusal::Upstream(
                UpstreamError::NotFound { .. }
                | UpstreamError::WantsCredentials { .. }
                | UpstreamError::Denied { .. }
                | UpstreamError::Answered { .. },
            ),
        ) => attestation.await?.ok_or(refusal),
        answer => answer,
    }
}

fn immutable(bytes: Bytes, media_type: &'static str, digest: &Digest) -> Response<Body> {
    let mut response = content(Body::Bytes(bytes), media_type, digest);
    response.headers_mut().insert(CACHE_CONTROL, IMMUTABLE);
    response
}
