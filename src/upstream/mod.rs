//! The registries behind this one: asked anonymously, never believed without a check.

mod auth;
mod blob;
mod call;
mod document;
mod egress;
mod error;
mod insecure;
mod listing;
mod manifest;
mod public;
mod silence;

use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

pub use auth::Challenge;
pub use blob::BlobLocation;
pub use egress::{Egress, NotPublic, Refused};
pub use error::{Missing, UpstreamError, whole_seconds};
pub use insecure::InsecureRegistry;
pub use listing::Page;
pub use manifest::{MAX_MANIFEST_BYTES, MEDIA_TYPES, Manifest, ManifestHead, OCI_INDEX};

use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Repository};

use auth::{MAX_ANSWER_BYTES, Token, Tokens};
use silence::Silence;

/// Redirects followed for a manifest or a token.
const MAX_REDIRECTS: usize = 5;
/// Enough for the errors that registries send.
const MAX_ERROR_BYTES: usize = 16 << 10;
/// A manifest is seldom larger, so this many fit the cache by count when it is full by size.
const EXPECTED_MANIFEST_BYTES: u64 = 4 << 10;

/// A client of all registries.
#[derive(Debug)]
pub struct Upstream {
    egress: Egress,
    tokens: Tokens,
    /// By repository and digest: a manifest is served only where its registry has it.
    manifests: Cache<(Repository, Digest), Manifest, ManifestSize>,
    /// How long a host may say nothing: before the head of its answer, and between two parts of its body.
    patience: Duration,
    silence: Silence,
}

/// A manifest's key in the cache, borrowed. It hashes as the pair does.
#[derive(Hash)]
struct Named<'a>(&'a Repository, &'a Digest);

impl Equivalent<(Repository, Digest)> for Named<'_> {
    fn equivalent(&self, (repository, digest): &(Repository, Digest)) -> bool {
        self.0 == repository && self.1 == digest
    }
}

/// Weighs a manifest by its bytes and what is stored beside them.
#[derive(Debug, Clone)]
struct ManifestSize;

impl Weighter<(Repository, Digest), Manifest> for ManifestSize {
    fn weight(&self, _: &(Repository, Digest), manifest: &Manifest) -> u64 {
        const OVERHEAD: u64 = 512;
        manifest.bytes.len() as u64 + OVERHEAD
    }
}

/// An answer, and whether a token was needed for it.
struct Answer {
    response: Response,
    with_token: bool,
}

impl Upstream {
    /// `cache_bytes` bounds the manifests kept in memory, `patience` how long a host may say nothing.
    pub fn new(egress: Egress, cache_bytes: u64, patience: Duration) -> Self {
        let count = usize::try_from(cache_bytes / EXPECTED_MANIFEST_BYTES).unwrap_or(usize::MAX).max(1);
        let manifests = Cache::with_weighter(count, cache_bytes, ManifestSize);
        Self { egress, tokens: Tokens::new(), manifests, patience, silence: Silence::new() }
    }

    /// A manifest that was fetched before. Asks nobody.
    pub fn cached(&self, repository: &Repository, digest: &Digest) -> Option<Manifest> {
        self.manifests.get(&Named(repository, digest))
    }

    /// What the registry says a manifest is, by HEAD. `None` if it does not say enough.
    pub async fn head_manifest(
        &self,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Option<ManifestHead>, UpstreamError> {
        let response = self.ask_manifest(Method::HEAD, reference, deadline).await?;
        match response.status() {
            StatusCode::OK => Ok(ManifestHead::from_headers(response.headers())),
            StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            _ => Err(self.refusal(reference.repository(), response, Missing::Manifest, deadline).await),
        }
    }

    /// A manifest, with its digest checked.
    pub async fn manifest(&self, reference: &Reference, deadline: Deadline) -> Result<Manifest, UpstreamError> {
        let repository = reference.repository();
        let registry = repository.registry().as_str();
        let mut response = self.ask_manifest(Method::GET, reference, deadline).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(repository, response, Missing::Manifest, deadline).await);
        }
        let headers = std::mem::take(response.headers_mut());
        let bytes = self.read(response, MAX_MANIFEST_BYTES, registry, deadline).await?;
        let manifest = Manifest::check(registry, reference, &headers, bytes)?;
        self.manifests.insert((repository.clone(), manifest.digest.clone()), manifest.clone());
        Ok(manifest)
    }

    async fn ask_manifest(
        &self,
        method: Method,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let repository = reference.repository();
        let path = format!("manifests/{}", reference.as_str());
        let answer = self.ask(method.clone(), repository, &path, deadline).await?;
        self.follow(method, answer.response, repository, deadline).await
    }

    /// Asks for `path` within a repository, fetching an anonymous token if the registry wants one. Redirects are not
    /// followed.
    async fn ask(
        &self,
        method: Method,
        repository: &Repository,
        path: &str,
        deadline: Deadline,
    ) -> Result<Answer, UpstreamError> {
        let registry = repository.registry().as_str();
        let base = self.egress.base(repository.registry())?;
        let url = format!("{base}v2/{}/{path}", repository.path());
        let url: Url = url.parse().map_err(|_| Refused::Url(url))?;

        let scope = pull_scope(repository);
        let mut token = self.tokens.get(registry, &scope);
        if token.is_none()
            && let Some(challenge) = self.tokens.challenge(registry)
        {
            // A registry may have come to ask for another: then, as when this failed, it says so when it is asked without.
            token = self.fetch_token(repository, &challenge, challenge.scope_for(&scope), deadline).await.ok();
        }
        let response = self.send(method.clone(), &url, registry, token.as_ref(), deadline).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(Answer { response, with_token: token.is_some() });
        }
        let challenge =
            Challenge::from_headers(response.headers()).ok_or_else(|| match Challenge::fault(response.headers()) {
                Some(fault) => UpstreamError::lied(registry, fault),
                None => UpstreamError::WantsCredentials { registry: registry.to_owned() },
            })?;
        self.tokens.keep_challenge(registry, &challenge);
        let token = self.fetch_token(repository, &challenge, challenge.scope().unwrap_or(&scope), deadline).await?;
        let response = self.send(method, &url, registry, Some(&token), deadline).await?;
        Ok(Answer { response, with_token: true })
    }

    async fn fetch_token(
        &self,
        repository: &Repository,
        challenge: &Challenge,
        scope: &str,
        deadline: Deadline,
    ) -> Result<Token, UpstreamError> {
        let registry = repository.registry().as_str();
        let url = challenge.token_url(scope);
        let response = self.send(Method::GET, &url, registry, None, deadline).await?;
        let response = self.follow(Method::GET, response, repository, deadline).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(repository, response, Missing::Name, deadline).await);
        }
        let body = self.read(response, MAX_ANSWER_BYTES, registry, deadline).await?;
        let token = Token::parse(&body).map_err(|fault| UpstreamError::lied(registry, fault))?;
        self.tokens.keep(registry, &pull_scope(repository), token.clone());
        Ok(token)
    }

    /// Follows redirects, each checked like the first request. Credentials are for the registry alone and stay behind.
    async fn follow(
        &self,
        method: Method,
        mut response: Response,
        repository: &Repository,
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let registry = repository.registry().as_str();
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = redirect(&response) else { return Ok(response) };
            let location = location.ok_or_else(|| UpstreamError::lied(registry, "redirects to nowhere"))?;
            response = self.send(method.clone(), &location, registry, None, deadline).await?;
        }
        match redirect(&response) {
            None => Ok(response),
            Some(_) => Err(UpstreamError::lied(registry, format!("redirects more than {MAX_REDIRECTS} times"))),
        }
    }

    /// What an answer that is no success means.
    async fn refusal(
        &self,
        repository: &Repository,
        response: Response,
        what: Missing,
        deadline: Deadline,
    ) -> UpstreamError {
        let registry = repository.registry().to_string();
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => UpstreamError::WantsCredentials { registry },
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                UpstreamError::RateLimited { registry, retry_after: retry_after.map(str::to_owned) }
            }
            StatusCode::NOT_FOUND => {
                let body = self.read(response, MAX_ERROR_BYTES, &registry, deadline).await.unwrap_or_default();
                let what = if has_code(&body, "NAME_UNKNOWN") { Missing::Name } else { what };
                UpstreamError::NotFound { registry, what }
            }
            StatusCode::GATEWAY_TIMEOUT => UpstreamError::Timeout { registry },
            status => UpstreamError::Status { registry, status },
        }
    }
}

/// The scope of a token for pulling from a repository.
fn pull_scope(repository: &Repository) -> String {
    format!("repository:{}:pull", repository.path())
}

/// Where an answer redirects to: `None` if it does not, `Some(None)` if it does and does not say where.
fn redirect(response: &Response) -> Option<Option<Url>> {
    match response.status() {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {}
        _ => return None,
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    Some(location.and_then(|location| response.url().join(location).ok()))
}

/// Whether an error's body has this code (distribution spec, "Error Codes").
pub(crate) fn has_code(body: &[u8], code: &str) -> bool {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    serde_json::from_slice::<Errors>(body).is_ok_and(|body| body.errors.iter().any(|error| error.code == code))
}
