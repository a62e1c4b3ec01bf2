//! Events of API Gateway, so that lambda_http can take each of them.
//!
//! lambda_http panics where no URI can hold the query (`?tag=<x>`) or the host, and refuses an event with a header that can
//! be none. Either fails the invocation: the client gets 500, and the operator is paged. Anyone can send such a request, so
//! whatever lambda_http would stumble over is taken out of the event first.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri};
use serde_json::{Map, Value};
use url::Url;

/// The event without what lambda_http cannot take. Events of other services stay as they are, and so do those that need no
/// change.
pub fn presentable(event: Bytes) -> Bytes {
    let Ok(mut parsed) = serde_json::from_slice(&event) else { return event };
    if is_of_http_api(&parsed) && parsed.as_object_mut().is_some_and(tidy) {
        return serde_json::to_vec(&parsed).map_or(event, Bytes::from);
    }
    event
}

/// True for payload format 2.0.
fn is_of_http_api(event: &Value) -> bool {
    event["version"] == "2.0" && event["requestContext"]["http"].is_object()
}

/// Returns whether anything changed.
fn tidy(event: &mut Map<String, Value>) -> bool {
    // No route reads a body, and one that is not of the encoding that it claims is a panic.
    let had_body = event.remove("body").is_some_and(|body| !body.is_null());
    let had_headers = event.get_mut("headers").and_then(Value::as_object_mut).is_some_and(|headers| {
        let before = headers.len();
        headers.retain(|name, value| value.as_str().is_none_or(|value| is_header(name, value)));
        headers.len() < before
    });
    let path = text(event, "rawPath").filter(|path| !path.is_empty() && !path.starts_with('/'));
    let path = path.map(|path| format!("/{path}"));
    let query = text(event, "rawQueryString").filter(|query| format!("/?{query}").parse::<Uri>().is_err());
    let query = query.map(encoded);
    let texts = [("rawPath", path), ("rawQueryString", query)];
    let changed: Vec<_> = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect();
    let had_texts = !changed.is_empty();
    event.extend(changed);
    had_body || had_headers || had_texts
}

fn text<'a>(event: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    event.get(name)?.as_str()
}

/// True if this can be a header, and of the two that lambda_http makes a URL of, if a URL can hold it.
fn is_header(name: &str, value: &str) -> bool {
    let (Ok(name), Ok(_)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else { return false };
    match name.as_str() {
        "host" => Url::parse(&format!("https://{value}/")).is_ok(),
        "x-forwarded-proto" => matches!(value, "https" | "http"),
        _ => true,
    }
}

/// The query with each byte percent-encoded that a URL's query cannot hold
/// (<https://url.spec.whatwg.org/#query-state>).
fn encoded(query: &str) -> String {
    let mut encoded = String::with_capacity(query.len() * 2);
    for byte in query.bytes() {
        match byte {
            b'!' | b'$'..=b';' | b'=' | b'?'..=b'~' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, value: Value) -> Value {
        let mut event = json!({
            "version": "2.0", "rawPath": "/v2/", "rawQueryString": "",
            "headers": {"host": "a.example", "if-none-match": "\"x\"", "x-forwarded-proto": "https"},
            "requestContext": {"http": {"method": "GET"}},
        });
        event[name] = value;
        event
    }

    fn made_of(event: &Value) -> Value {
        serde_json::from_slice(&presentable(event.to_string().into())).unwrap()
    }

    #[test]
    fn what_needs_no_change_and_what_is_another_services_stays_to_the_byte() {
        let usual = event("rawQueryString", json!("n=10&last=a%20b"));
        let mut others = event("body", json!("x"));
        others["version"] = json!("1.0");
        let texts = [usual.to_string(), format!(" {}", others), "{".to_owned(), "[]".to_owned(), "7".to_owned()];
        for text in texts {
            assert_eq!(presentable(text.clone().into()), text);
        }
    }

    #[test]
    fn a_query_that_no_uri_can_hold_is_encoded_and_means_the_same() {
        for (query, expected) in [
            ("tag=<a b>", "tag=%3Ca%20b%3E"),
            ("a=\"&b=%41&c=+[]{}|^`\\", "a=%22&b=%41&c=+[]{}|^`\\"),
            ("a=é\u{7f} ", "a=%C3%A9%7F%20"),
        ] {
            let made = made_of(&event("rawQueryString", json!(query)));
            assert_eq!(made, event("rawQueryString", json!(expected)), "{query}");
            assert!(format!("/?{expected}").parse::<Uri>().is_ok());
        }
    }

    #[test]
    fn a_header_that_cannot_be_one_is_left_out_and_the_others_stay() {
        for (name, value) in [
            ("user-agent", "\u{1}"),
            ("x-line", "a\r\nb"),
            ("na me", "a"),
            ("", "a"),
            ("host", "a b"),
            ("Host", "a:99999"),
            ("host", "[::1"),
            ("host", ""),
            ("x-forwarded-proto", "https,http"),
            ("x-forwarded-proto", "1"),
        ] {
            let mut with = event("rawPath", json!("/v2/"));
            with["headers"][name] = json!(value);
            let mut without = with.clone();
            without["headers"].as_object_mut().unwrap().remove(name).unwrap();
            assert_eq!(made_of(&with), without, "{name}: {value}");
            assert_eq!(without["headers"]["if-none-match"], "\"x\"");
        }
    }

    #[test]
    fn a_body_is_left_out_and_a_path_begins_with_a_slash() {
        let mut without = event("body", json!("not base64"));
        without.as_object_mut().unwrap().remove("body");
        assert_eq!(made_of(&event("body", json!("not base64"))), without);
        assert_eq!(made_of(&event("rawPath", json!("v2/")))["rawPath"], "/v2/");
        assert_eq!(made_of(&event("rawPath", json!("")))["rawPath"], "");
    }
}
