//! The registry as its clients see it: one handler, which both front ends call.

mod blob;
mod body;
mod error;
mod manifest;
mod route;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Response, Uri};

pub use body::Body;
pub use route::Route;

use crate::deadline::Deadline;
use crate::image::Reference;
use crate::upstream::Upstream;
use crate::verdict::Verdicts;
use error::Refusal;

/// What the answer to a request may take beyond its time-out, for work that does not wait.
const GRACE: Duration = Duration::from_secs(1);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send + 'a>>;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The service behind both front ends.
#[derive(Debug)]
pub struct Service {
    upstream: Upstream,
    verdicts: Verdicts,
    request_timeout: Duration,
}

impl Service {
    /// `request_timeout` bounds each request, all its outgoing calls included.
    pub fn new(upstream: Upstream, verdicts: Verdicts, request_timeout: Duration) -> Self {
        Self { upstream, verdicts, request_timeout }
    }

    /// Answers one request. The URI's path must be as it came, neither decoded nor normalised; a body is ignored.
    pub async fn handle<B>(&self, request: &Request<B>) -> Response<Body> {
        let began = Instant::now();
        // Boxed, because the future of a pull nests all its calls and outgrows the compiler's limit in its callers'.
        let answer: Answer<'_> = Box::pin(self.route(request.method(), request.uri()));
        // Every wait inside is bounded already. This is the guarantee that none was forgotten.
        let result = match Deadline::after(self.request_timeout + GRACE).bound(answer).await {
            Ok(result) => result,
            Err(_) => Err(Refusal::Timeout),
        };
        let mut response = match result {
            Ok(response) => response,
            Err(refusal) => {
                report(&refusal);
                refusal.into_response()
            }
        };
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        tracing::info!(
            method = %request.method(),
            path = request.uri().path(),
            status = response.status().as_u16(),
            millis = began.elapsed().as_millis(),
            "request"
        );
        response
    }

    async fn route(&self, method: &Method, uri: &Uri) -> Result<Response<Body>, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::Method);
        }
        let deadline = Deadline::after(self.request_timeout);
        match Route::parse(uri.path(), uri.query())? {
            Route::Version | Route::Health => Ok(Response::new(Body::empty())),
            Route::Manifest(Reference::Tag(tag)) => self.manifest_by_tag(method, &tag, deadline).await,
            Route::Manifest(Reference::Digest(repository, digest)) => {
                self.manifest_by_digest(method, &repository, &digest, deadline).await
            }
            Route::Blob(repository, digest) => self.blob(method, &repository, &digest, deadline).await,
            Route::Catalog => Err(Refusal::Catalog),
            Route::Unknown => Err(Refusal::Path),
        }
    }
}

/// Says in the log what a caller is not told.
fn report(refusal: &Refusal) {
    match refusal {
        Refusal::NoVerdict { tag, cause } => tracing::error!(%tag, %cause, "no verdict"),
        Refusal::Moved(moved) => {
            let recorded = moved.recorded.as_ref().map(ToString::to_string);
            tracing::warn!(tag = %moved.tag, recorded, current = %moved.current, "moved");
        }
        _ => {}
    }
}
