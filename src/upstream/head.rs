//! HEAD as an economy: it says enough of a manifest that is known, and Docker Hub does not count it. Nothing depends on it.
//! Some registries answer GET alone, and are then asked by GET at once for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::ask::Reply;
use super::error::{Missing, UpstreamError};
use super::{Manifest, ManifestHead, Question, Token, Upstream};
use crate::deadline::Deadline;
use crate::image::Reference;

/// The time for which a registry that answers GET alone is not asked by HEAD. A fault that passed costs that many minutes of
/// Docker Hub's limit.
const TIME: Duration = Duration::from_secs(600);
/// Registries remembered, some 100 bytes each. Only one that answered is.
const REGISTRIES: usize = 1_000;

/// What a registry said of a manifest.
#[derive(Debug)]
pub(crate) enum HeadOrManifest {
    Head(ManifestHead),
    /// HEAD brought nothing usable.
    Manifest(Manifest),
}

impl Upstream {
    /// Asks for a manifest by HEAD and, if that brings nothing usable, by GET.
    ///
    /// Any answer but 200, 429 and a redirect is followed by GET, and so is a connection that breaks. A host that was silent
    /// for HEAD would be silent for as long again.
    pub(crate) async fn head_or_manifest(
        &self,
        reference: &Reference,
        deadline: Deadline,
    ) -> Result<HeadOrManifest, UpstreamError> {
        let registry = reference.repository().registry().as_str();
        if self.get_only.has(registry) {
            return Ok(HeadOrManifest::Manifest(self.manifest(reference, deadline).await?));
        }
        let (refused, fresh) = match self.head(reference, deadline).await {
            Ok(Headed { head: Some(head), .. }) => return Ok(HeadOrManifest::Head(head)),
            Ok(headed) => (headed.refused, headed.fresh),
            Err(
                UpstreamError::Unreachable { .. }
                | UpstreamError::Misbehaved { .. }
                | UpstreamError::WantsOtherToken { .. },
            ) => (true, None),
            Err(error) => return Err(error),
        };
        let manifest = self.manifest_with(reference, fresh, deadline).await?;
        if refused {
            self.get_only.remember(registry);
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

/// The registries that answer GET of a manifest and not HEAD, and until when that is believed.
#[derive(Debug)]
pub(super) struct GetOnly(Mutex<Cache<String, Instant>>);

impl GetOnly {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(REGISTRIES)))
    }

    pub(super) fn has(&self, registry: &str) -> bool {
        let mut registries = self.registries();
        let Some(end) = registries.get(registry).copied() else { return false };
        let is_believed = Instant::now() < end;
        if !is_believed {
            registries.remove(registry);
        }
        is_believed
    }

    /// GET brought what HEAD did not.
    pub(super) fn remember(&self, registry: &str) {
        self.registries().insert(registry.to_owned(), Instant::now() + TIME);
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn registries(&self) -> MutexGuard<'_, Cache<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_registry_is_asked_by_head_again_after_ten_minutes() {
        let registries = GetOnly::new();
        assert!(!registries.has("r"));
        registries.remember("r");
        assert!(registries.has("r"));
        assert!(!registries.has("other"));
        tokio::time::advance(TIME - Duration::from_millis(1)).await;
        assert!(registries.has("r"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!registries.has("r"));
        assert!(registries.registries().is_empty());
    }

    #[test]
    fn no_number_of_registries_is_remembered_beyond_a_thousand() {
        let registries = GetOnly::new();
        for number in 0..5_000 {
            registries.remember(&format!("{number}.example"));
        }
        assert!(registries.registries().len() <= REGISTRIES);
    }
}
