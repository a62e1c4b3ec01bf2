//! Repositories that need no token: their registry gave a manifest to a request without one. For a blob that a manifest
//! of theirs names, clients are sent to the registry itself at once, and get there what anybody gets.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;

use super::Upstream;
use super::ask::{Question, Reply};
use super::call::Wanted;
use super::egress::EgressRefusal;
use super::location::BlobLocation;
use crate::image::{Digest, Repository};

/// The time for which a repository is believed to need no token. Where it needs one by then, the registry refuses the
/// client itself.
const TIME: Duration = Duration::from_secs(600);
/// Repositories remembered, some 500 bytes each at most.
const REPOSITORIES: usize = 2_000;
/// Blobs remembered, some 40 bytes each: those of some 4,000 images.
const BLOBS: usize = 50_000;
/// Blobs of one manifest. Images have 128 layers at most, so that no other is pushed out by one that names thousands.
const BLOBS_OF_A_MANIFEST: usize = 256;

/// The repositories, and the blobs that manifests name.
#[derive(Debug)]
pub(super) struct Open {
    /// Until when each is believed to need no token.
    repositories: Mutex<Cache<Repository, Instant>>,
    /// By a hash of repository and digest, which nobody outside can foresee. Another blob with the same one is sent to
    /// its registry too, and asked for nowhere.
    named: Mutex<Cache<u64, ()>>,
    hasher: RandomState,
}

impl Open {
    pub(super) fn new() -> Self {
        let (repositories, named) = (Mutex::new(Cache::new(REPOSITORIES)), Mutex::new(Cache::new(BLOBS)));
        Self { repositories, named, hasher: RandomState::new() }
    }

    /// Notes what an answer for a manifest says. A token that was sent although none may have been needed says nothing.
    pub(super) fn note(&self, question: &Question<'_>, reply: &Reply) {
        if question.wanted == Wanted::Manifest && !reply.with_token && reply.response.status() == StatusCode::OK {
            lock(&self.repositories).insert(question.repository.clone(), Instant::now() + TIME);
        }
    }

    /// Forgets a repository: a request without a token was refused.
    pub(super) fn forget(&self, repository: &Repository) {
        lock(&self.repositories).remove(repository);
    }

    /// Notes the blobs that a manifest names: a config and layers.
    pub(super) fn note_names(&self, repository: &Repository, manifest: &[u8]) {
        #[derive(Deserialize)]
        struct BlobName<'a> {
            #[serde(borrow)]
            digest: &'a str,
        }
        #[derive(Deserialize)]
        struct NamesOfManifest<'a> {
            #[serde(borrow)]
            config: Option<BlobName<'a>>,
            #[serde(borrow, default)]
            layers: Vec<BlobName<'a>>,
        }
        // An index names manifests.
        let Ok(NamesOfManifest { config, layers }) = serde_json::from_slice(manifest) else { return };
        let mut named = lock(&self.named);
        for BlobName { digest } in config.into_iter().chain(layers).take(BLOBS_OF_A_MANIFEST) {
            named.insert(self.hasher.hash_one((repository, digest)), ());
        }
    }

    fn has(&self, repository: &Repository, digest: &Digest) -> bool {
        self.is_open(repository)
            && lock(&self.named).get(&self.hasher.hash_one((repository, digest.as_str()))).is_some()
    }

    fn is_open(&self, repository: &Repository) -> bool {
        let mut repositories = lock(&self.repositories);
        let Some(end) = repositories.get(repository).copied() else { return false };
        let is_believed = Instant::now() < end;
        if !is_believed {
            repositories.remove(repository);
        }
        is_believed
    }
}

/// A poisoned lock is usable: nothing panics while holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    /// The URL at its registry of a blob that needs no token. `None` also while the registry allows no more requests: a
    /// mirror may have the blob then.
    pub(super) fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<BlobLocation>, EgressRefusal> {
        if !self.open.has(repository, digest) || self.is_limited(repository) {
            return Ok(None);
        }
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        // The same guard as if the registry were asked.
        self.egress.client(&url, repository.registry().as_str())?;
        Ok(BlobLocation::of_registry(&url).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    fn manifest(blobs: &[Digest]) -> String {
        let descriptors: Vec<_> = blobs.iter().map(|blob| format!(r#"{{"digest":"{blob}","size":1}}"#)).collect();
        format!(r#"{{"config":{},"layers":[{}]}}"#, descriptors[0], descriptors[1..].join(","))
    }

    fn believe(open: &Open, repository: &Repository) {
        lock(&open.repositories).insert(repository.clone(), Instant::now() + TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_is_believed_to_be_open_for_ten_minutes_and_for_blobs_that_it_names() {
        let (open, one) = (Open::new(), repository("r.example/a"));
        let blobs = ["config", "layer", "another"].map(|blob| Digest::sha256(blob.as_bytes()));
        open.note_names(&one, manifest(&blobs).as_bytes());
        assert!(!open.has(&one, &blobs[0]), "it may need a token");
        believe(&open, &one);
        assert!(blobs.iter().all(|blob| open.has(&one, blob)));
        assert!(!open.has(&one, &Digest::sha256(b"unnamed")));
        let other = repository("r.example/b");
        believe(&open, &other);
        assert!(!open.has(&other, &blobs[0]), "another repository names nothing");
        tokio::time::advance(TIME).await;
        assert!(!open.has(&one, &blobs[0]));
        believe(&open, &one);
        assert!(open.has(&one, &blobs[0]), "what it names stays");
        open.forget(&one);
        assert!(!open.has(&one, &blobs[0]));
    }

    #[test]
    fn what_is_no_image_names_nothing_and_no_manifest_names_thousands() {
        let (open, one) = (Open::new(), repository("r.example/a"));
        for manifest in ["", "[]", "{}", r#"{"layers":7}"#, r#"{"manifests":[{"digest":"a"}]}"#, r#"{"layers":[{}]}"#] {
            open.note_names(&one, manifest.as_bytes());
        }
        assert!(lock(&open.named).is_empty());
        let blobs: Vec<_> = (0..10_000_u32).map(|number| Digest::sha256(&number.to_be_bytes())).collect();
        open.note_names(&one, manifest(&blobs).as_bytes());
        assert_eq!(lock(&open.named).len(), BLOBS_OF_A_MANIFEST);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let open = Open::new();
        for number in 0..1_000_u32 {
            let one = repository(&format!("r.example/{number}"));
            let blobs: Vec<_> = (0..200_u32).map(|blob| Digest::sha256(&blob.to_be_bytes())).collect();
            open.note_names(&one, manifest(&blobs).as_bytes());
            (0..5).for_each(|part| believe(&open, &repository(&format!("r.example/{number}/{part}"))));
        }
        assert!(lock(&open.named).len() <= BLOBS && lock(&open.repositories).len() <= REPOSITORIES);
    }
}
