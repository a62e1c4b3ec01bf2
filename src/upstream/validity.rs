//! The time for which a redirect to storage is certainly valid, by what its headers and the URL itself say.
//!
//! All that is said counts, and the least of it decides. What cannot be read, or is said twice, counts as nothing being
//! certain, and so does a redirect that says nothing.

mod headers;
mod url_says;

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use url::Url;

/// The validity that one part of an answer gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    /// It is valid for so long, if nothing else says less.
    For(Duration),
    /// It must not be given again, or nobody can tell for how long.
    NotAgain,
}

impl Says {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotAgain, _) | (_, Self::NotAgain) => Self::NotAgain,
            (Self::For(one), Self::For(another)) => Self::For(one.min(another)),
            (Self::Nothing, other) | (other, Self::Nothing) => other,
        }
    }

    /// `None` is what cannot be read, or is over.
    fn until(end: Option<SystemTime>, now: SystemTime) -> Self {
        match end.and_then(|end| end.duration_since(now).ok()) {
            Some(left) => Self::For(left),
            None => Self::NotAgain,
        }
    }

    /// The word of a part that is valid from `begin` on; `None` if that cannot be read.
    fn from(begin: Option<SystemTime>, now: SystemTime) -> Self {
        if begin.is_some_and(|begin| begin <= now) { Self::Nothing } else { Self::NotAgain }
    }
}

/// The time for which a redirect to `location` is certainly valid. `None` if that is not known, or not at all.
///
/// If this machine's clock is behind the registry's, the registry's counts.
pub(super) fn certain(location: &Url, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let now = headers::date(headers).map_or(now, |date| date.max(now));
    match headers::say(headers, now).and(url_says::say(location, now)) {
        Says::For(time) => Some(time),
        Says::Nothing | Says::NotAgain => None,
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    /// 2026-11-26T06:00:00Z.
    const NOW: u64 = 1_795_672_800;

    fn seconds(url: &str, pairs: &[(&'static str, &str)]) -> Option<u64> {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        certain(&url.parse().unwrap(), &pairs.iter().map(header).collect(), now).map(|time| time.as_secs())
    }

    #[test]
    fn the_least_of_what_url_and_headers_say_counts() {
        let url = "https://s3.example/a?X-Amz-Date=20261126T055900Z&X-Amz-Expires=100&X-Amz-Signature=1";
        for (pairs, expected) in [
            (&[][..], Some(40)),
            (&[("cache-control", "max-age=30")], Some(30)),
            (&[("cache-control", "max-age=50")], Some(40)),
            (&[("cache-control", "no-store")], None),
            (&[("cache-control", "public")], Some(40)),
        ] {
            assert_eq!(seconds(url, pairs), expected, "{pairs:?}");
        }
        assert_eq!(seconds("https://cdn.example/a", &[("cache-control", "max-age=30")]), Some(30));
        assert_eq!(seconds("https://cdn.example/a?token=opaque", &[]), None);
        assert_eq!(seconds("https://cdn.example/a?Expires=1795672799", &[("cache-control", "max-age=30")]), None);
    }

    #[test]
    fn a_clock_that_is_behind_the_registrys_makes_nothing_valid_for_longer() {
        let url = "https://s3.example/a?X-Amz-Date=20261126T060000Z&X-Amz-Expires=100&X-Amz-Signature=1";
        for (date, expected) in [
            ("Thu, 26 Nov 2026 06:00:00 GMT", Some(100)),
            ("Thu, 26 Nov 2026 06:01:00 GMT", Some(40)),
            ("Thu, 26 Nov 2026 06:01:41 GMT", None),
            ("Thu, 26 Nov 2026 05:00:00 GMT", Some(100)),
            ("yesterday", Some(100)),
        ] {
            assert_eq!(seconds(url, &[("date", date)]), expected, "{date}");
        }
    }
}
