//! The host that the client asked, for the commands that a page shows.

use std::net::Ipv4Addr;

use crate::image::{Registry, Tag};
use crate::pinned::PREFIX;

/// Shown if the host is not known.
const UNKNOWN: &str = "<host>";

/// A host that is safe to show. A client can claim any, but the grammar of a registry's host leaves no character that a
/// shell or HTML would interpret.
#[derive(Debug, Clone)]
pub(crate) struct Host(Option<Registry>);

impl Host {
    /// The host that a client claims. A claim that is not a host counts as none.
    pub(crate) fn new(claimed: Option<&str>) -> Self {
        let known = claimed.and_then(|claimed| claimed.parse::<Registry>().ok());
        // Docker Hub's names are never this host.
        Self(known.filter(|host| *host != Registry::docker_hub()))
    }

    /// The host that the operator named.
    pub(crate) fn public(host: Registry) -> Self {
        Self(Some(host))
    }

    /// `host[:port]`, as it stands in an image's name.
    pub(crate) fn name(&self) -> &str {
        self.0.as_ref().map_or(UNKNOWN, Registry::as_str)
    }

    /// Returns whether this is `localhost` or an address, which seldom has a certificate.
    pub(crate) fn is_local(&self) -> bool {
        let name = self.name();
        let host = name.split_once(':').map_or(name, |(host, _)| host);
        host == "localhost" || host.ends_with(".localhost") || host.parse::<Ipv4Addr>().is_ok()
    }

    /// The URL of `path`, which begins with '/'.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.is_local() { "http" } else { "https" };
        format!("{scheme}://{}{path}", self.name())
    }

    /// The name by which `tag` is pulled through this host. `None` if the registry has a port: clients cannot write a
    /// second colon.
    pub(crate) fn image(&self, tag: &Tag) -> Option<String> {
        Some(format!("{}/{}", self.name(), short(tag)?))
    }

    /// The pinned name of `tag` behind this host. `None` as for [`Host::image`].
    pub(crate) fn pinned(&self, tag: &Tag) -> Option<String> {
        Some(format!("{}/{PREFIX}{}", self.name(), short(tag)?))
    }

    /// Strips this host from the front of `written`, which may have been copied from a pull command.
    pub(crate) fn strip<'a>(&self, written: &'a str) -> &'a str {
        let own = self.0.as_ref().and_then(|host| written.strip_prefix(host.as_str())?.strip_prefix('/'));
        own.unwrap_or(written)
    }
}

/// The shortest name that means `tag` and can stand behind a host.
fn short(tag: &Tag) -> Option<&str> {
    let canonical = tag.canonical();
    let hub = canonical.strip_prefix("index.docker.io/");
    let candidates = [hub.and_then(|hub| hub.strip_prefix("library/")), hub, Some(canonical)];
    let shortest = candidates.into_iter().flatten().find(|name| name.parse().as_ref() == Ok(tag))?;
    (!tag.repository().registry().as_str().contains(':')).then_some(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let host = Host::new(Some(claimed));
            assert_eq!((host.name(), host.url("/key.pem").as_str()), (name, url), "{claimed}");
        }
    }

    #[test]
    fn only_a_host_is_shown() {
        for claimed in [
            None,
            Some(""),
            Some("<script>alert(1)</script>"),
            Some("tlog.example.org/evil"),
            Some("tlog.example.org;reboot"),
            Some("$(reboot).example.org"),
            Some("`reboot`"),
            Some("tlog.example.org tlog.example.org"),
            Some("user@tlog.example.org"),
            Some("tlog.example.org:"),
            Some("tlog.example.org:x"),
            Some("tlog.example.org:99999"),
            Some("tlog..example.org"),
            Some("-rm.example.org"),
            Some("docker.io"),
            Some("index.docker.io"),
            Some("[::1]:8080"),
            Some("127.1"),
        ] {
            let host = Host::new(claimed);
            assert_eq!((host.name(), host.url("/").as_str()), ("<host>", "https://<host>/"), "{claimed:?}");
        }
    }

    #[test]
    fn a_tag_is_pulled_by_its_shortest_name() {
        let host = Host::new(Some("tlog.example.org"));
        for (tag, image) in [
            ("alpine:3.16.0", Some("tlog.example.org/alpine:3.16.0")),
            ("docker.io/org/app:v1", Some("tlog.example.org/org/app:v1")),
            ("ghcr.io/org/app:v1", Some("tlog.example.org/ghcr.io/org/app:v1")),
            // Without the registry in front, these would name another registry.
            ("docker.io/ghcr.io/app:v1", Some("tlog.example.org/index.docker.io/ghcr.io/app:v1")),
            ("docker.io/localhost/app:v1", Some("tlog.example.org/index.docker.io/localhost/app:v1")),
            ("localhost:5000/app:v1", None),
        ] {
            assert_eq!(host.image(&tag.parse().unwrap()).as_deref(), image, "{tag}");
        }
        for (tag, pinned) in [
            ("alpine:3.16.0", "tlog.example.org/pinned.alt/alpine:3.16.0"),
            ("ghcr.io/org/app:v1", "tlog.example.org/pinned.alt/ghcr.io/org/app:v1"),
            // Without the registry in front, this would be a second prefix.
            ("docker.io/pinned.alt/app:v1", "tlog.example.org/pinned.alt/index.docker.io/pinned.alt/app:v1"),
        ] {
            assert_eq!(host.pinned(&tag.parse().unwrap()).as_deref(), Some(pinned));
        }
        assert_eq!(host.pinned(&"localhost:5000/app:v1".parse().unwrap()), None, "no client can write it");
        assert_eq!(host.strip("tlog.example.org/alpine:3.16.0"), "alpine:3.16.0");
        assert_eq!(host.strip("tlog.example.organic/alpine:3.16.0"), "tlog.example.organic/alpine:3.16.0");
        assert_eq!(host.strip("ghcr.io/org/app:v1"), "ghcr.io/org/app:v1");
    }
}
