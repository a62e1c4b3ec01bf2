//! The limits of registries that have mirrors: until when one allows no more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use url::{Origin, Url};

use crate::http_client::retry_after;

/// `<number>;w=<seconds>`: what remains, and the length of the window that it is counted in
/// (<https://docs.docker.com/docker-hub/usage/pulls/>).
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// A limit without a time, or with one that cannot be read. Docker Hub's is over within a minute where it is one on
/// abuse, and otherwise the next answer says so again.
const DEFAULT: Duration = Duration::from_secs(60);
/// Shorter times are made this long.
const SHORTEST: Duration = Duration::from_secs(1);
/// Docker Hub's window. Longer times are cut to it: whatever was said, the registry is then asked again.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// The registries whose limits are kept, by canonical name. All are configured, so nobody can add to them.
#[derive(Debug)]
pub(super) struct Meter(HashMap<String, Metered>);

#[derive(Debug)]
struct Metered {
    /// The registry's address. Only its answers are the registry's word.
    origin: Origin,
    limit: Mutex<Option<Limit>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    reason: Reason,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It answered 429.
    Refused,
    /// It said that nothing remains. The next answer may say that something does.
    NothingRemains,
}

impl Meter {
    /// A meter for registries, each with the URL that it is called at.
    pub(super) fn new(registries: impl Iterator<Item = (String, Url)>) -> Self {
        let metered = |url: Url| Metered { origin: url.origin(), limit: Mutex::new(None) };
        Self(registries.map(|(registry, url)| (registry, metered(url))).collect())
    }

    /// Reads what an answer from `url` says of the registry's limit.
    pub(super) fn note(&self, registry: &str, url: &Url, status: StatusCode, headers: &HeaderMap) {
        let Some(metered) = self.0.get(registry).filter(|metered| metered.origin == url.origin()) else { return };
        let mut limit = metered.limit();
        let now = Instant::now();
        let before = limit.filter(|limit| now < limit.until);
        *limit = after(before, status, headers, now);
        if let Some(Limit { until, reason }) = limit.filter(|_| before.is_none()) {
            let seconds = until.duration_since(now).as_secs();
            tracing::warn!(registry, ?reason, seconds, "a registry allows no more requests for now");
        }
    }

    /// Returns whether the registry has said that it allows no more, and its time is not over.
    pub(super) fn is_limited(&self, registry: &str) -> bool {
        let limit = self.0.get(registry).and_then(|metered| *metered.limit());
        limit.is_some_and(|limit| Instant::now() < limit.until)
    }
}

impl Metered {
    /// A poisoned lock is usable: nothing panics while holding it.
    fn limit(&self) -> MutexGuard<'_, Option<Limit>> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limit after an answer.
fn after(before: Option<Limit>, status: StatusCode, headers: &HeaderMap, now: Instant) -> Option<Limit> {
    let limit = |reason, time: Duration| Some(Limit { reason, until: now + time.clamp(SHORTEST, LONGEST) });
    let remaining = Remaining::from_headers(headers);
    let nothing = remaining.filter(|remaining| remaining.number == 0);
    if status == StatusCode::TOO_MANY_REQUESTS {
        // If both are given, the pause is the better one: a window slides.
        let window = nothing.and_then(|nothing| nothing.window);
        return match (retry_after(headers), window) {
            (None, Some(window)) => limit(Reason::NothingRemains, window),
            (pause, _) => limit(Reason::Refused, pause.unwrap_or(DEFAULT)),
        };
    }
    match (before, remaining) {
        // Other requests are counted apart, so that something may remain of another limit.
        (Some(Limit { reason: Reason::Refused, .. }), _) | (_, None) => before,
        (_, Some(_)) => nothing.and_then(|nothing| limit(Reason::NothingRemains, nothing.window.unwrap_or(DEFAULT))),
    }
}

/// The remainder of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Remaining {
    number: u64,
    window: Option<Duration>,
}

impl Remaining {
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(REMAINING)?.to_str().ok()?;
        let mut parts = value.split(';').map(str::trim);
        let number = parts.next().filter(|number| is_digits(number))?.parse().unwrap_or(u64::MAX);
        let window = parts.find_map(|part| part.strip_prefix("w=")).filter(|seconds| is_digits(seconds));
        Some(Self { number, window: window.map(|seconds| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX))) })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: &str = "index.docker.io";

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn meter() -> Meter {
        Meter::new([(HUB.to_owned(), url("https://registry-1.docker.io/"))].into_iter())
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    fn note(meter: &Meter, status: u16, pairs: &[(&'static str, &str)]) {
        let status = StatusCode::from_u16(status).unwrap();
        meter.note(HUB, &url("https://registry-1.docker.io/v2/a/b/manifests/c"), status, &headers(pairs));
    }

    /// The seconds until the limit is over.
    async fn seconds(meter: &Meter) -> u64 {
        let began = Instant::now();
        while meter.is_limited(HUB) {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        began.elapsed().as_secs()
    }

    /// Status, headers, and the seconds for which the registry is limited.
    type Case = (u16, &'static [(&'static str, &'static str)], u64);

    #[tokio::test(start_paused = true)]
    async fn a_registry_is_limited_for_as_long_as_it_says_within_bounds() {
        let cases: [Case; 17] = [
            (200, &[], 0),
            (404, &[], 0),
            (503, &[("retry-after", "60")], 0),
            (429, &[("retry-after", "7")], 7),
            (429, &[("retry-after", "0")], 1),
            (429, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], 1),
            (429, &[("retry-after", "99999999999999999999999")], 21600),
            (429, &[("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT")], 21600),
            (429, &[("retry-after", "soon")], 60),
            (429, &[], 60),
            (429, &[("ratelimit-remaining", "0;w=100")], 100),
            (429, &[("retry-after", "5"), ("ratelimit-remaining", "0;w=100")], 5),
            (200, &[("ratelimit-remaining", "0;w=21600")], 21600),
            (200, &[("ratelimit-remaining", "0; w=30 ;x=y")], 30),
            (200, &[("ratelimit-remaining", "0;w=forever")], 60),
            (200, &[("ratelimit-remaining", "1;w=21600")], 0),
            (200, &[("ratelimit-remaining", "none")], 0),
        ];
        for (status, pairs, expected) in cases {
            let meter = meter();
            note(&meter, status, pairs);
            assert_eq!(seconds(&meter).await, expected, "{status} {pairs:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_remains_ends_the_limit_by_which_nothing_did_and_not_a_refusal() {
        let meter = meter();
        note(&meter, 200, &[("ratelimit-remaining", "0;w=21600")]);
        note(&meter, 200, &[]);
        assert!(meter.is_limited(HUB), "an answer that says nothing");
        note(&meter, 200, &[("ratelimit-remaining", "3;w=21600")]);
        assert!(!meter.is_limited(HUB));
        note(&meter, 429, &[("retry-after", "60")]);
        note(&meter, 200, &[("ratelimit-remaining", "3;w=21600")]);
        assert_eq!(seconds(&meter).await, 60, "something remains of another limit");
        note(&meter, 200, &[("ratelimit-remaining", "0;w=10")]);
        assert_eq!(seconds(&meter).await, 10, "a limit that is over hides no other");
    }

    #[tokio::test]
    async fn nobody_else_can_say_that_a_registry_is_limited() {
        let meter = meter();
        let refusal = headers(&[("retry-after", "60")]);
        for elsewhere in [
            "https://auth.docker.io/token",
            "https://registry-1.docker.io:444/v2/",
            "http://registry-1.docker.io/v2/",
            "https://cdn.example/registry-1.docker.io",
        ] {
            meter.note(HUB, &url(elsewhere), StatusCode::TOO_MANY_REQUESTS, &refusal);
            assert!(!meter.is_limited(HUB), "{elsewhere}");
        }
        meter.note("evil.example", &url("https://registry-1.docker.io/"), StatusCode::TOO_MANY_REQUESTS, &refusal);
        assert!(!meter.is_limited(HUB) && !meter.is_limited("evil.example"));
    }
}
