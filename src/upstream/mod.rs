//! The registries behind this one. They are asked anonymously and believed only after a check.

mod auth;
mod blob;
mod call;
mod egress;
mod error;
mod insecure;
mod listing;
mod manifest;
mod manifest_kind;
mod misbehaviour;
mod public_address;
mod silence;

use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use reqwest::{Method, Response, StatusCode};
use url::Url;

pub use auth::Challenge;
pub(crate) use blob::BlobLocation;
pub(crate) use egress::{Egress, EgressRefusal, NotPublic};
pub(crate) use error::{Missing, UpstreamError, whole_seconds};
pub use insecure::InsecureRegistry;
pub(crate) use listing::ListPage;
pub use manifest::MAX_MANIFEST_BYTES;
pub(crate) use manifest::{Manifest, ManifestHead};
pub(crate) use misbehaviour::Misbehaviour;

use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Repository};
use crate::oci::{NAME_UNKNOWN, has_code};
use auth::{MAX_ANSWER_BYTES, Token, Tokens};
use silence::Silence;

/// Redirects followed for a manifest or a token.
const MAX_REDIRECTS: usize = 5;
/// Larger than any error that registries send.
const MAX_ERROR_BYTES: usize = 16 << 10;
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

/// A registry's response, and whether the request bore a token.
struct Reply {
    response: Response,
    with_token: bool,
}

impl Upstream {
    /// `cache_bytes` bounds the manifests kept in memory, `registry_timeout` the silence of a host.
    pub(crate) fn new(egress: Egress, cache_bytes: u64, registry_timeout: Duration) -> Self {
        let count = usize::try_from(cache_bytes / EXPECTED_MANIFEST_BYTES).unwrap_or(usize::MAX).max(1);
        let manifests = Cache::with_weighter(count, cache_bytes, ManifestSize);
        Self { egress, tokens: Tokens::new(), manifests, registry_timeout, silence: Silence::new() }
    }

    /// A manifest that was fetched before. Sends no request.
    pub(crate) fn cached(&self, repository: &Repository, digest: &Digest) -> Option<Manifest> {
        self.manifests.get(&CacheKey(repository, digest))
    }

    /// Asks for a manifest by HEAD. `None` if the answer is incomplete.
    pub(crate) async fn head_manifest(
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

    /// Fetches a manifest and checks it.
    pub(crate) async fn manifest(&self, reference: &Reference, deadline: Deadline) -> Result<Manifest, UpstreamError> {
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
        let reply = self.ask(method.clone(), repository, &path, deadline).await?;
        self.follow(method, reply.response, repository, deadline).await
    }

    /// Asks for `path` within a repository, with an anonymous token if the registry wants one. Redirects are not followed.
    async fn ask(
        &self,
        method: Method,
        repository: &Repository,
        path: &str,
        deadline: Deadline,
    ) -> Result<Reply, UpstreamError> {
        let registry = repository.registry().as_str();
        let base = self.egress.base(repository.registry())?;
        let url = format!("{base}v2/{}/{path}", repository.path());
        let url: Url = url.parse().map_err(|_| EgressRefusal::Url(url))?;

        let scope = pull_scope(repository);
        let mut token = self.tokens.get(registry, &scope);
        if token.is_none()
            && let Some(challenge) = self.tokens.challenge(registry)
        {
            // The registry may want another scope by now. Then, or if this fetch fails, the request goes out without a token
            // and the 401 says what is wanted.
            token = self.fetch_token(repository, &challenge, challenge.scope_for(&scope), deadline).await.ok();
        }
        let response = self.send(method.clone(), &url, registry, token.as_ref(), deadline).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(Reply { response, with_token: token.is_some() });
        }
        let challenge =
            Challenge::from_headers(response.headers()).ok_or_else(|| match Challenge::fault(response.headers()) {
                Some(how) => UpstreamError::misbehaved(registry, how),
                None => UpstreamError::WantsCredentials { registry: registry.to_owned() },
            })?;
        self.tokens.keep_challenge(registry, &challenge);
        let token = self.fetch_token(repository, &challenge, challenge.scope().unwrap_or(&scope), deadline).await?;
        let response = self.send(method, &url, registry, Some(&token), deadline).await?;
        Ok(Reply { response, with_token: true })
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
            return Err(self.refusal(repository, response, Missing::Repository, deadline).await);
        }
        let body = self.read(response, MAX_ANSWER_BYTES, registry, deadline).await?;
        let token = Token::parse(&body).map_err(|how| UpstreamError::misbehaved(registry, how))?;
        self.tokens.keep(registry, &pull_scope(repository), token.clone());
        Ok(token)
    }

    /// Follows redirects. Each is checked like the first request, and none gets the registry's token.
    async fn follow(
        &self,
        method: Method,
        mut response: Response,
        repository: &Repository,
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let registry = repository.registry().as_str();
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = redirect(&response) else { return Ok(response) };
            let location = location.ok_or_else(|| misbehaved(Misbehaviour::RedirectToNowhere))?;
            response = self.send(method.clone(), &location, registry, None, deadline).await?;
        }
        match redirect(&response) {
            None => Ok(response),
            Some(_) => Err(misbehaved(Misbehaviour::TooManyRedirects { limit: MAX_REDIRECTS })),
        }
    }

    /// The error for a response without success. A 404 is told apart by its body.
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
                let what = if has_code(&body, NAME_UNKNOWN) { Missing::Repository } else { what };
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

/// The target of a redirect: `None` if the response is not a redirect, `Some(None)` if its target is unusable.
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
