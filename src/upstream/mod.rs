//! The registries behind this one. They are asked anonymously and believed only after a check.

mod answer;
mod ask;
mod batch;
mod blob;
mod call;
mod challenge;
mod digest_mirror;
mod egress;
mod error;
mod flight;
mod follow;
mod head;
mod insecure;
mod link;
mod listing;
mod location;
mod manifest;
mod manifest_kind;
mod meter;
mod mirrors;
mod misbehaviour;
mod open;
mod public_address;
mod redirects;
mod referrers;
mod refusal;
mod shared;
mod silence;
mod token;
mod validity;

use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use reqwest::StatusCode;

pub use challenge::Challenge;
pub use digest_mirror::DigestMirror;
pub(crate) use egress::{Egress, EgressRefusal, NotPublic};
pub(crate) use error::{Missing, UpstreamError, whole_seconds};
pub(crate) use head::HeadOrManifest;
pub use insecure::InsecureRegistry;
pub(crate) use listing::ListPage;
pub use manifest::MAX_MANIFEST_BYTES;
pub(crate) use manifest::{Manifest, ManifestHead};
pub(crate) use mirrors::Word;
pub(crate) use misbehaviour::Misbehaviour;
pub(crate) use referrers::Referrers;

use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Repository};
use ask::Question;
use call::Wanted;
use follow::redirect;
use head::GetOnly;
use meter::Meter;
use mirrors::Mirrors;
use open::Open;
use redirects::Redirects;
use shared::Shared;
use silence::Silence;
use token::{Token, Tokens};

/// The usual size of a manifest. It gives the number of entries that the cache makes room for.
const EXPECTED_MANIFEST_BYTES: u64 = 4 << 10;

/// A client of all registries.
#[derive(Debug)]
pub(crate) struct Upstream {
    egress: Egress,
    tokens: Tokens,
    /// By repository and digest: a manifest is served only from the repository that has it.
    manifests: Cache<(Repository, Digest), Manifest, ManifestSize>,
    /// The longest silence of a host: before the head of its answer, and between two parts of its body.
    registry_timeout: Duration,
    silence: Silence,
    get_only: GetOnly,
    open: Open,
    redirects: Redirects,
    shared: Shared,
    meter: Meter,
    /// `None` where no registry has one.
    mirrors: Option<Mirrors>,
}

/// A borrowed key of the manifest cache. It hashes as the pair does.
#[derive(Hash)]
struct CacheKey<'a>(&'a Repository, &'a Digest);

impl Equivalent<(Repository, Digest)> for CacheKey<'_> {
    fn equivalent(&self, (repository, digest): &(Repository, Digest)) -> bool {
        self.0 == repository && self.1 == digest
    }
}

/// Weighs a manifest by its bytes and the cache's own for each entry.
#[derive(Debug, Clone)]
struct ManifestSize;

impl Weighter<(Repository, Digest), Manifest> for ManifestSize {
    fn weight(&self, _: &(Repository, Digest), manifest: &Manifest) -> u64 {
        const OVERHEAD: u64 = 512;
        manifest.bytes.len() as u64 + OVERHEAD
    }
}

impl Upstream {
    /// `cache_bytes` bounds the manifests kept in memory, `registry_timeout` the silence of a host.
    pub(crate) fn new(
        egress: Egress,
        mirrors: Vec<DigestMirror>,
        cache_bytes: u64,
        registry_timeout: Duration,
    ) -> Self {
        let count = usize::try_from(cache_bytes / EXPECTED_MANIFEST_BYTES).unwrap_or(usize::MAX).max(1);
        let manifests = Cache::with_weighter(count, cache_bytes, ManifestSize);
        let meter = Meter::new(mirrors::origins(&egress, mirrors.iter().map(DigestMirror::of)));
        let mirrors = Mirrors::new(mirrors, &egress, registry_timeout);
        Self {
            egress,
            tokens: Tokens::new(),
            manifests,
            registry_timeout,
            silence: Silence::new(),
            get_only: GetOnly::new(),
            open: Open::new(),
            redirects: Redirects::new(),
            shared: Shared::new(),
            meter,
            mirrors,
        }
    }

    /// A manifest that was fetched before. Sends no request.
    pub(crate) fn cached(&self, repository: &Repository, digest: &Digest) -> Option<Manifest> {
        self.manifests.get(&CacheKey(repository, digest))
    }

    /// Fetches a manifest from its registry and checks it.
    async fn manifest_of_registry(&self, reference: &Reference, deadline: Deadline) -> Result<Manifest, UpstreamError> {
        self.manifest_with(reference, None, deadline).await
    }

    /// Fetches a manifest from its registry, with the token that a HEAD of it was just given.
    async fn manifest_with(
        &self,
        reference: &Reference,
        fresh: Option<Token>,
        deadline: Deadline,
    ) -> Result<Manifest, UpstreamError> {
        let repository = reference.repository();
        let registry = repository.registry().as_str();
        let mut response = self.ask(Self::about(reference, fresh), deadline).await?.response;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(repository, response, Missing::Manifest, deadline).await);
        }
        let headers = std::mem::take(response.headers_mut());
        let bytes = self.read(response, MAX_MANIFEST_BYTES, registry, deadline).await?;
        let manifest = Manifest::check(registry, reference, &headers, bytes)?;
        self.keep(repository, &manifest);
        Ok(manifest)
    }

    /// Keeps a manifest that the registry has.
    fn keep(&self, repository: &Repository, manifest: &Manifest) {
        self.open.note_names(repository, &manifest.bytes);
        self.manifests.insert((repository.clone(), manifest.digest.clone()), manifest.clone());
    }

    /// The question for a manifest, by GET.
    fn about(reference: &Reference, fresh: Option<Token>) -> Question<'_> {
        let path = format!("manifests/{}", reference.as_str());
        Question { fresh, ..Question::get(reference.repository(), path, Wanted::Manifest) }
    }
}
