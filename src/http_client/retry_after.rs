//! `Retry-After`: the pause that a server asks for (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The pause that the headers ask for, in seconds or by a date: zero for a date that has passed, `None` without one that can
/// be understood. A hostile server can ask for any number of years.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    asked_for(headers.get(RETRY_AFTER)?.to_str().ok()?.trim())
}

fn asked_for(value: &str) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for 64 bits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date() {
        let year = Duration::from_secs(365 * 24 * 3600);
        assert_eq!(asked_for("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked_for("0"), Some(Duration::ZERO));
        assert_eq!(asked_for("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        // The three forms of a date.
        for past in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(asked_for(past), Some(Duration::ZERO), "{past}");
        }
        assert!(asked_for("Fri, 31 Dec 2100 23:59:59 GMT") > Some(year));
        for nothing in ["", "soon", "-1", "1.5", "+7", "7 s"] {
            assert_eq!(asked_for(nothing), None, "{nothing}");
        }
    }
}
