//! The host that a page was asked on, for the commands it shows.

use std::net::Ipv4Addr;

use http::header::HOST;
use http::{HeaderMap, Uri};

use crate::image::{Registry, Tag};

/// Shown where the host is not known.
const UNKNOWN: &str = "<host>";

/// A client can claim any host, so only what is one by grammar is taken: it has no character that a shell or HTML
/// would take for more.
#[derive(Debug, Clone)]
pub struct Host(Option<Registry>);

impl Host {
    /// An authority in the request's target goes before the header (RFC 9112 section 3.2.2); HTTP/2 has that alone.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(HOST).iter();
        let claimed = match (uri.authority(), lines.next(), lines.next()) {
            (Some(authority), _, _) => Some(authority.as_str()),
            (None, Some(header), None) => header.to_str().ok(),
            _ => None,
        };
        let known = claimed.and_then(|claimed| claimed.parse::<Registry>().ok());
        // A name of Docker Hub's is another's.
        Self(known.filter(|host| *host != Registry::docker_hub()))
    }

    /// `host[:port]` as it stands in an image's name.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or(UNKNOWN, Registry::as_str)
    }

    /// Whether this is a machine's own name or an address, so that no certificate is to be expected.
    pub fn is_local(&self) -> bool {
        let name = self.name();
        let host = name.split_once(':').map_or(name, |(host, _)| host);
        host == "localhost" || host.ends_with(".localhost") || host.parse::<Ipv4Addr>().is_ok()
    }

    /// The URL of `path`, which begins with '/'.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.is_local() { "http" } else { "https" };
        format!("{scheme}://{}{path}", self.name())
    }

    /// The name by which `tag` is pulled through this host; `None` where no client can write it, because the registry's
    /// port would be a second colon.
    pub fn image(&self, tag: &Tag) -> Option<String> {
        Some(format!("{}/{}", self.name(), short(tag)?))
    }

    /// What someone wrote without this host in front, which they may have copied from a pull command.
    pub fn strip<'a>(&self, written: &'a str) -> &'a str {
        let own = self.0.as_ref().and_then(|host| written.strip_prefix(host.as_str())?.strip_prefix('/'));
        own.unwrap_or(written)
    }
}

/// The shortest name that means `tag`, where it can stand behind a host.
fn short(tag: &Tag) -> Option<&str> {
    let canonical = tag.canonical();
    let hub = canonical.strip_prefix("index.docker.io/");
    let candidates = [hub.and_then(|hub| hub.strip_prefix("library/")), hub, Some(canonical)];
    let shortest = candidates.into_iter().flatten().find(|name| name.parse().as_ref() == Ok(tag))?;
    (!tag.repository().registry().as_str().contains(':')).then_some(shortest)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn host(lines: &[&'static str], target: &'static str) -> Host {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HOST, HeaderValue::from_static(line));
        }
        Host::of(&Uri::from_static(target), &headers)
    }

    #[test]
    fn a_host_is_taken_with_its_port_and_scheme() {
        for (claimed, name, url) in [
            ("tlog.example.org", "tlog.example.org", "https://tlog.example.org/key.pem"),
            ("TLOG.example.org:443", "tlog.example.org", "https://tlog.example.org/key.pem"),
            ("tlog.example.org:8443", "tlog.example.org:8443", "https://tlog.example.org:8443/key.pem"),
            ("localhost:8080", "localhost:8080", "http://localhost:8080/key.pem"),
            ("a.localhost:8080", "a.localhost:8080", "http://a.localhost:8080/key.pem"),
            ("127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080/key.pem"),
            // Docker takes a name without a dot for a host only with a port.
            ("tlogistry", "tlogistry:443", "https://tlogistry:443/key.pem"),
        ] {
            let host = host(&[claimed], "/");
            assert_eq!((host.name(), host.url("/key.pem").as_str()), (name, url), "{claimed}");
        }
        assert_eq!(host(&[], "http://tlog.example.org/").name(), "tlog.example.org");
        assert_eq!(host(&["other.example"], "http://tlog.example.org/").name(), "tlog.example.org");
    }

    #[test]
    fn what_is_no_host_is_not_shown() {
        for lines in [
            &[][..],
            &[""],
            &["<script>alert(1)</script>"],
            &["tlog.example.org/evil"],
            &["tlog.example.org;reboot"],
            &["$(reboot).example.org"],
            &["`reboot`"],
            &["tlog.example.org tlog.example.org"],
            &["user@tlog.example.org"],
            &["tlog.example.org:"],
            &["tlog.example.org:x"],
            &["tlog.example.org:99999"],
            &["tlog..example.org"],
            &["-rm.example.org"],
            &["docker.io"],
            &["index.docker.io"],
            &["[::1]:8080"],
            &["127.1"],
            &["one.example", "two.example"],
        ] {
            let host = host(lines, "/");
            assert_eq!((host.name(), host.url("/").as_str()), ("<host>", "https://<host>/"), "{lines:?}");
        }
    }

    #[test]
    fn a_tag_is_pulled_by_its_shortest_name() {
        let host = host(&["tlog.example.org"], "/");
        for (tag, image) in [
            ("alpine:3.16.0", Some("tlog.example.org/alpine:3.16.0")),
            ("docker.io/org/app:v1", Some("tlog.example.org/org/app:v1")),
            ("ghcr.io/org/app:v1", Some("tlog.example.org/ghcr.io/org/app:v1")),
            // Without the registry in front, these would be another registry's.
            ("docker.io/ghcr.io/app:v1", Some("tlog.example.org/index.docker.io/ghcr.io/app:v1")),
            ("docker.io/localhost/app:v1", Some("tlog.example.org/index.docker.io/localhost/app:v1")),
            ("localhost:5000/app:v1", None),
        ] {
            assert_eq!(host.image(&tag.parse().unwrap()).as_deref(), image, "{tag}");
        }
        assert_eq!(host.strip("tlog.example.org/alpine:3.16.0"), "alpine:3.16.0");
        assert_eq!(host.strip("tlog.example.organic/alpine:3.16.0"), "tlog.example.organic/alpine:3.16.0");
        assert_eq!(host.strip("ghcr.io/org/app:v1"), "ghcr.io/org/app:v1");
    }
}
