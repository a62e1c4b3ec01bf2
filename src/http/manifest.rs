//! Manifests, by tag and by digest.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use http::{Method, Response};

use super::error::{Moved, Refusal};
use super::{Body, Judged, Service};
use crate::deadline::Deadline;
use crate::evidence::Subject;
use crate::image::{Digest, Reference, Repository, Tag};
use crate::rate_limit::Source;
use crate::rekor::VerifiedEntry;
use crate::sighting::Sighting;
use crate::telemetry::Outcome;
use crate::upstream::{Manifest, ManifestHead, UpstreamError};
use crate::verdict::{KnownTag, Verdict};

pub(super) const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const TLOG_ENTRY: HeaderName = HeaderName::from_static("tlog-entry");
const TLOG_EXEMPT: HeaderName = HeaderName::from_static("tlog-exempt");
const TLOG_FIRST_SEEN: HeaderName = HeaderName::from_static("tlog-first-seen");
const TLOG_INTEGRATED_TIME: HeaderName = HeaderName::from_static("tlog-integratedtime");
const TLOG_LOG_INDEX: HeaderName = HeaderName::from_static("tlog-logindex");
const TLOG_UUID: HeaderName = HeaderName::from_static("tlog-uuid");

/// What a digest names never changes. Said of bytes that were checked, and of nothing else.
pub(super) const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// What a tag names must be asked for each time; and so must what is a registry's word alone.
pub(super) const NEVER: HeaderValue = HeaderValue::from_static("no-store");

/// What the registry serves now for a tag.
enum Served {
    Manifest(Manifest),
    /// Told by a HEAD alone, for a client's HEAD.
    Head(ManifestHead),
}

impl Served {
    fn digest(&self) -> &Digest {
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
        Subject { media_type: media_type.to_owned(), size }
    }

    fn into_response(self) -> Response<Body> {
        match self {
            Self::Manifest(Manifest { bytes, media_type, digest }) => found(Body::Bytes(bytes), media_type, &digest),
            Self::Head(ManifestHead { digest, media_type, length }) => {
                found(Body::OfLength(length), media_type, &digest)
            }
        }
    }
}

impl Service {
    /// A manifest by tag: the verdict, then the manifest.
    ///
    /// The registry is asked for the current digest while memory and ledger are asked for the recorded one. A HEAD is used if
    /// it can be enough, because registries count a GET against the caller's limit. The log is searched only for a tag whose
    /// manifest the registry has sent: anyone can make up others.
    pub(super) async fn manifest_by_tag(
        &self,
        method: &Method,
        tag: &Tag,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        if tag.is_referrers_tag() {
            return self.exempt_manifest(method, tag, deadline).await;
        }
        let no_verdict = |cause| Refusal::NoVerdict { tag: tag.clone(), cause: Box::new(cause) };
        let current = async { Ok::<_, Refusal>(self.current(method, tag, deadline).await?) };
        let known = async { self.verdicts.look_up(tag, deadline).await.map_err(no_verdict) };
        // A tag that the registry lacks needs no verdict, and one without a verdict no manifest.
        let (current, known) = tokio::try_join!(current, known)?;

        // A HEAD is enough to serve the recorded digest, and for nothing else.
        let current = match current {
            Served::Head(head) if known.as_ref().map(|known| known.sighting.digest()) != Some(&head.digest) => {
                Served::Manifest(self.upstream.manifest(&Reference::Tag(tag.clone()), deadline).await?)
            }
            current => current,
        };
        let verdict = self.verdicts.judge(tag, known, current.digest(), source, deadline).await.map_err(no_verdict)?;
        let (known, first_seen) = match verdict {
            Verdict::Unchanged(known) => (known, false),
            Verdict::FirstSeen(known) => (known, true),
            Verdict::Moved { recorded, entry } => {
                return Err(self.moved(tag, recorded, current.digest().clone(), &entry));
            }
        };
        self.attestations.add(&known, current.subject()).await;
        Ok(self.serve(&known, first_seen, current))
    }

    fn serve(&self, known: &KnownTag, first_seen: bool, current: Served) -> Response<Body> {
        let sighting = &known.sighting;
        let mut response = current.into_response();
        self.add_sighting(&mut response, sighting);
        if first_seen {
            response.headers_mut().insert(TLOG_FIRST_SEEN, HeaderValue::from_static("true"));
        }
        let outcome = if first_seen { Outcome::FirstSeen } else { Outcome::Unchanged };
        response.extensions_mut().insert(Judged { tag: sighting.tag().clone(), outcome });
        response.headers_mut().insert(CACHE_CONTROL, NEVER);
        response
    }

    fn moved(&self, tag: &Tag, recorded: Option<Digest>, current: Digest, entry: &VerifiedEntry) -> Refusal {
        Refusal::Moved(Box::new(Moved {
            tag: tag.clone(),
            recorded,
            current,
            log_index: entry.log_index(),
            integrated_time: entry.integrated_at(),
            entry_url: self.verdicts.entry_url(entry),
        }))
    }

    /// What the tag is now. For a HEAD, and for a GET of a known tag whose manifest is at hand, a HEAD may tell.
    async fn current(&self, method: &Method, tag: &Tag, deadline: Deadline) -> Result<Served, UpstreamError> {
        let reference = Reference::Tag(tag.clone());
        let at_hand =
            self.verdicts.in_memory(tag).and_then(|sighting| self.upstream.cached(tag.repository(), sighting.digest()));
        if method == Method::HEAD || at_hand.is_some() {
            match (self.upstream.head_manifest(&reference, deadline).await?, at_hand) {
                (Some(head), Some(manifest)) if head.digest == manifest.digest => {
                    return Ok(Served::Manifest(manifest));
                }
                (Some(head), None) => return Ok(Served::Head(head)),
                _ => {}
            }
        }
        Ok(Served::Manifest(self.upstream.manifest(&reference, deadline).await?))
    }

    /// Tags that stand for a digest by convention are rewritten by protocol, so they are served and never recorded.
    async fn exempt_manifest(&self, method: &Method, tag: &Tag, deadline: Deadline) -> Result<Response<Body>, Refusal> {
        let mut response = self.unjudged(method, &Reference::Tag(tag.clone()), deadline).await?.into_response();
        response.headers_mut().insert(TLOG_EXEMPT, HeaderValue::from_static("referrers-tag"));
        response.headers_mut().insert(CACHE_CONTROL, NEVER);
        Ok(response)
    }

    /// A manifest by digest, which needs no verdict: the digest is the promise.
    pub(super) async fn manifest_by_digest(
        &self,
        method: &Method,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let reference = Reference::Digest(repository.clone(), digest.clone());
        let current = match self.upstream.cached(repository, digest) {
            Some(manifest) => Served::Manifest(manifest),
            None => match self.unjudged(method, &reference, deadline).await? {
                Served::Head(head) if head.digest != *digest => {
                    Served::Manifest(self.upstream.manifest(&reference, deadline).await?)
                }
                current => current,
            },
        };
        let keep = match current {
            Served::Manifest(_) => FOREVER,
            // The registry's word: type and length were checked against nothing.
            Served::Head(_) => NEVER,
        };
        let mut response = current.into_response();
        response.headers_mut().insert(CACHE_CONTROL, keep);
        Ok(response)
    }

    async fn unjudged(
        &self,
        method: &Method,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Served, UpstreamError> {
        if method == Method::HEAD
            && let Some(head) = self.upstream.head_manifest(reference, deadline).await?
        {
            return Ok(Served::Head(head));
        }
        Ok(Served::Manifest(self.upstream.manifest(reference, deadline).await?))
    }

    /// Says where in the log the tag's record stands.
    fn add_sighting(&self, response: &mut Response<Body>, sighting: &Sighting) {
        let entry = sighting.entry();
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: String| {
            // Ids, numbers and URLs hold nothing that a header may not.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        };
        set(TLOG_UUID, entry.id().to_string());
        set(TLOG_LOG_INDEX, entry.log_index().to_string());
        set(TLOG_INTEGRATED_TIME, entry.integrated_at());
        set(TLOG_ENTRY, self.verdicts.entry_url(entry));
    }
}

pub(super) fn found(body: Body, media_type: &'static str, digest: &Digest) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, value) in [(DOCKER_CONTENT_DIGEST, digest.to_string()), (ETAG, format!("\"{digest}\""))] {
        // A digest is ASCII letters, digits and a colon.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
