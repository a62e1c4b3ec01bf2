//! HEAD as an economy: it says enough of a manifest that is known, and Docker Hub does not count it. Nothing depends on it.
//! Some registries answer GET alone. They are then asked by GET at once for a while.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::ask::Reply;
use super::error::{Missing, UpstreamError};
use super::{Manifest, ManifestHead, Question, Token, Upstream};
use crate::deadline::Deadline;
use crate::image::{Reference, Registry, Repository};

/// The time for which a registry or a repository that answers GET alone is not asked by HEAD.
const TIME: Duration = Duration::from_secs(600);
/// Registries and repositories remembered, some 500 bytes each at most.
const REMEMBERED: usize = 1_000;

/// A registry's answer about a manifest.
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
                let head = ManifestHead::from_headers(response.headers());
                if head.is_some() {
                    self.get_only.note_head(reference.repository());
                }
                Ok(Headed { head, refused: false, fresh })
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

/// The registries and repositories that answer GET of a manifest and not HEAD, and until when that is believed.
///
/// A registry that never answered a HEAD is remembered whole. Of one that has, only the repository is: whoever owns it may
/// make its HEAD fail, and registries count a GET. Docker Hub is known to answer HEAD, and is never remembered.
#[derive(Debug)]
pub(super) struct GetOnly(Mutex<Heads>);

#[derive(Debug)]
struct Heads {
    registries: Cache<Registry, Instant>,
    repositories: Cache<Repository, Instant>,
    /// Registries that answered a HEAD.
    answered: Cache<Registry, ()>,
}

impl GetOnly {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Heads {
            registries: Cache::new(REMEMBERED / 2),
            repositories: Cache::new(REMEMBERED / 2),
            answered: Cache::new(REMEMBERED),
        }))
    }

    pub(super) fn has(&self, repository: &Repository) -> bool {
        let Heads { registries, repositories, .. } = &mut *self.heads();
        is_believed(registries, repository.registry()) || is_believed(repositories, repository)
    }

    /// A HEAD was answered.
    pub(super) fn note_head(&self, repository: &Repository) {
        let (registry, answered) = (repository.registry(), &mut self.heads().answered);
        if answered.get(registry).is_none() {
            answered.insert(registry.clone(), ());
        }
    }

    /// GET brought what HEAD did not, or HEAD timed out.
    pub(super) fn remember(&self, repository: &Repository) {
        let registry = repository.registry();
        if registry.is_docker_hub() {
            return;
        }
        let (mut heads, end) = (self.heads(), Instant::now() + TIME);
        match heads.answered.get(registry) {
            Some(()) => heads.repositories.insert(repository.clone(), end),
            None => heads.registries.insert(registry.clone(), end),
        }
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a HEAD that failed is still believed. One that is not is forgotten.
fn is_believed<K: Hash + Eq>(failed: &mut Cache<K, Instant>, key: &K) -> bool {
    let Some(end) = failed.get(key).copied() else { return false };
    let is_believed = Instant::now() < end;
    if !is_believed {
        failed.remove(key);
    }
    is_believed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_never_answered_a_head_is_asked_by_head_again_after_ten_minutes() {
        let (heads, one, other) = (GetOnly::new(), repository("r.example/a"), repository("r.example/b"));
        assert!(!heads.has(&one));
        heads.remember(&one);
        assert!(heads.has(&one) && heads.has(&other), "all of the registry's");
        assert!(!heads.has(&repository("other.example/a")));
        tokio::time::advance(TIME - Duration::from_millis(1)).await;
        assert!(heads.has(&one));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!heads.has(&one) && !heads.has(&other));
        assert!(heads.heads().registries.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_registry_that_answered_a_head_one_repository_is_remembered() {
        let (heads, one, other) = (GetOnly::new(), repository("r.example/a"), repository("r.example/b"));
        heads.note_head(&other);
        heads.remember(&one);
        assert!(heads.has(&one) && !heads.has(&other), "another's owner is another");
        tokio::time::advance(TIME).await;
        assert!(!heads.has(&one));
        assert!(heads.heads().repositories.is_empty());
        heads.remember(&one);
        assert!(!heads.has(&other), "it answered a HEAD once");
    }

    #[test]
    fn docker_hub_is_always_asked_by_head() {
        let (heads, one) = (GetOnly::new(), repository("docker.io/library/a"));
        heads.remember(&one);
        assert!(!heads.has(&one));
    }

    #[test]
    fn no_number_of_registries_or_repositories_is_remembered_beyond_a_thousand() {
        let heads = GetOnly::new();
        heads.note_head(&repository("r.example/a"));
        for number in 0..5_000 {
            heads.remember(&repository(&format!("r.example/{number}")));
            heads.remember(&repository(&format!("{number}.example/a")));
            heads.note_head(&repository(&format!("{number}.other.example/a")));
        }
        let heads = heads.heads();
        assert!(heads.registries.len() + heads.repositories.len() <= REMEMBERED && heads.answered.len() <= REMEMBERED);
    }
}
