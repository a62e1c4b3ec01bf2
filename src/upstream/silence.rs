//! Hosts that do not answer: after several time-outs in a row a host is not asked for a while, so that it cannot hold an
//! instance for seconds again and again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::unsync::Cache;
use tokio::time::Instant;
use url::{Position, Url};

use crate::foreign::shown;

/// Time-outs in a row after which a host counts as silent. One or two happen to every registry.
const TIMEOUTS: u32 = 3;
/// The pause before a silent host is tried again, by one request. Others wait until that one is answered or the pause is
/// over again. With the default time-out, a silent host takes at most 8 of 38 seconds of an instance.
const PAUSE: Duration = Duration::from_secs(30);
/// Hosts remembered, some 200 bytes each. Pushing one out takes a time-out of each other one.
const HOSTS: usize = 1_000;

/// The hosts that timed out last. The key is the registry asked for, with the scheme, host and port called: a registry
/// cannot make another one count as silent by redirecting there.
#[derive(Debug)]
pub(super) struct Silence(Mutex<Cache<(String, String), Silent>>);

#[derive(Debug, Clone, Copy)]
struct Silent {
    /// In a row.
    timeouts: u32,
    /// The host may be asked again from then on.
    until: Instant,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Cache::new(HOSTS)))
    }

    /// Admits a request to `url` for `registry`, or answers how long to wait.
    pub(super) fn admit(&self, registry: &str, url: &Url) -> Result<(), Duration> {
        self.admit_at(registry, url, Instant::now())
    }

    fn admit_at(&self, registry: &str, url: &Url, now: Instant) -> Result<(), Duration> {
        let mut hosts = self.hosts();
        // The usual case builds no key.
        if hosts.is_empty() {
            return Ok(());
        }
        let key = key(registry, url);
        let Some(mut silent) = hosts.get(&key).copied().filter(|silent| silent.timeouts >= TIMEOUTS) else {
            return Ok(());
        };
        if let Some(left) = silent.until.checked_duration_since(now).filter(|left| !left.is_zero()) {
            return Err(left);
        }
        // This request tries the host; others wait for its outcome.
        silent.until = now + PAUSE;
        hosts.insert(key, silent);
        Ok(())
    }

    /// Counts a time-out.
    pub(super) fn timed_out(&self, registry: &str, url: &Url) {
        self.timed_out_at(registry, url, Instant::now());
    }

    fn timed_out_at(&self, registry: &str, url: &Url, now: Instant) {
        let mut hosts = self.hosts();
        let key = key(registry, url);
        let timeouts = hosts.get(&key).map_or(0, |silent| silent.timeouts).saturating_add(1);
        if timeouts >= TIMEOUTS {
            let (registry, host) = (shown(&key.0), shown(&key.1));
            tracing::warn!(%registry, %host, timeouts, "a host timed out again and is not asked for a while");
        }
        hosts.insert(key, Silent { timeouts, until: now + PAUSE });
    }

    /// Forgets a host's time-outs: it has answered.
    pub(super) fn answered(&self, registry: &str, url: &Url) {
        let mut hosts = self.hosts();
        if !hosts.is_empty() {
            hosts.remove(&key(registry, url));
        }
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn hosts(&self) -> MutexGuard<'_, Cache<(String, String), Silent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(registry: &str, url: &Url) -> (String, String) {
    (registry.to_owned(), url[..Position::BeforePath].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_that_timed_out_three_times_in_a_row_is_not_asked_for_half_a_minute_and_then_by_one() {
        let (silence, now) = (Silence::new(), Instant::now());
        let at = url("https://registry.example/v2/a/manifests/v1");
        let admit = |after: u64| silence.admit_at("registry.example", &at, now + Duration::from_secs(after));
        for _ in 0..3 {
            assert_eq!(admit(0), Ok(()));
            silence.timed_out_at("registry.example", &at, now);
        }
        assert_eq!((admit(0), admit(29)), (Err(PAUSE), Err(Duration::from_secs(1))));
        let elsewhere = url("https://registry.example/v2/b/blobs/c?d");
        assert_eq!(silence.admit_at("registry.example", &elsewhere, now), Err(PAUSE), "another path of the same host");
        assert_eq!(
            (admit(30), admit(30), admit(31)),
            (Ok(()), Err(PAUSE), Err(Duration::from_secs(29))),
            "one tries it"
        );
        silence.timed_out_at("registry.example", &at, now + Duration::from_secs(38));
        assert_eq!((admit(67), admit(68)), (Err(Duration::from_secs(1)), Ok(())));
        silence.answered("registry.example", &at);
        for _ in 0..3 {
            assert_eq!(admit(69), Ok(()), "it is forgotten, its time-outs too");
            silence.timed_out_at("registry.example", &at, now + Duration::from_secs(69));
        }
        assert_eq!(admit(70), Err(Duration::from_secs(29)));
    }

    #[test]
    fn an_answer_between_time_outs_begins_the_count_again() {
        let (silence, at) = (Silence::new(), url("https://registry.example/"));
        for _ in 0..5 {
            silence.timed_out("registry.example", &at);
            silence.timed_out("registry.example", &at);
            silence.answered("registry.example", &at);
        }
        assert_eq!(silence.admit("registry.example", &at), Ok(()));
    }

    #[test]
    fn a_registry_is_not_silent_because_another_led_there() {
        let (silence, at) = (Silence::new(), url("https://registry.example/slow"));
        for _ in 0..9 {
            silence.timed_out("evil.example", &at);
        }
        assert!(silence.admit("evil.example", &at).is_err());
        for other in ["https://evil.example/", "https://registry.example:444/", "http://registry.example/"] {
            assert_eq!(silence.admit("evil.example", &url(other)), Ok(()), "{other}");
        }
        assert_eq!(silence.admit("registry.example", &at), Ok(()));
        silence.answered("registry.example", &at);
        assert!(silence.admit("evil.example", &at).is_err());
    }

    #[test]
    fn no_number_of_hosts_is_remembered_beyond_a_thousand() {
        let silence = Silence::new();
        for number in 0..5_000 {
            silence.timed_out("evil.example", &url(&format!("https://{number}.evil.example/")));
        }
        assert!(silence.hosts().len() <= HOSTS);
    }
}
