//! Content from elsewhere while its registry allows no more requests.
//!
//! Content named by a digest may come from anyone, because it is checked. Only its registry says what a tag is, and a
//! mirror is never asked. A registry that answers 401, 403 or 404 has the last word.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use url::Url;

use super::ask::Reply;
use super::digest_mirror::DigestMirror;
use super::egress::Egress;
use super::error::{Missing, UpstreamError};
use super::location::BlobLocation;
use super::manifest::{Manifest, ManifestHead};
use super::meter::Meter;
use super::{Question, Upstream};
use crate::deadline::Deadline;
use crate::image::{Algorithm, Digest, Reference, Registry, Repository, Tag};
use crate::telemetry;

/// The time for one mirror, a token included. Mirrors answer in tenths of a second.
const PATIENCE: Duration = Duration::from_secs(4);
/// The time for all mirrors of a manifest. With that and a time-out of the registry, half of a request's 25 s is left.
const PATIENCE_WITH_ALL: Duration = Duration::from_secs(8);

/// The mirrors that are configured, and what asks them.
#[derive(Debug)]
pub(super) struct Mirrors {
    /// In the order in which they are asked.
    list: Vec<DigestMirror>,
    /// A client of mirrors alone: its tokens, silent hosts and limits are not those of registries that clients name. It has
    /// no mirrors itself.
    upstream: Box<Upstream>,
}

impl Mirrors {
    /// `None` without any.
    pub(super) fn new(list: Vec<DigestMirror>, egress: &Egress, registry_timeout: Duration) -> Option<Self> {
        if list.is_empty() {
            return None;
        }
        let egress = egress.for_mirrors();
        let meter = Meter::new(origins(&egress, list.iter().map(DigestMirror::at)));
        // A mirror's answer is kept, if at all, as the registry's.
        let upstream = Upstream::new(egress, Vec::new(), 0, registry_timeout.min(PATIENCE));
        Some(Self { list, upstream: Box::new(Upstream { meter, ..upstream }) })
    }

    /// A repository's names at its mirrors, but for mirrors that allow no more themselves.
    fn names_for(&self, repository: &Repository) -> impl Iterator<Item = Repository> {
        let names = self.list.iter().filter_map(|mirror| mirror.name_for(repository));
        names.filter(|name| !self.upstream.meter.is_limited(name.registry().as_str()))
    }

    fn has(&self, repository: &Repository) -> bool {
        self.list.iter().any(|mirror| mirror.name_for(repository).is_some())
    }
}

/// The URLs that registries are called at, by name. Those that may not be called have none.
pub(super) fn origins<'a>(
    egress: &Egress,
    registries: impl Iterator<Item = &'a Registry>,
) -> impl Iterator<Item = (String, Url)> {
    registries.filter_map(|registry| Some((registry.to_string(), egress.base(registry).ok()?)))
}

/// A registry's word on a manifest while it allows no more requests that count.
#[derive(Debug)]
pub(crate) enum Word {
    /// It has the manifest, by the answer to a HEAD.
    Head(ManifestHead),
    /// It answered 429 to the HEAD too.
    Limited(UpstreamError),
    /// HEAD said nothing certain, and a GET brought 429 or would wait as long again.
    Refused(UpstreamError),
    /// It sent the manifest after all.
    Manifest(Manifest),
}

impl Upstream {
    /// Returns whether a repository has mirrors, and its registry allows no more requests for now.
    pub(crate) fn is_limited(&self, repository: &Repository) -> bool {
        self.mirrors.as_ref().is_some_and(|mirrors| mirrors.has(repository))
            && self.meter.is_limited(repository.registry().as_str())
    }

    /// Fetches what `reference` names by a digest. While its registry allows no more, it may come from a mirror.
    pub(super) async fn manifest_by_digest(
        &self,
        reference: &Reference,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Manifest, UpstreamError> {
        let mut refused = None;
        if !self.is_limited(repository) {
            match self.manifest_of_registry(reference, deadline).await {
                Err(limit @ UpstreamError::RateLimited { .. }) if self.is_limited(repository) => refused = Some(limit),
                answer => return answer,
            }
        }
        let was_refused = refused.is_some();
        let (head, refused) = match self.word(reference, refused, deadline).await? {
            Word::Head(head) => (Some(head), None),
            Word::Limited(limit) => (None, Some(limit).filter(|_| was_refused)),
            Word::Refused(error) => (None, Some(error)),
            Word::Manifest(manifest) => return Ok(manifest),
        };
        match (self.mirrored_manifest(repository, digest, head.as_ref(), deadline).await, refused) {
            (Some(manifest), _) => Ok(manifest),
            (None, Some(error)) => Err(error),
            // As without mirrors: the registry may allow another request earlier than it said.
            (None, None) => self.manifest_of_registry(reference, deadline).await,
        }
    }

    /// Asks a registry that allows no more requests for its word on a manifest, by HEAD: Docker Hub counts none. Where that
    /// says nothing certain, a GET decides; `refused` is what it was answered before.
    pub(crate) async fn word(
        &self,
        reference: &Reference,
        refused: Option<UpstreamError>,
        deadline: Deadline,
    ) -> Result<Word, UpstreamError> {
        let repository = reference.repository();
        if self.get_only.has(repository) {
            return self.word_by_get(reference, refused, deadline).await;
        }
        let question = Question { method: Method::HEAD, ..Self::about(reference, None) };
        let no = match self.ask(question, deadline).await {
            Ok(Reply { response, .. }) => match response.status() {
                StatusCode::OK => match ManifestHead::from_headers(response.headers()) {
                    Some(head) => {
                        self.get_only.note_head(repository);
                        return Ok(Word::Head(head));
                    }
                    None => None,
                },
                StatusCode::TOO_MANY_REQUESTS => {
                    let limit = self.refusal(repository, response, Missing::Manifest, deadline).await;
                    return Ok(Word::Limited(limit));
                }
                _ => Some(self.refusal(repository, response, Missing::Manifest, deadline).await),
            },
            Err(error @ UpstreamError::Refused(_)) => return Err(error),
            // A GET would wait as long again.
            Err(error @ (UpstreamError::Timeout { .. } | UpstreamError::Silent { .. })) => {
                if matches!(error, UpstreamError::Timeout { .. }) {
                    self.get_only.remember(repository);
                }
                return Ok(Word::Refused(refused.unwrap_or(error)));
            }
            Err(error) => Some(error),
        };
        let Some(no) = no.filter(UpstreamError::is_no) else {
            return self.word_by_get(reference, refused, deadline).await;
        };
        if repository.registry().is_docker_hub() {
            return Err(no);
        }
        // Other registries are known to answer 403 or 404 to a HEAD alone, so a GET decides. Where it may not, nobody overrules
        // what may be a no.
        match self.word_by_get(reference, refused, deadline).await? {
            Word::Refused(refused) => Err(refused),
            word => Ok(word),
        }
    }

    async fn word_by_get(
        &self,
        reference: &Reference,
        refused: Option<UpstreamError>,
        deadline: Deadline,
    ) -> Result<Word, UpstreamError> {
        if let Some(refused) = refused {
            return Ok(Word::Refused(refused));
        }
        match self.manifest_of_registry(reference, deadline).await {
            Ok(manifest) => Ok(Word::Manifest(manifest)),
            Err(limit @ UpstreamError::RateLimited { .. }) => Ok(Word::Refused(limit)),
            Err(error) => Err(error),
        }
    }

    /// Fetches the manifest of a tag, of which a HEAD has just said `head`. While the registry allows no more, it may be one
    /// of a mirror that `head` describes: for any registry if its digest `is_recorded`, and else for Docker Hub alone,
    /// because a wrong first sight cannot be taken back, and some registries announce another representation on HEAD than
    /// they send on GET.
    pub(crate) async fn announced_manifest(
        &self,
        tag: &Tag,
        head: &ManifestHead,
        is_recorded: bool,
        deadline: Deadline,
    ) -> Result<Manifest, UpstreamError> {
        let (repository, reference) = (tag.repository(), Reference::Tag(tag.clone()));
        // Sightings are of sha256 alone.
        let is_sha256 = head.digest.algorithm() == Algorithm::Sha256;
        let may_come_from_elsewhere = is_recorded || repository.registry().is_docker_hub() && is_sha256;
        let mut refused = None;
        if !may_come_from_elsewhere || !self.is_limited(repository) {
            match self.manifest_of_registry(&reference, deadline).await {
                Err(limit @ UpstreamError::RateLimited { .. })
                    if may_come_from_elsewhere && self.is_limited(repository) =>
                {
                    refused = Some(limit);
                }
                answer => return answer,
            }
        }
        if let Some(manifest) = self.cached(repository, &head.digest).filter(|manifest| head.describes(manifest)) {
            return Ok(manifest);
        }
        match (self.mirrored_manifest(repository, &head.digest, Some(head), deadline).await, refused) {
            (Some(manifest), _) => Ok(manifest),
            (None, Some(refused)) => Err(refused),
            (None, None) => self.manifest_of_registry(&reference, deadline).await,
        }
    }

    /// Asks where a blob is. Where the registry answers 429, a mirror may say it.
    pub(super) async fn blob_of_registry_or_mirror(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<BlobLocation, UpstreamError> {
        // Docker Hub does not count blobs, so it is asked first, whatever it allows.
        match self.blob_now(method.clone(), repository, digest, deadline).await {
            Err(limit @ UpstreamError::RateLimited { .. }) if self.is_limited(repository) => {
                let location = Box::pin(self.mirrored_blob(method, repository, digest, deadline)).await;
                location.ok_or(limit)
            }
            answer => answer,
        }
    }

    /// The manifest from the first mirror that has it as `announced`. It is kept only if it was announced: otherwise the
    /// registry has not said that it has it.
    async fn mirrored_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        announced: Option<&ManifestHead>,
        deadline: Deadline,
    ) -> Option<Manifest> {
        let mirrors = self.mirrors.as_ref()?;
        let deadline = deadline.within(PATIENCE_WITH_ALL);
        for name in mirrors.names_for(repository) {
            let reference = Reference::Digest(name.clone(), digest.clone());
            let asking = mirrors.upstream.manifest_of_registry(&reference, deadline.within(PATIENCE));
            match Box::pin(asking).await {
                Ok(manifest) if announced.is_none_or(|head| head.describes(&manifest)) => {
                    telemetry::from_mirror();
                    if announced.is_some() {
                        self.keep(repository, &manifest);
                    }
                    return Some(manifest);
                }
                Ok(_) => tracing::warn!(mirror = %name, %digest, "a mirror has another type or length than announced"),
                Err(error) => passed_over(&name, digest, &error),
            }
        }
        None
    }

    async fn mirrored_blob(
        &self,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Option<BlobLocation> {
        let mirrors = self.mirrors.as_ref()?;
        let deadline = deadline.within(PATIENCE_WITH_ALL);
        for name in mirrors.names_for(repository) {
            match mirrors.upstream.blob_now(method.clone(), &name, digest, deadline.within(PATIENCE)).await {
                Ok(location) => {
                    telemetry::from_mirror();
                    return Some(location);
                }
                Err(error) => passed_over(&name, digest, &error),
            }
        }
        None
    }
}

fn passed_over(mirror: &Repository, digest: &Digest, error: &UpstreamError) {
    match error {
        // Mirrors need not have everything.
        UpstreamError::NotFound { .. } => tracing::debug!(%mirror, %digest, "a mirror lacks it"),
        _ => tracing::warn!(%mirror, %digest, %error, "a mirror is passed over"),
    }
}
