//! The registry as its clients see it: one handler, which both front ends call.

mod accept;
mod blob;
mod body;
mod error;
mod evidence;
mod listing;
mod manifest;
mod page;
mod pages;
mod route;
mod splice;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Method, Request, Response, Uri};

pub use body::Body;
pub use route::Route;

use crate::deadline::Deadline;
use crate::evidence::AttestationIndex;
use crate::image::{Digest, Reference, Tag};
use crate::outgoing::PRODUCT;
use crate::rate_limit::Source;
use crate::telemetry::{self, Outcome, RequestSummary, Telemetry};
use crate::upstream::{Refused, Upstream, UpstreamError};
use crate::verdict::Verdicts;
use error::Refusal;
use evidence::or_own;
use manifest::DOCKER_CONTENT_DIGEST;
use pages::Asker;

/// What the answer to a request may take beyond its time-out, for work that does not wait.
const GRACE: Duration = Duration::from_secs(1);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send + 'a>>;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The service behind both front ends.
#[derive(Debug)]
pub struct Service {
    upstream: Upstream,
    verdicts: Verdicts,
    attestations: AttestationIndex,
    telemetry: Telemetry,
    request_timeout: Duration,
}

impl Service {
    /// `request_timeout` bounds each request, all its outgoing calls included.
    pub fn new(
        upstream: Upstream,
        verdicts: Verdicts,
        attestations: AttestationIndex,
        telemetry: Telemetry,
        request_timeout: Duration,
    ) -> Self {
        Self { upstream, verdicts, attestations, telemetry, request_timeout }
    }

    /// Fetches the signing key's public half, so that no request has to wait for it. A failure is logged, and the next
    /// request that needs the key tries again.
    pub async fn fetch_key(&self) {
        if let Err(error) = self.verdicts.public_key(Deadline::after(self.request_timeout)).await {
            tracing::warn!(%error, "the signing key's public half could not be fetched");
        }
    }

    /// Answers one request, in the order of docs/design.md, section 'One pull'.
    ///
    /// The URI's path must be as it came, neither decoded nor normalised. A body is ignored. A search of the log is charged
    /// to the [`Source`] among the request's extensions.
    pub async fn handle<B>(&self, request: &Request<B>) -> Response<Body> {
        let (method, uri) = (request.method(), request.uri());
        let source = request.extensions().get::<Source>().copied();
        let asker = Asker::of(request);
        // Boxed, because the future of a pull nests all its calls and outgrows the compiler's limit in its callers'.
        let answer: Answer<'_> = Box::pin(self.route(method, uri, request.headers(), source, &asker));
        // Every wait inside is bounded already. This is the guarantee that none was forgotten.
        let bounded = async {
            let in_time = Deadline::after(self.request_timeout + GRACE).bound(answer).await;
            in_time.unwrap_or(Err(Refusal::Timeout))
        };
        let (result, measured) = telemetry::measured(bounded).await;
        self.telemetry.write(&summary(method, uri, &result), &measured);
        let mut response = result.unwrap_or_else(|refusal| {
            explain(&refusal);
            asker.refuse(refusal)
        });
        if asker.is_offered_pages() {
            response.headers_mut().insert(VARY, HeaderValue::from_name(ACCEPT));
        }
        let headers = response.headers_mut();
        headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        // Manifests and lists are others' bytes on the origin of our pages: no browser may take them for something else.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn route(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        source: Option<Source>,
        asker: &Asker,
    ) -> Result<Response<Body>, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::Method);
        }
        let deadline = Deadline::after(self.request_timeout);
        match Route::parse(uri.path(), uri.query())? {
            Route::Manifest(_) | Route::Blob(..) | Route::Tags(_) | Route::Referrers(..)
                if is_by_tlogistry(headers) =>
            {
                Err(Refusal::Loop)
            }
            Route::Version | Route::Health => Ok(Response::new(Body::empty())),
            Route::Manifest(Reference::Tag(tag)) => self.manifest_by_tag(method, &tag, source, deadline).await,
            Route::Manifest(Reference::Digest(repository, digest)) => {
                let answer = self.manifest_by_digest(method, &repository, &digest, deadline).await;
                or_own(answer, self.own_manifest(&repository, &digest, deadline)).await
            }
            Route::Blob(repository, digest) => {
                let answer = self.blob(method, &repository, &digest, deadline).await;
                or_own(answer, self.own_blob(&repository, &digest, deadline)).await
            }
            Route::Tags(repository) => self.tags(uri, &repository, deadline).await,
            Route::Referrers(repository, digest) => self.referrers(uri, &repository, &digest, deadline).await,
            Route::Home => Ok(self.home(asker, None, deadline).await),
            Route::LookUp(written) => Ok(self.look_up(asker, &written, deadline).await),
            Route::Sighting(tag) => self.sighting(&tag, source, asker, deadline).await,
            Route::Key => self.key(deadline).await,
            Route::TrustedRoot => Ok(self.trusted_root()),
            Route::Catalog => Err(Refusal::Catalog),
            Route::Unknown => Err(Refusal::Path),
        }
    }
}

/// Whether a tlogistry sent the request, this one as a rule: because it was named as the registry, or a registry
/// redirects to it. Each level of that would be another request, or two where it fails and is tried again, from another
/// address than the client's.
fn is_by_tlogistry(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(PRODUCT.as_bytes()))
}

/// A tag that was served, among a response's extensions: for telling of it.
#[derive(Debug, Clone)]
struct Judged {
    tag: Tag,
    outcome: Outcome,
}

/// The request and its answer, for the log.
fn summary<'a>(method: &'a Method, uri: &'a Uri, result: &'a Result<Response<Body>, Refusal>) -> RequestSummary<'a> {
    let (status, outcome, tag, digest) = match result {
        Ok(response) => {
            let judged = response.extensions().get::<Judged>();
            let digest = response.headers().get(DOCKER_CONTENT_DIGEST).and_then(|value| value.to_str().ok());
            let outcome = judged.map_or(Outcome::Other, |judged| judged.outcome);
            (response.status(), outcome, judged.map(|judged| &judged.tag), digest)
        }
        Err(refusal) => (refusal.status(), refusal.outcome(), refusal.tag(), refusal.recorded().map(Digest::as_str)),
    };
    RequestSummary { method: method.as_str(), path: uri.path(), status, outcome, tag: tag.map(Tag::canonical), digest }
}

/// Says in the log what a caller is not told.
fn explain(refusal: &Refusal) {
    match refusal {
        Refusal::NoVerdict { tag, cause } => tracing::error!(%tag, %cause, "no verdict"),
        Refusal::NoEvidence(cause) => tracing::error!(%cause, "no evidence"),
        Refusal::Upstream(UpstreamError::Refused(Refused::NotPublic(refused))) => {
            tracing::warn!(%refused, "a host is not called");
        }
        Refusal::Moved(moved) => {
            let recorded = moved.recorded.as_ref().map(ToString::to_string);
            tracing::warn!(tag = %moved.tag, recorded, current = %moved.current, "moved");
        }
        _ => {}
    }
}
