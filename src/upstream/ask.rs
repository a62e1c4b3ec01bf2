//! One question to a registry: with the anonymous token that it wants, and the redirects that are its own to follow.

use reqwest::{Method, Response, StatusCode};
use url::{Position, Url};

use super::challenge::Challenge;
use super::egress::EgressRefusal;
use super::error::{Missing, UpstreamError};
use super::token::{MAX_ANSWER_BYTES, Token};
use super::{Upstream, Wanted};
use crate::deadline::Deadline;
use crate::image::Repository;

/// A request within a repository.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    pub method: Method,
    pub repository: &'a Repository,
    /// The path within the repository.
    pub path: String,
    pub wanted: Wanted,
    /// The token that the registry just gave for the same question by another method. If it is refused, that is the answer.
    pub fresh: Option<Token>,
}

/// A registry's response.
pub(super) struct Reply {
    pub response: Response,
    /// The question bore a token. A redirect may have led to where it was not sent along.
    pub with_token: bool,
    /// That token, if the registry gave it for this very question.
    pub fresh: Option<Token>,
    /// The registry's own host answered, and no other one that it redirected to.
    pub is_own: bool,
}

impl Reply {
    /// Returns whether the registry may have refused the token. Some answer 400 or 403 to one that has expired.
    fn may_refuse_token(&self) -> bool {
        let status = self.response.status();
        self.is_own && matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

impl<'a> Question<'a> {
    pub(super) fn get(repository: &'a Repository, path: String, wanted: Wanted) -> Self {
        Self { method: Method::GET, repository, path, wanted, fresh: None }
    }
}

impl Upstream {
    /// Asks a registry, with an anonymous token if it wants one.
    ///
    /// A token that was kept, or fetched by a challenge that was, can be out of date in every way. If it is refused, both
    /// are forgotten, and the question is asked once more from the start: without a token, then with the one that the
    /// registry asks for. What that says is the answer.
    pub(super) async fn ask(&self, question: Question<'_>, deadline: Deadline) -> Result<Reply, UpstreamError> {
        let reply = self.ask_with_token(&question, deadline).await?;
        self.open.note(&question, &reply);
        Ok(reply)
    }

    /// The URL of a path within a repository.
    pub(super) fn url(&self, repository: &Repository, path: &str) -> Result<Url, EgressRefusal> {
        let base = self.egress.base(repository.registry())?;
        let url = format!("{base}v2/{}/{path}", repository.path());
        url.parse().map_err(|_| EgressRefusal::Url(url))
    }

    async fn ask_with_token(&self, question: &Question<'_>, deadline: Deadline) -> Result<Reply, UpstreamError> {
        let repository = question.repository;
        let registry = repository.registry().as_str();
        let url = self.url(repository, &question.path)?;

        let scope = pull_scope(repository);
        if let Some(fresh) = question.fresh.clone() {
            return self.attempt_with(question, &url, fresh, deadline).await;
        }
        let kept = self.kept_token(repository, &scope, deadline).await;
        let mut reply = self.attempt(question, &url, kept.as_ref(), deadline).await?;
        if let Some(kept) = kept.filter(|_| reply.may_refuse_token()) {
            self.tokens.forget(registry, &scope, &kept);
            reply = self.attempt(question, &url, None, deadline).await?;
        }
        if reply.with_token || reply.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        self.open.forget(repository);
        let headers = reply.response.headers();
        let Some(challenge) = Challenge::from_headers(headers, reply.response.url()) else {
            return match Challenge::fault(headers) {
                Some(how) => Err(UpstreamError::misbehaved(registry, how)),
                None => Ok(reply),
            };
        };
        self.tokens.keep_challenge(registry, &challenge);
        let token = self.fetch_token(repository, &challenge, challenge.scope().unwrap_or(&scope), deadline).await?;
        self.attempt_with(question, &url, token, deadline).await
    }

    /// A token that was kept, or one that the registry will ask for as it did last.
    async fn kept_token(&self, repository: &Repository, scope: &str, deadline: Deadline) -> Option<Token> {
        let registry = repository.registry().as_str();
        if let Some(token) = self.tokens.get(registry, scope) {
            return Some(token);
        }
        let challenge = self.tokens.challenge(registry)?;
        // If this fetch fails, the question goes out without a token, and the 401 says what is wanted.
        self.fetch_token(repository, &challenge, challenge.scope_for(scope), deadline).await.ok()
    }

    async fn attempt_with(
        &self,
        question: &Question<'_>,
        url: &Url,
        fresh: Token,
        deadline: Deadline,
    ) -> Result<Reply, UpstreamError> {
        let reply = self.attempt(question, url, Some(&fresh), deadline).await?;
        Ok(Reply { fresh: Some(fresh), ..reply })
    }

    /// Fails if another host than the registry's wants credentials.
    async fn attempt(
        &self,
        question: &Question<'_>,
        url: &Url,
        token: Option<&Token>,
        deadline: Deadline,
    ) -> Result<Reply, UpstreamError> {
        let registry = question.repository.registry().as_str();
        let response = self.send(question.method.clone(), url, registry, question.wanted, token, deadline).await?;
        let response = self.follow(question, response, token, deadline).await?;
        let is_own = response.url().origin() == url.origin();
        if response.status() == StatusCode::UNAUTHORIZED && !is_own {
            let host = response.url()[Position::BeforeHost..Position::AfterPort].to_owned();
            return Err(UpstreamError::WantsOtherToken { registry: registry.to_owned(), host });
        }
        Ok(Reply { response, with_token: token.is_some(), fresh: None, is_own })
    }

    async fn fetch_token(
        &self,
        repository: &Repository,
        challenge: &Challenge,
        scope: &str,
        deadline: Deadline,
    ) -> Result<Token, UpstreamError> {
        let registry = repository.registry().as_str();
        let question = Question::get(repository, String::new(), Wanted::Token);
        let url = challenge.token_url(scope);
        let response = self.attempt(&question, &url, None, deadline).await?.response;
        if !response.status().is_success() {
            return Err(self.refusal(repository, response, Missing::Repository, deadline).await);
        }
        let body = self.read(response, MAX_ANSWER_BYTES, registry, deadline).await?;
        let token = Token::parse(&body).map_err(|how| UpstreamError::misbehaved(registry, how))?;
        self.tokens.keep(registry, &pull_scope(repository), token.clone());
        Ok(token)
    }
}

/// The scope of a token for pulling from a repository.
fn pull_scope(repository: &Repository) -> String {
    format!("repository:{}:pull", repository.path())
}
