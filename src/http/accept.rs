//! The client's choice between HTML and JSON, by `Accept` (RFC 9110 section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// More ranges than any client sends. The rest is not read.
const MAX_RANGES: usize = 64;

/// Returns whether the client prefers HTML to JSON. A client that accepts both equally (curl's `*/*`) gets JSON.
pub(super) fn prefers_page(headers: &HeaderMap) -> bool {
    let page = quality(headers, "text", "html");
    page > quality(headers, "application", "json")
}

/// The weight of a media type in thousandths, from the most specific range that matches. Without any `Accept` all types
/// weigh the same.
fn quality(headers: &HeaderMap, kind: &str, subtype: &str) -> u16 {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges = lines.flat_map(|line| line.split(',')).take(MAX_RANGES).filter_map(Range::parse);
    let matching = ranges.filter_map(|range| Some((range.specificity(kind, subtype)?, range.quality)));
    matching.max().map_or(0, |(_, quality)| quality)
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    /// `None` if `text` is not a range. Parameters other than `q` are ignored.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight =
            parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        let quality = weight.map_or(Some(1000), |(_, value)| thousandths(value.trim()))?;
        Some(Self { kind, subtype, quality })
    }

    fn specificity(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

/// `0`, `0.5`, `1.000`: at most three decimals, at most 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wants_page(lines: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        prefers_page(&headers)
    }

    #[test]
    fn browsers_get_a_page() {
        for lines in [
            // Firefox, Chromium, Safari, lynx.
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"][..],
            &[
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            ],
            &["text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"],
            &["text/html"],
            &["TEXT/HTML; charset=utf-8; Q=0.2"],
            &["text/*"],
            &["text/html;q=0.5", "application/json;q=0.4"],
            &["application/json;q=0.9", "text/html"],
            &["*/*, application/json;q=0.1"],
            &["nonsense, ;;, text/html"],
            &["text/html, */*;q=7"],
        ] {
            assert!(wants_page(lines), "{lines:?}");
        }
    }

    #[test]
    fn programs_do_not() {
        for lines in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["application/vnd.dev.sigstore.bundle.v0.3+json"],
            &["application/vnd.oci.image.manifest.v1+json, */*"],
            &["text/html, application/json"],
            &["text/html;q=0.4, application/*;q=0.5"],
            &["text/html;q=0"],
            &["text/*, text/html;q=0"],
            &["text/html;q=0.0001, application/xml"],
            &["text/html;q=-1"],
            &["text/html;q=x"],
            &["text /html"],
            &["texthtml"],
        ] {
            assert!(!wants_page(lines), "{lines:?}");
        }
    }
}
