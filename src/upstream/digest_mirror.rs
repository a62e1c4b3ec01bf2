//! Registries that hold what another one holds, under the same digests.

use std::fmt;
use std::str::FromStr;

use super::egress::may_be_public;
use super::insecure::InsecureRegistry;
use crate::foreign::shown;
use crate::image::{NameError, Registry, Repository};

/// A mirror of a registry, or of a part of it. It is asked for digests alone, so nothing about it needs to be believed.
///
/// Written `registry=mirror`, each with the beginning of the repositories' paths if need be: `docker.io=mirror.gcr.io`,
/// `docker.io/library=public.ecr.aws/docker/library`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestMirror {
    of: Namespace,
    at: Namespace,
}

/// A registry, and the path that its repositories begin with: whole components, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Namespace {
    registry: Registry,
    path: String,
}

impl DigestMirror {
    /// The registry that has the mirror.
    pub(super) fn of(&self) -> &Registry {
        &self.of.registry
    }

    /// The registry that is the mirror.
    pub(crate) fn at(&self) -> &Registry {
        &self.at.registry
    }

    /// Returns whether the egress guard may call the mirror, if its name leads to the public internet or `opened` has it.
    pub(crate) fn is_called(&self, opened: &[InsecureRegistry]) -> bool {
        let at = &self.at.registry;
        opened.iter().any(|opened| opened.name() == at.as_str())
            || format!("https://{}/", at.endpoint()).parse().is_ok_and(|url| may_be_public(&url))
    }

    /// The mirror's name for a repository. `None` for one that is not mirrored, or whose name would be too long.
    pub(super) fn name_for(&self, repository: &Repository) -> Option<Repository> {
        let rest = self.of.rest_of(repository)?;
        let path = [self.at.path.as_str(), rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Repository::new(self.at.registry.clone(), &path.join("/")).ok()
    }
}

impl Namespace {
    /// The part of a repository's path that follows this one's.
    fn rest_of<'a>(&self, repository: &'a Repository) -> Option<&'a str> {
        if *repository.registry() != self.registry {
            return None;
        }
        if self.path.is_empty() {
            return Some(repository.path());
        }
        let rest = repository.path().strip_prefix(&self.path)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

impl FromStr for DigestMirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, at) =
            text.split_once('=').ok_or_else(|| format!("expected registry=mirror, not '{}'", shown(text)))?;
        let (of, at): (Namespace, Namespace) = (of.parse()?, at.parse()?);
        // It would have the same limit.
        if of.registry == at.registry {
            return Err(format!("'{}' cannot be a mirror of itself", of.registry));
        }
        Ok(Self { of, at })
    }
}

/// As it is written, with the registries' canonical names.
impl fmt::Display for DigestMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.of, self.at)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.registry, self.path)
    }
}

impl FromStr for Namespace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        // As in a name of an image, a word without a dot or colon is no host.
        let is_host = host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost");
        if !is_host && !host.is_empty() {
            return Err(format!("'{}' is not a registry host: it has neither a dot nor a port", shown(host)));
        }
        let fault = |error: NameError| error.to_string();
        let registry: Registry = host.parse().map_err(fault)?;
        // The grammar of a path's beginning is that of a whole one.
        let path = path.map(|path| Repository::new(registry.clone(), path).map(|_| path)).transpose().map_err(fault)?;
        Ok(Self { registry, path: path.unwrap_or_default().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrored(mirror: &str, repository: &str) -> Option<String> {
        let mirror: DigestMirror = mirror.parse().unwrap_or_else(|error| panic!("{mirror}: {error}"));
        mirror.name_for(&repository.parse().unwrap()).map(|repository| repository.to_string())
    }

    #[test]
    fn a_mirror_has_a_repository_under_the_same_name_or_below_another_path() {
        let ecr = "docker.io/library=public.ecr.aws/docker/library";
        let cases = [
            ("docker.io=mirror.gcr.io", "alpine", Some("mirror.gcr.io/library/alpine")),
            ("index.docker.io=mirror.gcr.io", "docker.io/org/app", Some("mirror.gcr.io/org/app")),
            ("DOCKER.IO=Mirror.gcr.io:443", "org/app/a", Some("mirror.gcr.io/org/app/a")),
            ("docker.io=mirror.gcr.io", "ghcr.io/org/app", None),
            (ecr, "alpine", Some("public.ecr.aws/docker/library/alpine")),
            (ecr, "org/app", None),
            (ecr, "library-of/app", None),
            ("ghcr.io/org=mirror.test", "ghcr.io/org/app", Some("mirror.test/app")),
            ("ghcr.io/org/app=mirror.test/of/app", "ghcr.io/org/app", Some("mirror.test/of/app")),
            ("ghcr.io/org/app=mirror.test", "ghcr.io/org/app", None),
            ("ghcr.io=docker.io/ghcr", "ghcr.io/org/app", Some("index.docker.io/ghcr/org/app")),
            ("registry.test:5000=127.0.0.1:5001", "registry.test:5000/a/b", Some("127.0.0.1:5001/a/b")),
        ];
        for (mirror, repository, expected) in cases {
            assert_eq!(mirrored(mirror, repository).as_deref(), expected, "{mirror} for {repository}");
        }
        let long = format!("ghcr.io/{}", "a".repeat(240));
        assert_eq!(mirrored("ghcr.io=mirror.test/of/ghcr.io", &long), None, "a name that no registry could have");
    }

    #[test]
    fn what_names_no_registry_and_another_as_its_mirror_is_refused() {
        let cases = [
            ("mirror.gcr.io", "expected registry=mirror, not 'mirror.gcr.io'"),
            ("", "expected registry=mirror, not ''"),
            ("docker.io=", "'' is not a registry host"),
            ("=mirror.gcr.io", "'' is not a registry host"),
            ("docker.io=https://mirror.gcr.io", "'https:' is not a registry host"),
            ("docker.io=mirror", "'mirror' is not a registry host: it has neither a dot nor a port"),
            ("library=mirror.gcr.io", "'library' is not a registry host: it has neither a dot nor a port"),
            ("docker.io=mirror.gcr.io=other.test", "is not a registry host"),
            ("docker.io=mirror.gcr.io/", "'' is not a repository name"),
            ("docker.io/Library=mirror.gcr.io", "'Library' is not a repository name"),
            ("docker.io=mirror.gcr.io/../x", "'../x' is not a repository name"),
            ("docker.io=registry-1.docker.io", "'index.docker.io' cannot be a mirror of itself"),
            ("ghcr.io/a=ghcr.io/b", "'ghcr.io' cannot be a mirror of itself"),
        ];
        for (text, fault) in cases {
            let error = text.parse::<DigestMirror>().expect_err(text);
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
