//! A blob's location, as the client gets it.
//!
//! The storage behind a registry signs the URL that it is asked by, to the byte. So what the registry wrote is checked
//! and passed on as it came: parsing and writing it again would remove a default port, encode a quote, or resolve a dot
//! segment.

use std::fmt::Write as _;

use http::HeaderValue;
use url::{Position, Url};

use super::misbehaviour::Misbehaviour;

/// API Gateway allows 10 KiB for all headers. Pre-signed URLs with a session token have up to some 3 KiB.
const MAX_LOCATION_BYTES: usize = 8 << 10;

/// A URL that answers the blob to anyone. A pre-signed one is valid for one method only, the one asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobLocation(HeaderValue);

impl BlobLocation {
    /// The target of a redirect from `base`. `plain_http` allows http too.
    ///
    /// A relative reference is completed as RFC 3986 section 5.2 says. Bytes that are not ASCII are percent-encoded,
    /// which clients do themselves and Lambda demands.
    pub(super) fn of_redirect(base: &Url, location: &HeaderValue, plain_http: bool) -> Result<Self, Misbehaviour> {
        let location = ascii(location.as_bytes()).ok_or(Misbehaviour::BlobUrlUnusable)?;
        // An empty reference leads back to where it came from.
        if location.is_empty() {
            return Err(Misbehaviour::BlobToNowhere);
        }
        let location = completed(base, &location);
        if is_same(base, &location) {
            return Err(Misbehaviour::BlobToNowhere);
        }
        Self::checked(location, plain_http)
    }

    /// The URL that the registry itself answered.
    pub(super) fn of_registry(url: &Url) -> Result<Self, Misbehaviour> {
        Self::checked(url.to_string(), true)
    }

    fn checked(text: String, plain_http: bool) -> Result<Self, Misbehaviour> {
        let url: Url = text.parse().map_err(|_| Misbehaviour::BlobToNowhere)?;
        if url.scheme() != "https" && !(url.scheme() == "http" && plain_http) {
            return Err(Misbehaviour::BlobNotHttps);
        }
        let value = HeaderValue::try_from(&text).ok().filter(|_| text.len() <= MAX_LOCATION_BYTES);
        match value {
            Some(value) if has_clear_host(&text) => Ok(Self(value)),
            _ => Err(Misbehaviour::BlobUrlUnusable),
        }
    }

    /// The same location, checked once more before it is given again.
    pub(super) fn again(&self, plain_http: bool) -> Result<Self, Misbehaviour> {
        Self::checked(self.as_str().to_owned(), plain_http)
    }

    pub(super) fn url(&self) -> Option<Url> {
        self.as_str().parse().ok()
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().expect("it was made of ASCII text")
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// Returns whether a client would ask `url` again. It does not send a fragment.
fn is_same(url: &Url, location: &str) -> bool {
    location.parse::<Url>().is_ok_and(|location| location[..Position::AfterQuery] == url[..Position::AfterQuery])
}

/// The reference with its bytes beyond ASCII percent-encoded. `None` if it has a control character, a tab for example,
/// which some readers of URLs drop and others do not.
fn ascii(location: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(location.len());
    for &byte in location {
        match byte {
            _ if byte.is_ascii_control() => return None,
            _ if byte.is_ascii() => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    Some(text)
}

/// The URL that a reference means at `base`.
fn completed(base: &Url, reference: &str) -> String {
    let (scheme, origin) = (base.scheme(), base.origin().ascii_serialization());
    if has_scheme(reference) {
        reference.to_owned()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        format!("{origin}{reference}")
    } else if reference.starts_with(['?', '#']) {
        let query = base.query().filter(|_| reference.starts_with('#')).map(|query| format!("?{query}"));
        format!("{origin}{}{}{reference}", base.path(), query.unwrap_or_default())
    } else {
        let end = reference.find(['?', '#']).unwrap_or(reference.len());
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = without_dot_segments(&format!("{folder}/{}", &reference[..end]));
        format!("{origin}{path}{}", &reference[end..])
    }
}

/// RFC 3986 section 3.1.
fn has_scheme(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// RFC 3986 section 5.2.4, for a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // The path that is left names a folder.
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Returns whether all readers of URLs find the same host. Browsers read a backslash as a slash, and take `https:host`
/// for `https://host`; RFC 3986 does neither.
fn has_clear_host(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let scheme_ends_first = url.find(['/', '?', '#']) == url.find("//");
    let host = authority.rsplit('@').next().unwrap_or_default();
    scheme_ends_first && !host.is_empty() && !host.contains('%') && !authority.contains(['\\', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://registry.example/v2/org/app/blobs/sha256:0?x=1";

    fn led(location: &[u8]) -> Result<String, Misbehaviour> {
        let location = HeaderValue::from_bytes(location).unwrap();
        let led = BlobLocation::of_redirect(&BASE.parse().unwrap(), &location, false)?;
        Ok(led.into_header().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_url_stays_as_it_came() {
        for url in [
            "https://cdn.example:443/a?sig=x%2by",
            "HTTPS://CDN.Example/A",
            "https://cdn.example:8443/",
            "https://cdn.example",
            "https://cdn.example?a",
            "https://cdn.example/a/../b/./c//d",
            "https://cdn.example/a'b\"c<d>e`f{g}|h^i\\j?k='l'\"m\"",
            "https://cdn.example/a b?c d",
            "https://cdn.example/%7e%7E%zz%",
            "https://cdn.example/a;b=c,d&e+f$g!h*i(j)@k:l[m]?n=[o]&&p",
            "https://cdn.example/a?b?c#d?e",
            "https://user:secret@cdn.example/a",
            "https://cdn.example/a?r=https://b.example/",
            "https://[2001:db8::1]/a",
        ] {
            assert_eq!(led(url.as_bytes()).as_deref(), Ok(url));
        }
    }

    #[test]
    fn a_relative_reference_is_completed_and_nothing_else_of_it_changes() {
        for (reference, url) in [
            ("//cdn.example:443/a'b", "https://cdn.example:443/a'b"),
            ("/a/../b?c='d'", "https://registry.example/a/../b?c='d'"),
            ("/a:b", "https://registry.example/a:b"),
            ("a'b/c?d", "https://registry.example/v2/org/app/blobs/a'b/c?d"),
            ("./sha256:1", "https://registry.example/v2/org/app/blobs/sha256:1"),
            ("../x/./y/../z?../w", "https://registry.example/v2/org/app/x/z?../w"),
            ("../../../../../../z/..", "https://registry.example/"),
            ("a/.", "https://registry.example/v2/org/app/blobs/a/"),
            ("?sig=1", "https://registry.example/v2/org/app/blobs/sha256:0?sig=1"),
            ("?x=2#a", "https://registry.example/v2/org/app/blobs/sha256:0?x=2#a"),
        ] {
            assert_eq!(led(reference.as_bytes()).as_deref(), Ok(url), "{reference}");
            // Whoever resolves it otherwise comes to the same place.
            let (ours, usual): (Url, Url) =
                (url.parse().unwrap(), BASE.parse::<Url>().unwrap().join(reference).unwrap());
            assert_eq!(ours, usual, "{reference}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_encoded_and_no_others() {
        assert_eq!(led("https://cdn.example/é'?ü".as_bytes()).as_deref(), Ok("https://cdn.example/%C3%A9'?%C3%BC"));
        assert_eq!(led(b"/\xe9").as_deref(), Ok("https://registry.example/%E9"));
    }

    #[test]
    fn what_leads_nowhere_or_is_not_https_is_refused() {
        for location in
            ["", "https://", "https://:443/", "https://[/", "https://cdn example/", "//", "https://a:99999/"]
        {
            assert_eq!(led(location.as_bytes()), Err(Misbehaviour::BlobToNowhere), "{location}");
        }
        let (path, own) = (&BASE["https://registry.example".len()..], format!("{BASE}#a"));
        for location in ["#", "#a", "?x=1", "./sha256:0?x=1", path, BASE, &own] {
            assert_eq!(led(location.as_bytes()), Err(Misbehaviour::BlobToNowhere), "{location}");
        }
        for location in
            ["http://cdn.example/", "ftp://cdn.example/", "javascript:alert(1)", "file:///etc/passwd", "data:,x"]
        {
            assert_eq!(led(location.as_bytes()), Err(Misbehaviour::BlobNotHttps), "{location}");
        }
    }

    #[test]
    fn a_url_whose_host_depends_on_its_reader_is_refused() {
        for location in [
            "https:cdn.example/a",
            "https:/cdn.example/a",
            "https:///cdn.example/a",
            "https:\\\\cdn.example/a",
            "https://cdn.example\\@other.example/",
            "https://us er@cdn.example/",
            "https:x?a://b",
            "//cdn.example\\@other.example/",
            "https://a\tb.example/",
            "https://cdn.example/\t",
            "https://cdn.ex%61mple/",
        ] {
            assert_eq!(led(location.as_bytes()), Err(Misbehaviour::BlobUrlUnusable), "{location}");
        }
        assert_eq!(led("https://cdn.éxample/".as_bytes()), Err(Misbehaviour::BlobUrlUnusable));
    }

    #[test]
    fn a_location_fits_into_a_header() {
        let long = |length: usize| format!("https://cdn.example/{}", "x".repeat(length - 20));
        assert_eq!(led(long(8192).as_bytes()), Ok(long(8192)));
        assert_eq!(led(long(8193).as_bytes()), Err(Misbehaviour::BlobUrlUnusable));
    }

    #[test]
    fn plain_http_is_for_registries_that_are_opened() {
        let location = HeaderValue::from_static("http://cdn.example:80/");
        let base = BASE.parse().unwrap();
        assert!(BlobLocation::of_redirect(&base, &location, true).is_ok());
        assert_eq!(BlobLocation::of_redirect(&base, &location, false), Err(Misbehaviour::BlobNotHttps));
    }
}
