//! Redirects.

use http::header::LOCATION;
use reqwest::{Response, StatusCode};
use url::Url;

use super::ask::Question;
use super::error::UpstreamError;
use super::misbehaviour::Misbehaviour;
use super::token::Token;
use super::{Upstream, Wanted};
use crate::deadline::Deadline;

/// Redirects followed for one answer.
const MAX_REDIRECTS: usize = 5;

impl Upstream {
    /// Follows redirects. Each is checked like the first request.
    ///
    /// The token goes along as long as scheme, host and port stay the same (Artifactory redirects `/v2/…` to
    /// `/artifactory/api/docker/…` and wants it there). Once they differ it is not sent again, wherever the way leads.
    /// Blobs are where the last redirect leads, for clients to go there: only a redirect to the same blob by another path of
    /// the registry is followed.
    pub(super) async fn follow(
        &self,
        question: &Question<'_>,
        mut response: Response,
        mut token: Option<&Token>,
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let registry = question.repository.registry().as_str();
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = redirect(&response) else { return Ok(response) };
            if question.wanted == Wanted::Blob && !is_same_blob(response.url(), location.as_ref()) {
                return Ok(response);
            }
            let location = location.ok_or_else(|| misbehaved(Misbehaviour::RedirectToNowhere))?;
            token = token.filter(|_| location.origin() == response.url().origin());
            response =
                self.send(question.method.clone(), &location, registry, question.wanted, token, deadline).await?;
        }
        match redirect(&response) {
            None => Ok(response),
            Some(_) => Err(misbehaved(Misbehaviour::TooManyRedirects { limit: MAX_REDIRECTS })),
        }
    }
}

/// Returns whether a redirect leads to the same blob by another path of the registry's API. A query is a signature as a
/// rule: such a URL needs no token. The same path leads nowhere.
fn is_same_blob(url: &Url, location: Option<&Url>) -> bool {
    let digest = |url: &Url| {
        let (path, digest) = url.path().rsplit_once('/')?;
        path.ends_with("/blobs").then(|| digest.replacen("%3A", ":", 1).replacen("%3a", ":", 1))
    };
    location.is_some_and(|location| {
        location.origin() == url.origin()
            && location.query().is_none()
            && location.path() != url.path()
            && digest(location).is_some()
            && digest(location) == digest(url)
    })
}

/// The target of a redirect: `None` if the response is not a redirect, `Some(None)` if its target is unusable.
pub(super) fn redirect(response: &Response) -> Option<Option<Url>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_blob_by_another_path_of_the_registry_is_its_own() {
        let url: Url = "https://r.example/v2/a/blobs/sha256:1".parse().unwrap();
        for (location, expected) in [
            ("/artifactory/api/docker/a/v2/a/blobs/sha256:1", true),
            ("https://r.example:443/other/blobs/sha256%3a1", true),
            ("", false),
            ("#", false),
            ("#a", false),
            ("/v2/a/blobs/sha256:1", false),
            ("https://r.example:443/v2/a/blobs/sha256:1#a", false),
            ("/v2/a/blobs/sha256:2", false),
            ("/v2/a/blobs/sha256:1?signature=x", false),
            ("/downloads/sha256:1", false),
            ("/blobs", false),
            ("http://r.example/x/blobs/sha256:1", false),
            ("https://r.example:444/x/blobs/sha256:1", false),
            ("https://cdn.example/x/blobs/sha256:1", false),
        ] {
            assert_eq!(is_same_blob(&url, Some(&url.join(location).unwrap())), expected, "{location}");
        }
        assert!(!is_same_blob(&url, None));
    }
}
