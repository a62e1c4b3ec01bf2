//! HEAD as an economy: it says enough of a manifest that is known, and Docker Hub does not count it. Nothing depends on it.
//! Some registries answer GET alone. Their repositories are then asked by GET at once for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::ask::Reply;
use super::error::{Missing, UpstreamError};
use super::{Manifest, ManifestHead, Question, Token, Upstream};
use crate::deadline::Deadline;
use crate::image::{Reference, Repository};

/// The time for which a repository that answers GET alone is not asked by HEAD.
const TIME: Duration = Duration::from_secs(600);
/// Repositories remembered, some 500 bytes each at most.
const REPOSITORIES: usize = 1_000;

/// What a registry said of a manifest.
#[derive(Debug, Clone)]
pub(crate) enum HeadOrManifest {
    Head(ManifestHead),
    /// HEAD brought nothing usable.
    Manifest(Manifest),
}

impl Upstream {
    /// Asks for a manifest by HEAD and, if that brings nothing usable, by GET.
    ///
    /// Any answer but 200, 429 and a redirect is followed by GET, and so is a connection that breaks, or a token that is
    /// refused: GET may need none. A host that was silent for HEAD may be silent for as long again, so the next request is
    /// the one that is a GET.
    pub(super) async fn head_or_manifest_of_registry(
        &self,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<HeadOrManifest, UpstreamError> {
        let repository = reference.repository();
        if self.get_only.has(repository) {
            return Ok(HeadOrManifest::Manifest(self.manifest(reference, deadline).await?));
        }
        let (refused, fresh) = match self.head(reference, deadline).await {
            Ok(Headed { head: Some(head), .. }) => return Ok(HeadOrManifest::Head(head)),
            Ok(headed) => (headed.refused, headed.fresh),
            Err(error @ UpstreamError::Timeout { .. }) => {
                self.get_only.remember(repository);
                return Err(error);
            }
            Err(
                error @ (UpstreamError::RateLimited { .. } | UpstreamError::Refused(_) | UpstreamError::Silent { .. }),
            ) => return Err(error),
            Err(_) => (true, None),
        };
        let manifest = self.manifest_with(reference, fresh, deadline).await?;
        if refused {
            self.get_only.remember(repository);
        }
        Ok(HeadOrManifest::Manifest(manifest))
    }

    async fn head(&self, reference: &Reference, deadline: Deadline) -> Result<Headed, UpstreamError> {
        let question = Question { method: Method::HEAD, ..Self::about(reference, None) };
        let Reply { response, fresh, .. } = self.ask(question, deadline).await?;
        match response.status() {
            StatusCode::OK => {
                Ok(Headed { head: ManifestHead::from_headers(response.headers()), refused: false, fresh })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Err(self.refusal(reference.repository(), response, Missing::Manifest, deadline).await)
            }
            _ => Ok(Headed { head: None, refused: true, fresh }),
        }
    }
}

/// The answer to a HEAD.
struct Headed {
    /// `None` if it does not say enough.
    head: Option<ManifestHead>,
    /// HEAD itself was refused. Headers alone can be of one manifest.
    refused: bool,
    /// The token that the registry gave for it.
    fresh: Option<Token>,
}

/// The repositories whose registries answer GET of a manifest and not HEAD, and until when that is believed.
///
/// Of one repository nothing follows for another: whoever owns it may make its HEAD fail, and registries count a GET. Docker
/// Hub is known to answer HEAD, and is never remembered.
#[derive(Debug)]
pub(super) struct GetOnly(Mutex<Cache<Repository, Instant>>);

impl GetOnly {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(REPOSITORIES)))
    }

    pub(super) fn has(&self, repository: &Repository) -> bool {
        let mut repositories = self.repositories();
        let Some(end) = repositories.get(repository).copied() else { return false };
        let is_believed = Instant::now() < end;
        if !is_believed {
            repositories.remove(repository);
        }
        is_believed
    }

    /// GET brought what HEAD did not, or HEAD timed out.
    pub(super) fn remember(&self, repository: &Repository) {
        if !repository.registry().is_docker_hub() {
            self.repositories().insert(repository.clone(), Instant::now() + TIME);
        }
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn repositories(&self) -> MutexGuard<'_, Cache<Repository, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_is_asked_by_head_again_after_ten_minutes() {
        let (repositories, one) = (GetOnly::new(), repository("r.example/a"));
        assert!(!repositories.has(&one));
        repositories.remember(&one);
        assert!(repositories.has(&one));
        assert!(!repositories.has(&repository("r.example/b")), "another's owner is another");
        tokio::time::advance(TIME - Duration::from_millis(1)).await;
        assert!(repositories.has(&one));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!repositories.has(&one));
        assert!(repositories.repositories().is_empty());
    }

    #[test]
    fn docker_hub_is_always_asked_by_head() {
        let (repositories, one) = (GetOnly::new(), repository("docker.io/library/a"));
        repositories.remember(&one);
        assert!(!repositories.has(&one));
    }

    #[test]
    fn no_number_of_repositories_is_remembered_beyond_a_thousand() {
        let repositories = GetOnly::new();
        for number in 0..5_000 {
            repositories.remember(&repository(&format!("r.example/{number}")));
        }
        assert!(repositories.repositories().len() <= REPOSITORIES);
    }
}
