//! The name of an image as containerd takes it apart: `host/path[:tag][@digest]`.
//!
//! Unlike Docker's, the first component is always a host. containerd parses the name as a URL and cleans its path, so that
//! `a.test/../b.test/app:v1` is an image of `b.test` (`pkg/reference/reference.go`). A name with anything that it would
//! rewrite is refused here.

use crate::foreign::shown;
use crate::image::{Registry, Repository};
use crate::pinned::behind_prefix;

/// A name in parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageName {
    pub host: NamedHost,
    /// The repository within the registry, with Docker Hub's `library/`. It need not be within the grammar of the distribution spec.
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

/// A registry's host, equal for all spellings of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedHost {
    Registry(Registry),
    /// A host that no public registry has, such as an IPv6 address or a name with an underscore: in lower case.
    Other(String),
}

impl NamedHost {
    /// `None` if `text` cannot be a host.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_of_hosts = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        if text.is_empty() || matches!(text, "." | "..") || !text.bytes().all(is_of_hosts) {
            return None;
        }
        Some(text.parse().map_or_else(|_| Self::Other(text.to_ascii_lowercase()), Self::Registry))
    }
}

impl ImageName {
    /// Parses a name. One that was written for the instance at `instance` gives the name behind that host, and behind the
    /// prefix of a pinned name.
    pub(super) fn parse(text: &str, instance: Option<&NamedHost>) -> Result<Self, String> {
        let fault = || format!("'{}' is not the name of an image", shown(text));
        let (host, rest) = text.split_once('/').unwrap_or(("docker.io", text));
        let host = NamedHost::parse(host).ok_or_else(fault)?;
        let (path, object) = rest.split_at(rest.find([':', '@']).unwrap_or(rest.len()));
        let (tag, digest) = match object.split_once('@') {
            Some((tag, digest)) => (tag, Some(digest.to_owned())),
            None => (object, None),
        };
        let tag = tag.strip_prefix(':').map(str::to_owned);
        if !is_path(path) || digest.as_ref().is_some_and(String::is_empty) {
            return Err(fault());
        }
        if instance != Some(&host) {
            let is_official = host == NamedHost::Registry(Registry::docker_hub()) && !path.contains('/');
            let path = if is_official { format!("library/{path}") } else { path.to_owned() };
            return Ok(Self { host, path, tag, digest });
        }
        // Behind the instance's own host, names are as Docker writes them.
        let name = behind_prefix(path).unwrap_or(path);
        let repository: Repository = name.parse().map_err(|error| format!("{}: {error}", fault()))?;
        let path = repository.path().to_owned();
        Ok(Self { host: NamedHost::Registry(repository.registry().clone()), path, tag, digest })
    }
}

/// Returns whether a path has no part that containerd would decode, cut or resolve.
pub(super) fn is_path(path: &str) -> bool {
    let is_of_paths = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(is_of_paths))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, String, Option<String>, Option<String>)> {
        let ImageName { host, path, tag, digest } =
            ImageName::parse(text, NamedHost::parse("tlog.test").as_ref()).ok()?;
        let host = match host {
            NamedHost::Registry(registry) => registry.to_string(),
            NamedHost::Other(host) => format!("other {host}"),
        };
        Some((host, path, tag, digest))
    }

    #[track_caller]
    fn assert_parts(text: &str, host: &str, path: &str, tag: Option<&str>, digest: Option<&str>) {
        let expected = (host.to_owned(), path.to_owned(), tag.map(str::to_owned), digest.map(str::to_owned));
        assert_eq!(parts(text), Some(expected), "{text}");
    }

    #[test]
    fn the_first_component_is_a_host_as_containerd_has_it() {
        assert_parts("docker.io/library/alpine:3.16.0", "index.docker.io", "library/alpine", Some("3.16.0"), None);
        assert_parts("docker.io/alpine:3.16.0", "index.docker.io", "library/alpine", Some("3.16.0"), None);
        assert_parts("alpine:3.16.0", "index.docker.io", "library/alpine", Some("3.16.0"), None);
        assert_parts("intranet/app:v1", "intranet:443", "app", Some("v1"), None);
        assert_parts("GHCR.io:443/a/b:V1", "ghcr.io", "a/b", Some("V1"), None);
        assert_parts("127.0.0.1:5000/a:v1", "127.0.0.1:5000", "a", Some("v1"), None);
        assert_parts("[fd00::1]:5000/a/b:v1", "other [fd00::1]:5000", "a/b", Some("v1"), None);
        assert_parts("my_registry:5000/Upper/b:v1", "other my_registry:5000", "Upper/b", Some("v1"), None);
        assert_parts("ghcr.io/a/b:v1@sha256:0", "ghcr.io", "a/b", Some("v1"), Some("sha256:0"));
        assert_parts("ghcr.io/a/b@sha256:0", "ghcr.io", "a/b", None, Some("sha256:0"));
        assert_parts("ghcr.io/a/b", "ghcr.io", "a/b", None, None);
    }

    #[test]
    fn behind_the_instances_host_names_are_as_docker_writes_them() {
        for name in [
            "tlog.test/alpine:v1",
            "TLOG.test:443/library/alpine:v1",
            "tlog.test/docker.io/library/alpine:v1",
            "tlog.test/registry-1.docker.io/alpine:v1",
            "tlog.test/pinned.alt/alpine:v1",
            "tlog.test/pinned.alt/docker.io/alpine:v1",
        ] {
            assert_parts(name, "index.docker.io", "library/alpine", Some("v1"), None);
        }
        assert_parts("tlog.test/ghcr.io/a/b:v1", "ghcr.io", "a/b", Some("v1"), None);
        assert_parts("tlog.test/pinned.alt/ghcr.io/a/b@sha256:0", "ghcr.io", "a/b", None, Some("sha256:0"));
        for name in ["tlog.test/pinned.alt/pinned.alt/a/b:v1", "tlog.test/Alpine:v1", "tlog.test/my_host/Upper:v1"] {
            assert_eq!(parts(name), None, "{name}");
        }
    }

    #[test]
    fn what_containerd_would_rewrite_is_no_name() {
        for name in [
            "",
            "/",
            "ghcr.io/",
            "/a:v1",
            "ghcr.io//a:v1",
            "ghcr.io/../evil.test/a:v1",
            "ghcr.io/ours/../../evil.test/a:v1",
            "ghcr.io/ours/./a:v1",
            "ghcr.io/ours/..:v1",
            "../evil.test/a:v1",
            "ghcr.io/%6furs/a:v1",
            "ghcr.io/a%2fb:v1",
            "ghcr.io/a?b:v1",
            "ghcr.io/a#b:v1",
            "user@evil.test/a:v1",
            "ghcr.io@evil.test/a:v1",
            "https://ghcr.io/a:v1",
            "ghcr.io/a@",
            "ghcr.io/a:v1@",
            "ghcr.io/a b:v1",
            "ghcr.io/a\n:v1",
            "ghcr.io/é:v1",
            "ghcr.io\\a:v1",
        ] {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
