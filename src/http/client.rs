//! The client as far as an answer depends on it: the host that it asked, and the form that it prefers.

use http::header::HOST;
use http::{HeaderMap, Request, Uri};

use super::accept::prefers_page;
use super::page::Host;
use crate::image::Registry;

pub(super) struct Client {
    pub host: Host,
    prefers_page: bool,
    /// Registry clients ask below `/v2`, and read JSON alone whatever they accept.
    is_registry_client: bool,
}

impl Client {
    /// Without a `public_host`, the host is the one that the client claims.
    pub(super) fn of<B>(request: &Request<B>, public_host: Option<&Registry>) -> Self {
        let claimed = || Host::new(claimed_host(request.uri(), request.headers()));
        Self {
            host: public_host.cloned().map_or_else(claimed, Host::public),
            prefers_page: prefers_page(request.headers()),
            is_registry_client: request.uri().path().starts_with("/v2"),
        }
    }

    /// Returns whether the answer depends on the client's `Accept`.
    pub(super) fn is_offered_pages(&self) -> bool {
        !self.is_registry_client
    }

    pub(super) fn wants_page(&self) -> bool {
        self.prefers_page && self.is_offered_pages()
    }
}

/// The host that the client says it asked. An authority in the request's target goes before the header (RFC 9112 section
/// 3.2.2); HTTP/2 has the authority alone.
fn claimed_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut lines = headers.get_all(HOST).iter();
    match (uri.authority(), lines.next(), lines.next()) {
        (Some(authority), _, _) => Some(authority.as_str()),
        (None, Some(header), None) => header.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_host_is_the_authoritys_or_the_one_headers() {
        let target = "http://tlog.example.org/";
        let cases: [(&[&'static str], &'static str, Option<&str>); 5] = [
            (&["tlog.example.org"], "/", Some("tlog.example.org")),
            (&[], target, Some("tlog.example.org")),
            (&["other.example"], target, Some("tlog.example.org")),
            (&[], "/", None),
            (&["one.example", "two.example"], "/", None),
        ];
        for (lines, target, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(HOST, HeaderValue::from_static(line));
            }
            assert_eq!(claimed_host(&Uri::from_static(target), &headers), expected, "{lines:?} {target}");
        }
    }
}
