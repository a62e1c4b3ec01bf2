//! The time for which an answer's headers let it be used: RFC 9111, more strictly.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName, PRAGMA, VARY};

use super::Says;

/// The time at which the answer was made, by the clock of who made it.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// A token that was sent along is no reason against: it is one that anybody is given (RFC 9111 section 3.5 is about a
/// user's).
pub(super) fn say(headers: &HeaderMap, now: SystemTime) -> Says {
    let (Some(control), Some(pragma), Some(vary)) =
        (all(headers, &CACHE_CONTROL), all(headers, &PRAGMA), all(headers, &VARY))
    else {
        return Says::NotAgain;
    };
    // `Vary` by a request's headers changes nothing here: all requests have the same.
    if vary.contains('*') || pragma.to_ascii_lowercase().contains("no-cache") {
        return Says::NotAgain;
    }
    let said = control.split(',').map(|directive| directive_says(directive.trim())).fold(Says::Nothing, Says::and);
    match said.and(expires(headers, now)) {
        Says::For(time) => match age(headers, now).and_then(|age| time.checked_sub(age)) {
            Some(left) => Says::For(left),
            None => Says::NotAgain,
        },
        other => other,
    }
}

fn directive_says(directive: &str) -> Says {
    let (name, value) = directive.split_once('=').map_or((directive, None), |(name, value)| (name, Some(value)));
    match name.trim().to_ascii_lowercase().as_str() {
        "no-store" | "no-cache" | "private" => Says::NotAgain,
        "max-age" | "s-maxage" => match value.and_then(seconds) {
            Some(time) => Says::For(time),
            None => Says::NotAgain,
        },
        _ => Says::Nothing,
    }
}

fn expires(headers: &HeaderMap, now: SystemTime) -> Says {
    let mut values = headers.get_all(EXPIRES).iter();
    match (values.next(), values.next()) {
        (None, _) => Says::Nothing,
        (Some(value), None) => {
            let end = value.to_str().ok().and_then(|value| httpdate::parse_http_date(value).ok());
            Says::until(end, now)
        }
        _ => Says::NotAgain,
    }
}

/// The time that the answer has spent in caches. `None` if it is not known.
fn age(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let said = match headers.get(AGE) {
        Some(age) => seconds(age.to_str().ok()?)?,
        None => Duration::ZERO,
    };
    let apparent = date(headers).and_then(|date| now.duration_since(date).ok()).unwrap_or_default();
    Some(said.max(apparent))
}

/// All values of a header in one line. `None` if one is no text.
fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Option<Vec<&str>> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    values.map(|values| values.join(","))
}

fn seconds(value: &str) -> Option<Duration> {
    let value = value.trim().trim_matches('"');
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // A number too large for 64 bits.
    is_number.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    fn said(pairs: &[(&'static str, &str)]) -> Says {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        // 2026-11-26T06:00:00Z.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_672_800);
        say(&pairs.iter().map(header).collect(), now)
    }

    #[test]
    fn caches_are_told_for_how_long() {
        let cases: [(&[(&'static str, &str)], u64); 9] = [
            (&[("cache-control", "max-age=60")], 60),
            (&[("cache-control", "public, Max-Age=\"60\", immutable")], 60),
            (&[("cache-control", "max-age=60, s-maxage=20")], 20),
            (&[("cache-control", "max-age=60"), ("cache-control", "max-age=20")], 20),
            (&[("cache-control", "max-age=99999999999999999999")], u64::MAX),
            (&[("cache-control", "max-age=60"), ("age", "45")], 15),
            (&[("cache-control", "max-age=60"), ("date", "Thu, 26 Nov 2026 05:59:30 GMT"), ("age", "5")], 30),
            (&[("expires", "Thu, 26 Nov 2026 06:00:30 GMT")], 30),
            (&[("expires", "Thu, 26 Nov 2026 06:00:30 GMT"), ("cache-control", "max-age=9")], 9),
        ];
        for (pairs, expected) in cases {
            assert_eq!(said(pairs), Says::For(Duration::from_secs(expected)), "{pairs:?}");
        }
    }

    #[test]
    fn what_must_not_be_kept_or_cannot_be_read_is_not_given_again() {
        let cases: [&[(&'static str, &str)]; 19] = [
            &[("cache-control", "no-store")],
            &[("cache-control", "max-age=60"), ("cache-control", "NO-STORE")],
            &[("cache-control", "max-age=60, no-cache")],
            &[("cache-control", "no-cache=\"set-cookie\"")],
            &[("cache-control", "private, max-age=60")],
            &[("cache-control", "max-age=soon")],
            &[("cache-control", "max-age=-1")],
            &[("cache-control", "max-age=1.5")],
            &[("cache-control", "max-age")],
            &[("cache-control", "max-age=60"), ("age", "61")],
            &[("cache-control", "max-age=60"), ("age", "old")],
            &[("cache-control", "max-age=60"), ("date", "Thu, 26 Nov 2026 05:58:00 GMT")],
            &[("cache-control", "max-age=60, \u{e9}")],
            &[("cache-control", "max-age=60"), ("pragma", "no-cache")],
            &[("cache-control", "max-age=60"), ("vary", "accept, *")],
            &[("expires", "0")],
            &[("expires", "Thu, 26 Nov 2026 05:59:59 GMT")],
            &[("expires", "Thu, 26 Nov 2026 05:59:59 GMT"), ("cache-control", "max-age=60")],
            &[("expires", "Thu, 26 Nov 2026 06:00:30 GMT"), ("expires", "Thu, 26 Nov 2026 06:00:30 GMT")],
        ];
        for pairs in cases {
            assert_eq!(said(pairs), Says::NotAgain, "{pairs:?}");
        }
    }

    #[test]
    fn what_says_nothing_of_time_is_nothing() {
        let cases: [&[(&'static str, &str)]; 4] =
            [&[], &[("cache-control", "public, must-revalidate")], &[("age", "5")], &[("vary", "accept")]];
        for pairs in cases {
            assert_eq!(said(pairs), Says::Nothing, "{pairs:?}");
        }
    }
}
