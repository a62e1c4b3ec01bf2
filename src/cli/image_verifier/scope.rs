//! The registries and repositories whose images are checked.

use std::str::FromStr;

use super::name::{ImageName, NamedHost, is_path};
use crate::foreign::shown;
use crate::image::{NameError, Registry};

/// Which images are checked: those that `only` names, or all, and of these not what `except` names.
#[derive(Debug)]
pub(super) struct Scope {
    pub only: Option<Vec<ScopePlace>>,
    pub except: Vec<ScopePlace>,
}

/// A registry, or the repositories of one that begin with a path: `ghcr.io`, `ghcr.io/our-company`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScopePlace {
    pub host: NamedHost,
    path: Option<String>,
    /// As it was written.
    text: String,
}

impl Scope {
    /// `None` if the image is checked, and otherwise the reason why not.
    pub(super) fn leaves_out(&self, name: &ImageName) -> Option<String> {
        if let Some(place) = self.except.iter().find(|place| place.holds(name)) {
            return Some(format!("'except' has {}", place.text));
        }
        let only = self.only.as_ref()?;
        let holds = |place: &ScopePlace| place.holds(name) || place.means(name);
        (!only.iter().any(holds)).then(|| "'only' has other registries".to_owned())
    }
}

impl ScopePlace {
    fn holds(&self, name: &ImageName) -> bool {
        let below = |path: &String| name.path.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        self.host == name.host && self.path.as_ref().is_none_or(below)
    }

    /// Returns whether an image of Docker Hub's `library/` is meant: `docker.io/alpine` is also what begins with `alpine/`.
    fn means(&self, name: &ImageName) -> bool {
        let official = name.path.strip_prefix("library/");
        self.host == name.host
            && self.host == NamedHost::Registry(Registry::docker_hub())
            && official == self.path.as_deref()
    }
}

impl FromStr for ScopePlace {
    type Err = String;

    /// Parses `host[/path]`. As in the names that containerd gives, the first component is always a host.
    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{}' is no registry: expected host[:port], and perhaps a path behind it", shown(text));
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        if matches!(host.parse::<Registry>(), Err(NameError::NotInDns(_))) || path.is_some_and(|path| !is_path(path)) {
            return Err(fault());
        }
        let host = NamedHost::parse(host).ok_or_else(fault)?;
        Ok(Self { host, path: path.map(str::to_owned), text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(only: Option<&[&str]>, except: &[&str]) -> Scope {
        let places = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Scope { only: only.map(places), except: places(except) }
    }

    fn checks(scope: &Scope, name: &str) -> bool {
        scope.leaves_out(&ImageName::parse(name, None).unwrap()).is_none()
    }

    #[test]
    fn a_registry_is_left_out_by_each_of_its_names_and_a_path_by_whole_components() {
        let scope =
            scope(None, &["registry.k8s.io/pause", "Docker.io/ours", "[FD00::1]:5000", "intranet", "10.0.0.1:5000"]);
        for name in [
            "registry.k8s.io/pause:3.10",
            "registry.k8s.io:443/pause@sha256:0",
            "registry.k8s.io/pause/more:v1",
            "docker.io/ours/app:v1",
            "registry-1.docker.io/ours/app:v1",
            "index.docker.io/ours/a/b:v1",
            "[fd00::1]:5000/a:v1",
            "intranet:443/a:v1",
            "10.0.0.1:5000/a:v1",
        ] {
            assert!(!checks(&scope, name), "{name}");
        }
        for name in [
            "registry.k8s.io/pause2:3.10",
            "registry.k8s.io/a/pause:3.10",
            "docker.io/library/ours:v1",
            "docker.io/oursapp:v1",
            "10.0.0.1:5001/a:v1",
            "intranet.test/a:v1",
            "evil.test/docker.io/ours/app:v1",
        ] {
            assert!(checks(&scope, name), "{name}");
        }
    }

    #[test]
    fn only_what_is_named_is_checked_and_of_that_not_what_is_excepted() {
        let scope =
            scope(Some(&["docker.io/library/a", "docker.io/b", "docker.io/ours", "ghcr.io/org"]), &["docker.io/ours"]);
        for (name, checked) in [
            ("docker.io/library/a:v1", true),
            ("docker.io/a:v1", true),
            ("docker.io/b:v1", true),
            ("docker.io/library/b:v1", true),
            ("docker.io/b/c:v1", true),
            ("docker.io/library/c:v1", false),
            ("docker.io/ours/app:v1", false),
            ("docker.io/library/ours:v1", true),
            ("ghcr.io/org/app:v1", true),
            ("ghcr.io/organisation/app:v1", false),
            ("quay.io/a/b:v1", false),
        ] {
            assert_eq!(checks(&scope, name), checked, "{name}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in
            ["", "/", "https://ghcr.io", "ghcr.io/", "ghcr.io/a/..", "*.ghcr.io", "ghcr.io/*", "pinned.alt/a", "a b"]
        {
            assert!(text.parse::<ScopePlace>().is_err(), "{text}");
        }
    }
}
