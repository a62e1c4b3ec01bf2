//! One call for several requests that ask a registry the same at once.
//!
//! Content named by a digest is shared with whoever comes during the call ([`Flights`]). A tag's digest is shared
//! with those alone who came before it was asked ([`Batches`]).

use reqwest::Method;

use super::batch::Batches;
use super::error::UpstreamError;
use super::flight::Flights;
use super::location::BlobLocation;
use super::{HeadOrManifest, Manifest, Upstream};
use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Repository, Tag};

/// Requests for one tag at once, by each method. A few, so that one that is slow holds nobody up, and pulls that come
/// now and then wait for no other.
const OF_ONE_TAG: usize = 4;

type Answered<T> = Result<T, UpstreamError>;

/// The requests under way.
#[derive(Debug)]
pub(super) struct Shared {
    manifests: Flights<(Repository, Digest), Answered<Manifest>>,
    heads: Flights<(Repository, Digest), Answered<HeadOrManifest>>,
    blobs: Flights<(Repository, Digest, Method), Answered<BlobLocation>>,
    manifests_of_tags: Batches<Tag, Answered<Manifest>>,
    heads_of_tags: Batches<Tag, Answered<HeadOrManifest>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            manifests: Flights::new(),
            heads: Flights::new(),
            blobs: Flights::new(),
            manifests_of_tags: Batches::new(OF_ONE_TAG),
            heads_of_tags: Batches::new(OF_ONE_TAG),
        }
    }
}

impl Upstream {
    /// Fetches a manifest and checks it. While its registry allows no more, one that is named by a digest may come from
    /// a mirror.
    pub(crate) async fn manifest(&self, reference: &Reference, deadline: Deadline) -> Answered<Manifest> {
        let shared = |answer: &Answered<Manifest>| is_shared(answer, deadline);
        let call = Box::pin(async {
            match reference {
                Reference::Digest(repository, digest) => match self.cached(repository, digest) {
                    // Another request has just brought it.
                    Some(manifest) => Ok(manifest),
                    None => self.manifest_by_digest(reference, repository, digest, deadline).await,
                },
                Reference::Tag(_) => self.manifest_of_registry(reference, deadline).await,
            }
        });
        let joined = async {
            match reference {
                Reference::Digest(repository, digest) => {
                    self.shared.manifests.join((repository.clone(), digest.clone()), call, shared).await
                }
                Reference::Tag(tag) => self.shared.manifests_of_tags.join(tag.clone(), call, shared).await,
            }
        };
        in_time(reference.repository(), deadline, joined).await
    }

    /// Asks for a manifest by HEAD and, if that brings nothing usable, by GET.
    pub(crate) async fn head_or_manifest(&self, reference: &Reference, deadline: Deadline) -> Answered<HeadOrManifest> {
        let shared = |answer: &Answered<HeadOrManifest>| is_shared(answer, deadline);
        let call = Box::pin(self.head_or_manifest_of_registry(reference, deadline));
        let joined = async {
            match reference {
                Reference::Digest(repository, digest) => {
                    let key = (repository.clone(), digest.clone());
                    // A GET that is under way says more than a HEAD.
                    if let Some(Ok(manifest)) = self.shared.manifests.under_way(&key).await {
                        return Ok(HeadOrManifest::Manifest(manifest));
                    }
                    self.shared.heads.join(key, call, shared).await
                }
                Reference::Tag(tag) => self.shared.heads_of_tags.join(tag.clone(), call, shared).await,
            }
        };
        in_time(reference.repository(), deadline, joined).await
    }

    /// Says where a blob is: at its registry, if that needs no token, or where that says now, or said a moment ago.
    /// If the registry answers 429, a mirror may say it.
    pub(crate) async fn blob(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Answered<BlobLocation> {
        if let Some(location) = self.open_blob(repository, digest)? {
            return Ok(location);
        }
        let call = Box::pin(self.blob_of_registry_or_mirror(method.clone(), repository, digest, deadline));
        let key = (repository.clone(), digest.clone(), method);
        let joined = self.shared.blobs.join(key, call, |answer| is_shared(answer, deadline));
        in_time(repository, deadline, joined).await
    }
}

/// Returns whether others may have an answer. That this request's own time has run out says nothing to them.
fn is_shared<T>(answer: &Answered<T>, deadline: Deadline) -> bool {
    !(matches!(answer, Err(UpstreamError::Timeout { .. })) && deadline.has_passed())
}

async fn in_time<T>(
    repository: &Repository,
    deadline: Deadline,
    joined: impl Future<Output = Answered<T>>,
) -> Answered<T> {
    let timeout = |_| Err(UpstreamError::Timeout { registry: repository.registry().as_str().to_owned() });
    deadline.bound(joined).await.unwrap_or_else(timeout)
}
