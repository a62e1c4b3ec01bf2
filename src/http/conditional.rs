//! `If-None-Match`: a client that has the bytes already is not sent them again (RFC 9110 section 13.1.2).
//!
//! The condition is looked at when the answer is made: nothing is left out on its way there, least of all a tag's
//! verdict.

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Method, Response, StatusCode};

use super::{Body, ServedTag};
use crate::telemetry::Outcome;

/// The answer, or 304 in its place if it is what the client has.
///
/// A tag must have been seen before with this digest. Its first sight is answered whole, and so is a tag that is not
/// recorded: what the client has of these comes from elsewhere.
pub(super) fn conditional(
    method: &Method,
    asked: &HeaderMap,
    is_tag: bool,
    mut answer: Response<Body>,
) -> Response<Body> {
    let is_unchanged = || {
        let served = answer.extensions().get::<ServedTag>();
        served.is_some_and(|served| served.outcome == Outcome::Unchanged)
    };
    let is_fixed = answer.status() == StatusCode::OK && (!is_tag || is_unchanged());
    let is_there = is_fixed && answer.headers().get(ETAG).is_some_and(|own| has(asked, own.as_bytes()));
    if is_there {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        // A HEAD's body is never sent and gives the length that GET would have, which a 304 may have too (RFC 9110 section
        // 8.6).
        if method != Method::HEAD {
            *answer.body_mut() = Body::empty();
        }
        answer.headers_mut().remove(CONTENT_TYPE);
    }
    answer
}

/// Returns whether one of the tags in `If-None-Match` is `own`, by the weak comparison. Some clients leave the quotes
/// out, and distribution takes that.
fn has(asked: &HeaderMap, own: &[u8]) -> bool {
    let lines = asked.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let own = opaque(own);
    tags.any(|tag| tag == b"*" || opaque(tag) == own)
}

/// A tag without its weakness and its quotes. One with a single quote stays as it is, and equals none of ours.
fn opaque(tag: &[u8]) -> &[u8] {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\"")).unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_tag_is_found_in_lists_weak_and_without_quotes() {
        let own = br#""sha256:00""#;
        let has = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_str(line).unwrap()));
            has(&lines.collect(), own)
        };
        for lines in [
            &[r#""sha256:00""#][..],
            &[r#"W/"sha256:00""#],
            &["sha256:00"],
            &["*"],
            &[r#""a","b" , "sha256:00""#],
            &[r#""a""#, r#""sha256:00""#],
            &[r#"""#, r#", ,"sha256:00","#],
        ] {
            assert!(has(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &[r#""sha256:01""#],
            &[r#""sha256:0""#],
            &[r#""sha256:00"#],
            &[r#"w/"sha256:00""#],
            &["**"],
            &[r#""*""#],
            &[r#""""#],
            &["sha256:00 sha256:00"],
        ] {
            assert!(!has(lines), "{lines:?}");
        }
    }
}
