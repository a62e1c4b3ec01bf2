//! Redirects to blobs that a registry gave, given again while they are certainly valid.
//!
//! Everybody gets the same: a redirect was given to an anonymous request for this repository, as everyone's is. It is
//! kept by repository, so that another repository's rights are not its own.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use reqwest::Method;
use tokio::time::Instant;

use super::location::BlobLocation;
use super::validity::certain;
use crate::image::{Digest, Repository};

/// The longest time for which a redirect is given again, whatever it says: a registry can change its mind, and a
/// repository become private. A URL that was signed with a session's credentials ends with them, whatever it says
/// (`X-Amz-Security-Token`): AWS's SDKs renew those minutes before.
const LONGEST: Duration = Duration::from_secs(60);
/// A redirect is not given again in its last seconds: the client still has to go there.
const MARGIN: Duration = Duration::from_secs(10);
/// All redirects together: 2,000 of usual size, some 400 of the longest.
const REDIRECTS_BYTES: u64 = 4 << 20;
/// A redirect with its key. It gives the number of entries that the cache makes room for.
const USUAL_BYTES: u64 = 2 << 10;
/// A cache's own bytes for each entry.
const OVERHEAD_BYTES: u64 = 384;

/// The request that a redirect answers. A signed URL is for one method.
type Signed = (Repository, Digest, Method);

#[derive(Debug)]
pub(super) struct Redirects(Cache<Signed, KeptRedirect, RedirectSize>);

#[derive(Debug, Clone)]
struct KeptRedirect {
    location: BlobLocation,
    /// Both clocks have to allow it: the one may be set, and the other may stand still while an instance is frozen.
    until: Instant,
    until_by_the_wall: SystemTime,
}

#[derive(Debug, Clone)]
struct RedirectSize;

impl Weighter<Signed, KeptRedirect> for RedirectSize {
    fn weight(&self, (repository, digest, _): &Signed, kept: &KeptRedirect) -> u64 {
        let text = repository.path().len() + digest.as_str().len() + kept.location.as_str().len();
        text as u64 + OVERHEAD_BYTES
    }
}

impl Redirects {
    pub(super) fn new() -> Self {
        let count = usize::try_from(REDIRECTS_BYTES / USUAL_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(count, REDIRECTS_BYTES, RedirectSize))
    }

    /// Keeps a redirect for as long as it is certainly valid, `headers` being those of the answer that it came in.
    pub(super) fn keep(
        &self,
        repository: &Repository,
        digest: &Digest,
        method: &Method,
        location: &BlobLocation,
        headers: &HeaderMap,
    ) {
        let now = SystemTime::now();
        let said = location.url().and_then(|url| certain(&url, headers, now));
        let Some(time) = said.and_then(|time| time.checked_sub(MARGIN)).filter(|time| !time.is_zero()) else { return };
        let time = time.min(LONGEST);
        let kept =
            KeptRedirect { location: location.clone(), until: Instant::now() + time, until_by_the_wall: now + time };
        self.0.insert((repository.clone(), digest.clone(), method.clone()), kept);
    }

    /// A redirect that is still valid.
    pub(super) fn get(&self, repository: &Repository, digest: &Digest, method: &Method) -> Option<BlobLocation> {
        let key = (repository.clone(), digest.clone(), method.clone());
        let kept = self.0.get(&key)?;
        if Instant::now() < kept.until && SystemTime::now() < kept.until_by_the_wall {
            return Some(kept.location);
        }
        self.0.remove(&key);
        None
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use http::HeaderValue;
    use http::header::CACHE_CONTROL;

    use super::*;

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    fn location(url: &str) -> BlobLocation {
        let base = "https://registry.example/v2/a/blobs/sha256:1".parse().unwrap();
        BlobLocation::of_redirect(&base, &HeaderValue::from_str(url).unwrap(), false).unwrap()
    }

    fn signed_for(seconds: u64) -> BlobLocation {
        let now = DateTime::<Utc>::from(SystemTime::now()).format("%Y%m%dT%H%M%SZ");
        location(&format!("https://s3.example/a?X-Amz-Date={now}&X-Amz-Expires={seconds}&X-Amz-Signature=1"))
    }

    /// The seconds for which a redirect is given again.
    async fn given_for(location: &BlobLocation, headers: &HeaderMap) -> u64 {
        let (redirects, one, digest) = (Redirects::new(), repository("r.example/a"), Digest::sha256(b"a"));
        redirects.keep(&one, &digest, &Method::GET, location, headers);
        let began = Instant::now();
        while let Some(given) = redirects.get(&one, &digest, &Method::GET) {
            assert_eq!(given, *location);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_is_given_again_for_a_minute_at_most_and_not_in_its_last_ten_seconds() {
        let none = HeaderMap::new();
        assert_eq!(given_for(&signed_for(1200), &none).await, 60);
        // The date is cut to seconds, and time goes on.
        assert!((1..=40).contains(&given_for(&signed_for(50), &none).await));
        assert_eq!(given_for(&signed_for(10), &none).await, 0);
        assert_eq!(given_for(&location("https://cdn.example/a?token=b"), &none).await, 0);
        let for_half_a_minute = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("max-age=30"))]);
        assert_eq!(given_for(&location("https://cdn.example/a"), &for_half_a_minute).await, 20);
        let no_store = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
        assert_eq!(given_for(&signed_for(1200), &no_store).await, 0);
    }

    #[tokio::test]
    async fn a_redirect_is_of_one_method_one_repository_and_one_digest() {
        let (redirects, one, digest) = (Redirects::new(), repository("r.example/a"), Digest::sha256(b"a"));
        redirects.keep(&one, &digest, &Method::GET, &signed_for(1200), &HeaderMap::new());
        assert!(redirects.get(&one, &digest, &Method::GET).is_some());
        assert!(redirects.get(&one, &digest, &Method::HEAD).is_none());
        assert!(redirects.get(&one, &Digest::sha256(b"b"), &Method::GET).is_none());
        for other in ["r.example/b", "r2.example/a", "r.example:444/a"] {
            assert!(redirects.get(&repository(other), &digest, &Method::GET).is_none(), "{other}");
        }
    }

    #[test]
    fn a_redirect_ends_by_the_wall_clock_too() {
        let (redirects, one, digest) = (Redirects::new(), repository("r.example/a"), Digest::sha256(b"a"));
        let kept = |left: u64| KeptRedirect {
            location: signed_for(1200),
            until: Instant::now() + LONGEST,
            until_by_the_wall: SystemTime::now() + Duration::from_secs(left),
        };
        for (left, is_given) in [(30, true), (0, false)] {
            redirects.0.insert((one.clone(), digest.clone(), Method::GET), kept(left));
            assert_eq!(redirects.get(&one, &digest, &Method::GET).is_some(), is_given);
        }
    }

    #[test]
    fn what_is_kept_is_bounded_by_its_bytes() {
        let redirects = Redirects::new();
        let (one, long) = (repository("r.example/a"), signed_for(1200).as_str().to_owned() + &"x".repeat(7000));
        for number in 0..5_000_u32 {
            let digest = Digest::sha256(&number.to_be_bytes());
            redirects.keep(&one, &digest, &Method::GET, &location(&long), &HeaderMap::new());
        }
        assert!(redirects.0.weight() <= REDIRECTS_BYTES && redirects.0.len() > 100, "{}", redirects.0.len());
    }
}
