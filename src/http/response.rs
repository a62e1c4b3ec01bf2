//! Responses, and the headers that several of them share.

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};

use crate::image::Digest;
use crate::oci::CONTENT_DIGEST;

/// `Cache-Control` of bytes that were checked against their digest: they never change.
pub(super) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// `Cache-Control` of everything that a tag names, and of everything that is the registry's word alone.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Longer texts are cut in a `Warning`: ours, with the longest names, have some 650 bytes. API Gateway allows 10 KiB for all
/// headers.
const MAX_WARNING_BYTES: usize = 1 << 10;

/// A `Warning` that says what is special about an answer, in the form of the distribution spec 1.1 ("Warnings"). It may hold
/// foreign text.
pub(super) fn warning(text: &str) -> HeaderValue {
    let safe = |c: char| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\') { c } else { '?' };
    let text: String = text.chars().take(MAX_WARNING_BYTES).map(safe).collect();
    // Visible ASCII and spaces are valid in a header.
    HeaderValue::from_str(&format!("299 - \"{text}\"")).unwrap_or(HeaderValue::from_static("299 - \"\""))
}

/// The body of a response.
///
/// The two front ends send it differently. API Gateway computes `Content-Length` from the body that it is handed, also for
/// HEAD, and drops the body itself. An HTTP server sets the header alone.
#[derive(Debug, Clone)]
pub enum Body {
    /// The whole body, in memory.
    Bytes(Bytes),
    /// The answer to a HEAD whose GET would carry this many bytes, which were not fetched.
    OfLength(u64),
}

impl Body {
    /// A body of no bytes, whose length is announced as 0.
    pub fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// The length in bytes that GET would have.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::OfLength(length) => *length,
        }
    }
}

/// Content that its digest names. `Cache-Control` is the caller's to add.
pub(super) fn content(body: Body, media_type: &'static str, digest: &Digest) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, value) in [(CONTENT_DIGEST, digest.to_string()), (ETAG, format!("\"{digest}\""))] {
        // A digest is ASCII letters, digits and a colon.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// A text that may change.
pub(super) fn text(text: String, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(text.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_quoted_text_whatever_it_says() {
        for (text, expected) in [
            ("r.example answered 403", "299 - \"r.example answered 403\""),
            ("a\"b\\c\r\nd é", "299 - \"a?b?c??d ?\""),
            ("", "299 - \"\""),
        ] {
            assert_eq!(warning(text), expected, "{text:?}");
        }
        assert_eq!(warning(&"é".repeat(10_000)).len(), MAX_WARNING_BYTES + "299 - \"\"".len());
    }
}
