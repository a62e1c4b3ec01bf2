//! Manifests, by tag and by digest.

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Method, Response};
use tokio::time::Instant;

use super::client::Client;
use super::difference::Difference;
use super::error::Refusal;
use super::moved::Moved;
use super::response::{IMMUTABLE, NO_STORE, content};
use super::{Body, ServedTag, Service};
use crate::deadline::Deadline;
use crate::evidence::Subject;
use crate::image::{Digest, Reference, Repository, Tag};
use crate::rate_limit::Source;
use crate::sighting::{Sighting, SightingTime};
use crate::telemetry::Outcome;
use crate::tlog::VerifiedEntry;
use crate::upstream::{HeadOrManifest, Manifest, ManifestHead, UpstreamError, Word};
use crate::verdict::{KnownTag, Unavailable, Verdict};

/// A registry that took more than so many times what it left of the request's time is why the time ran out.
const MOST_OF_THE_TIME: u32 = 4;

const TLOG_ENTRY: HeaderName = HeaderName::from_static("tlog-entry");
const TLOG_EXEMPT: HeaderName = HeaderName::from_static("tlog-exempt");
const TLOG_FIRST_SEEN: HeaderName = HeaderName::from_static("tlog-first-seen");
const TLOG_INTEGRATED_TIME: HeaderName = HeaderName::from_static("tlog-integratedtime");
const TLOG_LOG_INDEX: HeaderName = HeaderName::from_static("tlog-logindex");
const TLOG_UUID: HeaderName = HeaderName::from_static("tlog-uuid");

/// The registry's current answer.
pub(super) enum Served {
    Manifest(Manifest),
    /// The answer to a HEAD, enough for a client's HEAD.
    Head(ManifestHead),
}

impl Served {
    pub(super) fn digest(&self) -> &Digest {
        match self {
            Self::Manifest(manifest) => &manifest.digest,
            Self::Head(head) => &head.digest,
        }
    }

    /// The manifest's type and size, for an attestation.
    fn subject(&self) -> Subject {
        let (media_type, size) = match self {
            Self::Manifest(manifest) => (manifest.media_type, manifest.bytes.len() as u64),
            Self::Head(head) => (head.media_type, head.length),
        };
        Subject { media_type: media_type.into(), size }
    }

    fn into_response(self) -> Response<Body> {
        match self {
            Self::Manifest(Manifest { bytes, media_type, digest }) => content(Body::Bytes(bytes), media_type, &digest),
            Self::Head(ManifestHead { digest, media_type, length }) => {
                content(Body::OfLength(length), media_type, &digest)
            }
        }
    }
}

impl Service {
    /// Serves a manifest by tag after the verdict.
    pub(super) async fn manifest_by_tag(
        &self,
        method: &Method,
        tag: &Tag,
        source: Option<Source>,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let known = self.verdicts.look_up(tag, deadline);
        let (verdict, current) = self.judged(method, tag, known, source, deadline).await?;
        match verdict {
            Verdict::Unchanged(known) | Verdict::FirstSeen(known) => Ok(self.serve(&known, current).await),
            Verdict::Moved(KnownTag { sighting, .. }) => {
                let (recorded, entry) = (sighting.digest(), sighting.entry());
                let mut difference = None;
                if let Served::Manifest(current) = &current {
                    self.remember_move(tag, &sighting, current, source);
                    difference = self.difference(method, tag, recorded, current, deadline).await;
                }
                Err(self.moved(tag, Some(&sighting), current.digest().clone(), entry, client, difference))
            }
            Verdict::MovedFromUnknown(entry) => {
                Err(self.moved(tag, None, current.digest().clone(), &entry, client, None))
            }
        }
    }

    /// The verdict on a tag, and the registry's answer that it is about.
    ///
    /// The registry is asked for the tag while the sighting is looked up: `known` asks memory and ledger. A HEAD is preferred:
    /// registries count a GET against the caller's limit. The log is searched only once the registry has sent the manifest:
    /// anyone can make up tags.
    pub(super) async fn judged(
        &self,
        method: &Method,
        tag: &Tag,
        known: impl Future<Output = Result<Option<KnownTag>, Unavailable>>,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<(Verdict, Served), Refusal> {
        let began = Instant::now();
        let current = async { Ok::<_, Refusal>(self.current(method, tag, deadline).await?) };
        let known = async { known.await.map_err(|cause| Refusal::no_verdict(tag, cause)) };
        // The first failure ends both: a missing tag is not judged, and a manifest without a verdict is not served.
        let (current, known) = tokio::try_join!(current, known)?;

        // A HEAD is enough to confirm the recorded digest. Anything else takes a digest computed from the manifest.
        let current = match current {
            Served::Head(head) => {
                let is_recorded = known.as_ref().map(|known| known.sighting.digest()) == Some(&head.digest);
                match is_recorded && method == Method::HEAD {
                    true => Served::Head(head),
                    false => {
                        let manifest = self.upstream.announced_manifest(tag, &head, is_recorded, deadline);
                        Served::Manifest(manifest.await?)
                    }
                }
            }
            current => current,
        };
        // Anyone can name a host that answers just before the time is over. That is no failure of the key or the ledger, which
        // page the operator.
        let by_the_registry = deadline.left() * MOST_OF_THE_TIME < began.elapsed();
        let verdict = self.verdicts.judge(tag, known, current.digest(), current.subject(), source, deadline).await;
        let verdict = verdict.map_err(|cause| {
            if by_the_registry && cause.is_out_of_time() { Refusal::Timeout } else { Refusal::no_verdict(tag, cause) }
        })?;
        Ok((verdict, current))
    }

    /// Serves the manifest of a known tag's recorded digest.
    pub(super) async fn serve(&self, known: &KnownTag, manifest: Served) -> Response<Body> {
        self.attestations.add(known, manifest.subject()).await;
        let sighting = &known.sighting;
        let mut response = manifest.into_response();
        self.add_sighting(&mut response, sighting);
        if known.first_seen {
            response.headers_mut().insert(TLOG_FIRST_SEEN, HeaderValue::from_static("true"));
        }
        let outcome = if known.first_seen { Outcome::FirstSeen } else { Outcome::Unchanged };
        response.extensions_mut().insert(ServedTag { tag: sighting.tag().clone(), outcome });
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        response
    }

    /// The refusal of a tag that moved. `recorded` is unknown where the log has lost the statement.
    pub(super) fn moved(
        &self,
        tag: &Tag,
        recorded: Option<&Sighting>,
        current: Digest,
        entry: &VerifiedEntry,
        client: &Client,
        difference: Option<Box<Difference>>,
    ) -> Refusal {
        Refusal::Moved(Box::new(Moved {
            tag: tag.clone(),
            recorded: recorded.map(|recorded| recorded.digest().clone()),
            current,
            log_index: entry.log_index(),
            time: recorded.map_or_else(|| SightingTime::of_entry(entry), Sighting::time),
            entry_url: self.verdicts.entry_url(entry),
            pinned: client.host.pinned(tag),
            difference,
        }))
    }

    /// Asks the registry for a tag. While it allows no more requests, a HEAD is all that is asked, if others may have what
    /// it announces.
    async fn current(&self, method: &Method, tag: &Tag, deadline: Deadline) -> Result<Served, UpstreamError> {
        let mut refused = None;
        if !self.upstream.is_limited(tag.repository()) {
            match self.current_by_any_request(method, tag, deadline).await {
                Err(limit @ UpstreamError::RateLimited { .. }) if self.upstream.is_limited(tag.repository()) => {
                    refused = Some(limit);
                }
                answer => return answer,
            }
        }
        match self.upstream.word(&Reference::Tag(tag.clone()), refused, deadline).await? {
            Word::Head(head) => Ok(Served::Head(head)),
            Word::Manifest(manifest) => Ok(Served::Manifest(manifest)),
            Word::Limited(error) | Word::Refused(error) => Err(error),
        }
    }

    /// Asks the registry for a tag. A HEAD is enough for a client's HEAD, and for a GET of a known tag whose manifest is
    /// cached.
    async fn current_by_any_request(
        &self,
        method: &Method,
        tag: &Tag,
        deadline: Deadline,
    ) -> Result<Served, UpstreamError> {
        let reference = Reference::Tag(tag.clone());
        let cached =
            self.verdicts.in_memory(tag).and_then(|sighting| self.upstream.cached(tag.repository(), sighting.digest()));
        if method == Method::HEAD || cached.is_some() {
            match (self.upstream.head_or_manifest(&reference, deadline).await?, cached) {
                (HeadOrManifest::Head(head), Some(manifest)) if head.digest == manifest.digest => {
                    return Ok(Served::Manifest(manifest));
                }
                (HeadOrManifest::Head(head), None) => return Ok(Served::Head(head)),
                (HeadOrManifest::Manifest(manifest), _) => return Ok(Served::Manifest(manifest)),
                _ => {}
            }
        }
        Ok(Served::Manifest(self.upstream.manifest(&reference, deadline).await?))
    }

    /// Serves a referrers tag without a verdict: it is rewritten by protocol, so it is never recorded.
    pub(super) async fn exempt_manifest(
        &self,
        method: &Method,
        tag: &Tag,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let mut response = self.fetch(method, &Reference::Tag(tag.clone()), deadline).await?.into_response();
        response.headers_mut().insert(TLOG_EXEMPT, HeaderValue::from_static("referrers-tag"));
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        Ok(response)
    }

    /// Serves a manifest by digest, without a verdict: a digest cannot move.
    pub(super) async fn manifest_by_digest(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let current = self.by_digest(method, repository, digest, deadline).await?;
        let cache_control = match current {
            Served::Manifest(_) => IMMUTABLE,
            // Type and length are the registry's word alone.
            Served::Head(_) => NO_STORE,
        };
        let mut response = current.into_response();
        response.headers_mut().insert(CACHE_CONTROL, cache_control);
        Ok(response)
    }

    /// The manifest with this digest, from memory or the registry.
    pub(super) async fn by_digest(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Served, UpstreamError> {
        if let Some(manifest) = self.upstream.cached(repository, digest) {
            return Ok(Served::Manifest(manifest));
        }
        let reference = Reference::Digest(repository.clone(), digest.clone());
        match self.fetch(method, &reference, deadline).await? {
            Served::Head(head) if head.digest != *digest => {
                Ok(Served::Manifest(self.upstream.manifest(&reference, deadline).await?))
            }
            served => Ok(served),
        }
    }

    /// Asks the registry, by HEAD if the client sent one and the registry's answer is complete.
    pub(super) async fn fetch(
        &self,
        method: &Method,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Served, UpstreamError> {
        if method == Method::HEAD {
            match self.upstream.head_or_manifest(reference, deadline).await {
                Ok(HeadOrManifest::Head(head)) => return Ok(Served::Head(head)),
                Ok(HeadOrManifest::Manifest(manifest)) => return Ok(Served::Manifest(manifest)),
                // A mirror may have what is named by a digest.
                Err(UpstreamError::RateLimited { .. })
                    if matches!(reference, Reference::Digest(..))
                        && self.upstream.is_limited(reference.repository()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Served::Manifest(self.upstream.manifest(reference, deadline).await?))
    }

    /// Adds the headers that say where in the log the sighting stands.
    fn add_sighting(&self, response: &mut Response<Body>, sighting: &Sighting) {
        let entry = sighting.entry();
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: String| {
            // Ids, numbers and URLs are valid in a header.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        set(TLOG_UUID, entry.id().to_string());
        set(TLOG_LOG_INDEX, entry.log_index().to_string());
        if let Some(time) = sighting.time() {
            set(TLOG_INTEGRATED_TIME, time.rfc3339());
        }
        set(TLOG_ENTRY, self.verdicts.entry_url(entry));
    }
}
