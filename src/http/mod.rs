//! The registry as its clients see it: one handler, called by both front ends.

mod accept;
mod attestation_index;
mod attestations;
mod blob;
mod client;
mod conditional;
mod difference;
mod error;
mod gone;
mod listing;
mod manifest;
mod moved;
mod page;
mod pages;
mod pinned;
mod ready;
mod referrers;
mod refused;
mod request_ids;
mod response;
mod route;
mod sighting;
mod sightings;
mod splice;
mod tag_history;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join;
use http::header::{ACCEPT, HeaderValue, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, Request, Response, Uri};

pub(crate) use attestation_index::AttestationIndex;
pub use request_ids::RequestIds;
pub use response::Body;
pub use route::Route;

use crate::deadline::Deadline;
use crate::edge::{Edge, Passage};
use crate::http_client::PRODUCT;
use crate::image::{Digest, Reference, Tag};
use crate::moves::MoveRecorder;
use crate::oci::{API_VERSION, CONTENT_DIGEST};
use crate::rate_limit::{RateLimit, Source};
use crate::telemetry::{self, Outcome, RequestSummary, Telemetry};
use crate::upstream::{EgressRefusal, Upstream, UpstreamError};
use crate::verdict::Verdicts;
use attestations::or_attestation;
use client::Client;
use conditional::conditional;
use error::Refusal;
use pages::refuse;
use ready::Ready;

/// Time beyond a request's time-out for work that does not wait.
const GRACE: Duration = Duration::from_secs(1);

type BoxedAnswer<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send + 'a>>;

/// The service behind both front ends.
#[derive(Debug)]
pub struct Service {
    upstream: Upstream,
    verdicts: Verdicts,
    attestations: AttestationIndex,
    moves: MoveRecorder,
    /// On pages of the list of sightings.
    lists: RateLimit,
    ready: Ready,
    telemetry: Telemetry,
    edge: Edge,
    request_timeout: Duration,
}

/// Bounds of the requests that clients make.
pub(crate) struct Bounds {
    /// The edge that clients have to come through.
    pub edge: Edge,
    /// On pages of the list of sightings.
    pub lists: RateLimit,
    /// Of each request, all its outgoing calls included.
    pub request_timeout: Duration,
}

impl Service {
    pub(crate) fn new(
        upstream: Upstream,
        verdicts: Verdicts,
        attestations: AttestationIndex,
        moves: MoveRecorder,
        telemetry: Telemetry,
        bounds: Bounds,
    ) -> Self {
        let (Bounds { edge, lists, request_timeout }, ready) = (bounds, Ready::default());
        Self { upstream, verdicts, attestations, moves, lists, ready, telemetry, edge, request_timeout }
    }

    /// Fetches the signing key's public half ahead of the first request. A failure is logged, and the next request that
    /// needs the key tries again.
    pub async fn fetch_key(&self) {
        if let Err(error) = self.verdicts.public_key(Deadline::after(self.request_timeout)).await {
            tracing::warn!(%error, "the signing key's public half could not be fetched");
        }
    }

    /// Waits for work that goes on after an answer, a few seconds at most. A process that may be frozen or ended calls it
    /// before that.
    pub async fn finish(&self) {
        join(self.moves.finish(), self.attestations.finish()).await;
    }

    /// Answers one request, in the order of docs/design.md, section 'One pull'.
    ///
    /// The URI's path must be raw, neither decoded nor normalised. A body is ignored. A search of the log is charged to the
    /// [`Source`] among the request's extensions, or to the one that the edge names. The request's line has its site, and the
    /// [`RequestIds`] among the extensions.
    pub async fn handle<B>(&self, request: &Request<B>) -> Response<Body> {
        let (method, uri) = (request.method(), request.uri());
        let passage = self.edge.passage(request.headers());
        let source = match passage {
            Passage::ThroughEdge(source) => Some(source),
            Passage::Direct | Passage::PastEdge => request.extensions().get::<Source>().copied(),
        };
        let client = Client::of(request, self.edge.public_host());
        // Boxed: a pull's future nests all its calls, and outgrows the compiler's limit in its callers' futures.
        let answer: BoxedAnswer<'_> = match passage {
            Passage::PastEdge => Box::pin(async { Err(Refusal::PastEdge(self.edge.public_host().cloned())) }),
            _ => Box::pin(self.route(method, uri, request.headers(), source, &client)),
        };
        // Every wait inside is bounded already. This bounds the ones that were forgotten.
        let bounded = async {
            let in_time = Deadline::after(self.request_timeout + GRACE).bound(answer).await;
            in_time.unwrap_or(Err(Refusal::Timeout))
        };
        let (result, measured) = telemetry::measured(bounded).await;
        self.telemetry.write(&summary(request, source, &result), &measured);
        let mut response = result.unwrap_or_else(|refusal| {
            log_refusal(&refusal);
            refuse(&client, &refusal)
        });
        if client.is_offered_pages() {
            response.headers_mut().insert(VARY, HeaderValue::from_name(ACCEPT));
        }
        let headers = response.headers_mut();
        headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        // Manifests and lists are foreign bytes on the origin of our pages. Browsers must not guess their type.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn route(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        source: Option<Source>,
        client: &Client,
    ) -> Result<Response<Body>, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::Method);
        }
        let deadline = Deadline::after(self.request_timeout);
        match Route::parse(uri.path(), uri.query())? {
            Route::Manifest(_) | Route::PinnedManifest(_) | Route::Blob(..) | Route::Tags(_) | Route::Referrers(..)
                if is_from_tlogistry(headers) =>
            {
                Err(Refusal::Loop)
            }
            Route::Version | Route::Health => Ok(Response::new(Body::empty())),
            Route::Ready => Ok(self.ready.answer(&self.verdicts).await),
            Route::Manifest(Reference::Tag(tag)) | Route::PinnedManifest(tag) if tag.is_referrers_tag() => {
                self.exempt_manifest(method, &tag, deadline).await
            }
            Route::Manifest(Reference::Tag(tag)) => {
                let answer = self.manifest_by_tag(method, &tag, source, client, deadline).await?;
                Ok(conditional(method, headers, true, answer))
            }
            Route::PinnedManifest(tag) => {
                let answer = self.pinned_manifest(method, &tag, source, client, deadline).await?;
                Ok(conditional(method, headers, true, answer))
            }
            Route::Manifest(Reference::Digest(repository, digest)) => {
                let answer = self.manifest_by_digest(method, &repository, &digest, deadline).await;
                let answer = or_attestation(answer, self.attestation_manifest(&repository, &digest, deadline)).await?;
                Ok(conditional(method, headers, false, answer))
            }
            Route::Blob(repository, digest) => {
                let answer = self.blob(method, &repository, &digest, deadline).await;
                or_attestation(answer, self.attestation_blob(&repository, &digest, deadline)).await
            }
            Route::Tags(repository) => self.tags(uri, &repository, deadline).await,
            Route::Referrers(repository, digest) => self.referrers(uri, &repository, &digest, deadline).await,
            Route::Home => Ok(self.home(client, deadline).await),
            Route::LookUp(written) => Ok(self.look_up(client, &written, deadline).await),
            Route::Sightings => self.sightings(uri, source, client, deadline).await,
            Route::Sighting(tag) => self.sighting(&tag, source, client, deadline).await,
            Route::Moves(tag) => self.moves(&tag, deadline).await,
            Route::TagHistory(tag) => self.tag_history(uri, &tag, source, deadline).await,
            Route::Key => self.key(deadline).await,
            Route::TrustedRoot => Ok(self.trusted_root()),
            Route::Catalog => Err(Refusal::Catalog),
            Route::Unknown => Err(Refusal::Path),
        }
    }
}

/// Returns whether a tlogistry instance sent the request, mostly this one: it was named as the registry, or a registry
/// redirects to it. Each level of such a loop costs another request, two if it fails and is retried, and from an
/// address that is not the client's.
fn is_from_tlogistry(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(PRODUCT.as_bytes()))
}

/// A tag that was served, for telemetry. It stands among a response's extensions.
#[derive(Debug, Clone)]
struct ServedTag {
    tag: Tag,
    outcome: Outcome,
}

/// The facts of a request for telemetry.
fn summary<'a, B>(
    request: &'a Request<B>,
    source: Option<Source>,
    result: &'a Result<Response<Body>, Refusal>,
) -> RequestSummary<'a> {
    let (status, outcome, tag, digest) = match result {
        Ok(response) => {
            let served = response.extensions().get::<ServedTag>();
            let digest = response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
            let outcome = served.map_or(Outcome::Other, |served| served.outcome);
            (response.status(), outcome, served.map(|served| &served.tag), digest)
        }
        Err(refusal) => (refusal.status(), refusal.outcome(), refusal.tag(), refusal.recorded().map(Digest::as_str)),
    };
    let ids = request.extensions().get::<RequestIds>();
    RequestSummary {
        method: request.method().as_str(),
        path: request.uri().path(),
        site: source.and_then(Source::site),
        api_request_id: ids.and_then(|ids| ids.api.as_deref()),
        lambda_request_id: ids.and_then(|ids| ids.lambda.as_deref()),
        status,
        outcome,
        tag: tag.map(Tag::canonical),
        digest,
    }
}

/// Logs the details of a refusal that the caller does not get.
fn log_refusal(refusal: &Refusal) {
    match refusal {
        Refusal::NoVerdict { tag, cause } => tracing::error!(%tag, %cause, "no verdict"),
        Refusal::NoEvidence(cause) => tracing::error!(%cause, "no evidence"),
        Refusal::Upstream(UpstreamError::Refused(EgressRefusal::NotPublic(refused))) => {
            tracing::warn!(%refused, "a host is not called");
        }
        Refusal::Moved(moved) => {
            let recorded = moved.recorded.as_ref().map(ToString::to_string);
            tracing::warn!(tag = %moved.tag, recorded, current = %moved.current, "moved");
        }
        _ => {}
    }
}
