//! HEAD as an economy: it says enough of a manifest that is known, and Docker Hub does not count it. Nothing depends on it.
//! Some registries answer GET alone. They are then asked by GET at once for a while.

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
    failed: Cache<Extent, Instant>,
    /// Registries that answered a HEAD.
    answered: Cache<Registry, ()>,
}

/// What a HEAD that failed says something of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Extent {
    Registry(Registry),
    Repository(Repository),
}

impl GetOnly {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Heads { failed: Cache::new(REMEMBERED), answered: Cache::new(REMEMBERED) }))
    }

    pub(super) fn has(&self, repository: &Repository) -> bool {
        let mut heads = self.heads();
        let extents = [Extent::Registry(repository.registry().clone()), Extent::Repository(repository.clone())];
        extents.iter().any(|extent| heads.is_believed(extent))
    }

    /// A HEAD was answered.
    pub(super) fn note_head(&self, repository: &Repository) {
        self.heads().answered.insert(repository.registry().clone(), ());
    }

    /// GET brought what HEAD did not, or HEAD timed out.
    pub(super) fn remember(&self, repository: &Repository) {
        let registry = repository.registry();
        if registry.is_docker_hub() {
            return;
        }
        let mut heads = self.heads();
        let extent = match heads.answered.get(registry) {
            Some(()) => Extent::Repository(repository.clone()),
            None => Extent::Registry(registry.clone()),
        };
        heads.failed.insert(extent, Instant::now() + TIME);
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heads {
    fn is_believed(&mut self, extent: &Extent) -> bool {
        let Some(end) = self.failed.get(extent).copied() else { return false };
        let is_believed = Instant::now() < end;
        if !is_believed {
            self.failed.remove(extent);
        }
        is_believed
    }
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
        assert!(heads.heads().failed.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_registry_that_answered_a_head_one_repository_is_remembered() {
        let (heads, one, other) = (GetOnly::new(), repository("r.example/a"), repository("r.example/b"));
        heads.note_head(&other);
        heads.remember(&one);
        assert!(heads.has(&one) && !heads.has(&other), "another's owner is another");
        tokio::time::advance(TIME).await;
        assert!(!heads.has(&one));
        assert!(heads.heads().failed.is_empty());
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
        assert!(heads.failed.len() <= REMEMBERED && heads.answered.len() <= REMEMBERED);
    }
}
