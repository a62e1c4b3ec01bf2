//! Requests that no well-behaved client makes, as API Gateway would hand them over: none fails the invocation, which the
//! client would see as 500 and the operator as a page.

use serde_json::{Value, json};

use crate::fixtures::status;
use crate::{read, set};

/// Parts of an event, and what a client could make of them.
fn odd_parts() -> Vec<(&'static str, Value)> {
    let texts = |part, texts: &[&str]| texts.iter().map(|text| (part, json!(text))).collect::<Vec<_>>();
    [
        texts(
            "rawQueryString",
            &["tag=<alpine>", "tag=\"alpine\"", "n=1 2", "n=\u{7f}", "a=é", "%", "%zz", "#", "=&&=", &"<".repeat(4096)],
        ),
        texts(
            "rawPath",
            &["/v2/a b/manifests/c", "/v2/é/manifests/<c>", "/%zz", "//", "/\\", "/#", "/?", "/\u{0}\n", "v2/", ""],
        ),
        texts("headers/user-agent", &["café", "\u{1}", "a\r\nb"]),
        texts("headers/na me", &["a"]),
        texts("headers/host", &["exa mple", "a:99999", "[::1", "", "é.example", "a/b", "user@a"]),
        texts("headers/x-forwarded-proto", &["https,http", "", "ht tp", "é", "file"]),
        texts("headers/if-none-match", &["\"é\"", "*", "W/"]),
        texts("headers/cloudfront-viewer-address", &["é"]),
        texts("body", &["not base64: é"]),
        vec![("cookies", json!(["a=é", "b=\n"]))],
    ]
    .concat()
}

#[tokio::test]
async fn whatever_a_client_writes_an_event_of_an_http_api_is_answered() {
    let world = set().await;
    let (_, usual) = read("manifest-by-tag");
    for (part, value) in odd_parts() {
        let mut event = usual.clone();
        event["isBase64Encoded"] = json!(part == "body");
        match part.split_once('/') {
            Some((outer, inner)) => event[outer][inner] = value.clone(),
            None => event[part] = value.clone(),
        }
        let status = status(&world.instance, event.to_string()).await;
        assert!(status.is_some_and(|status| status < 500), "{part} {value}: {status:?}");
    }
    assert_eq!(status(&world.instance, usual.to_string()).await, Some(200), "the same process goes on");
}
