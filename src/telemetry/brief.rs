//! The line of a request that no metric counts: a digest, a blob, a ping. They are nine of ten, and CloudWatch is paid
//! by the byte, so their lines are short. They have no metrics, not even times: what is alarmed on is pulls by tag, and
//! failures.

use serde_json::{Map, Value, json};

use super::{Dependency, Measured, Outcome, RequestSummary, millis, shown_id};
use crate::foreign::within;

/// The longest line, without its line end. Paths of usual names fit; of longer ones the end is cut off.
const LONGEST: usize = 249;

/// A short line. `None` for a request that has a metric, and for pages.
pub(super) fn brief(request: &RequestSummary<'_>, measured: &Measured) -> Option<String> {
    let counted = measured.equivocation || measured.key_throttled || measured.from_mirror || measured.log_frozen;
    // A page or a health check says which version answers it.
    let is_of_registry = request.path.starts_with("/v2/") || request.path == "/v2";
    if request.outcome != Outcome::Other || request.status.is_server_error() || counted || !is_of_registry {
        return None;
    }
    let path = request.shown_path();
    let line = |path: &str| {
        let mut line = Map::new();
        let mut add = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        add("method", json!(request.shown_method()));
        add("path", json!(path));
        add("status", json!(request.status.as_u16()));
        add("millis", json!(millis(measured.took)));
        if let Some(waited) = measured.waited_for(Dependency::Registry) {
            add("waited", json!(waited));
        }
        if let Some(site) = &request.site {
            add("site", json!(site));
        }
        // Lambda's own id stands beside it in API Gateway's line.
        if let Some(id) = request.api_request_id {
            add("api_request_id", json!(shown_id(id)));
        }
        Value::Object(line).to_string()
    };
    let whole = line(&path);
    if whole.len() <= LONGEST {
        return Some(whole);
    }
    let mut room = path.len().saturating_sub((whole.len() - LONGEST).div_ceil(2));
    // A quote or a backslash is written as two.
    loop {
        let cut = line(&within(&path, room));
        if cut.len() <= LONGEST || room == 0 {
            return Some(cut);
        }
        room = room.saturating_sub((cut.len() - LONGEST).div_ceil(2));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;

    const MEASURED: Measured = Measured {
        took: Duration::from_micros(25_123),
        waited: [Duration::from_micros(20_456), Duration::ZERO, Duration::ZERO, Duration::ZERO],
        equivocation: false,
        key_throttled: false,
        from_mirror: false,
        log_frozen: false,
    };

    fn request<'a>(path: &'a str, outcome: Outcome, status: u16) -> RequestSummary<'a> {
        RequestSummary {
            method: "HEAD",
            path,
            site: Some("2001:db8:1234::/48".to_owned()),
            api_request_id: Some("JKJaXmPLvHcESHA="),
            lambda_request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            status: StatusCode::from_u16(status).unwrap(),
            outcome,
            tag: None,
            digest: None,
        }
    }

    #[test]
    fn a_digest_or_a_blob_has_a_line_of_less_than_250_bytes() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for path in ["/v2/".to_owned(), format!("/v2/docker.io/library/alpine/blobs/{digest}")] {
            let line = brief(&request(&path, Outcome::Other, 307), &MEASURED).unwrap();
            assert!(line.len() < 250, "{} bytes: {line}", line.len());
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&line["path"], &line["status"], &line["method"]), (&json!(path), &json!(307), &json!("HEAD")));
            assert_eq!((&line["millis"], &line["waited"]), (&json!(25.12), &json!(20.46)));
            assert_eq!(
                (&line["site"], &line["api_request_id"]),
                (&json!("2001:db8:1234::/48"), &json!("JKJaXmPLvHcESHA="))
            );
        }
    }

    #[test]
    fn no_path_makes_a_line_longer() {
        for path in ["x".repeat(2000), "\\".repeat(600), "\"é".repeat(300), "\u{202e}".repeat(300), "é".repeat(100)] {
            let path = format!("/v2/{path}");
            let line = brief(&request(&path, Outcome::Other, 404), &MEASURED).unwrap();
            assert!((200..250).contains(&line.len()), "{} bytes: {line}", line.len());
            let line: Value = serde_json::from_str(&line).unwrap();
            assert!(line["path"].as_str().unwrap().starts_with("/v2/"), "{line}");
        }
    }

    #[test]
    fn what_is_counted_has_the_whole_line() {
        for (outcome, status) in [(Outcome::Unchanged, 200), (Outcome::Moved, 403), (Outcome::Other, 500)] {
            assert_eq!(brief(&request("/v2/a/b", outcome, status), &MEASURED), None);
        }
        for page in ["/", "/readyz", "/sightings/", "/v2x"] {
            assert_eq!(brief(&request(page, Outcome::Other, 200), &MEASURED), None, "{page}");
        }
        let request = request("/v2/a/b", Outcome::Other, 200);
        for measured in [
            Measured { equivocation: true, ..MEASURED },
            Measured { key_throttled: true, ..MEASURED },
            Measured { from_mirror: true, ..MEASURED },
            Measured { log_frozen: true, ..MEASURED },
        ] {
            assert_eq!(brief(&request, &measured), None);
        }
    }
}
