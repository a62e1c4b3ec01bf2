//! Routes: paths, parsed into names.

use std::borrow::Cow;

use url::form_urlencoded;

use super::tag_history;
use crate::image::{Digest, NameError, Reference, Registry, Repository, Tag};
use crate::pinned;

/// A request that this registry understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`, the test for a registry.
    Version,
    /// `/v2/<repository>/manifests/<tag or digest>`: a pull by tag asks for a verdict.
    Manifest(Reference),
    /// `/v2/pinned.alt/<repository>/manifests/<tag>`: a pull of what was recorded.
    PinnedManifest(Tag),
    /// `/v2/<repository>/blobs/<digest>`: answered with a redirect to the registry, unless it is an attestation's.
    Blob(Repository, Digest),
    /// A repository's tags.
    Tags(Repository),
    /// The referrers of a manifest.
    Referrers(Repository, Digest),
    /// `/`, the start page.
    Home,
    /// A tag to look up, as a person wrote it into the form.
    LookUp(String),
    /// `/sightings/`: the list of all sightings in the order of a log.
    Sightings,
    /// The sighting of a tag.
    Sighting(Tag),
    /// `/moves/<tag>`: what its row remembers of its moves.
    Moves(Tag),
    /// `/v2/<repository>/_oci/tag-history/<tag>`.
    TagHistory(Tag),
    /// The signing key's public half.
    Key,
    /// The log's key, for Sigstore's tools.
    TrustedRoot,
    /// `/v2/_catalog`, which cannot be answered for all registries.
    Catalog,
    /// `/healthz`, which calls nobody.
    Health,
    /// `/readyz`: whether key, ledger and log can be used.
    Ready,
    /// Any other path: 404.
    Unknown,
}

impl Route {
    /// Parses a raw path and a query.
    ///
    /// A repository may have components named `manifests` and `blobs`, so paths are read from the right. Valid names never
    /// hold a `%`, so nothing is decoded but the colon: some clients encode a digest's, and API Gateway decodes it.
    /// Below `/v2/`, the prefix of a pinned name is taken off first, once.
    pub fn parse(path: &str, query: Option<&str>) -> Result<Self, NameError> {
        let path = &*with_colons(path);
        match path {
            "/" => return Ok(Self::Home),
            "/sightings" | "/sightings/" => return Ok(written(query).map_or(Self::Sightings, Self::LookUp)),
            "/v2" => return Ok(Self::Version),
            "/healthz" => return Ok(Self::Health),
            "/readyz" => return Ok(Self::Ready),
            "/key.pem" => return Ok(Self::Key),
            "/trusted-root.json" => return Ok(Self::TrustedRoot),
            _ => {}
        }
        if let Some(tag) = path.strip_prefix("/sightings/") {
            return Ok(Self::Sighting(pinned::parse_tag(tag)?));
        }
        if let Some(tag) = path.strip_prefix("/moves/") {
            return Ok(Self::Moves(pinned::parse_tag(tag)?));
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return Ok(Self::Unknown) };
        let pinned = pinned::behind_prefix(rest);
        let rest = pinned.unwrap_or(rest);
        match rest {
            "" => return Ok(Self::Version),
            "_catalog" => return Ok(Self::Catalog),
            _ => {}
        }
        if let Some((name, tag)) = tag_history::names(rest) {
            return Ok(Self::TagHistory(Tag::new(repository(name, query)?, tag)?));
        }
        let mut parts = rest.rsplitn(3, '/');
        let (Some(last), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(Self::Unknown);
        };
        match kind {
            "manifests" => Ok(match Reference::new(repository(name, query)?, last)? {
                Reference::Tag(tag) if pinned.is_some() => Self::PinnedManifest(tag),
                reference => Self::Manifest(reference),
            }),
            "blobs" => Ok(Self::Blob(repository(name, query)?, last.parse()?)),
            "referrers" => Ok(Self::Referrers(repository(name, query)?, last.parse()?)),
            "tags" if last == "list" => Ok(Self::Tags(repository(name, query)?)),
            _ => Ok(Self::Unknown),
        }
    }
}

/// The path with each `%3A` decoded.
fn with_colons(path: &str) -> Cow<'_, str> {
    if path.contains('%') { path.replace("%3A", ":").replace("%3a", ":").into() } else { path.into() }
}

/// The form's input: the first `tag` of the query.
fn written(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == "tag").map(|(_, tag)| tag.trim().to_owned())
}

/// The repository that a path names. Its registry stands in front or, for mirror clients such as containerd, in the
/// query's `ns`. It may stand in both: containerd's `override_path` puts a path in front, whose host is then no part of
/// the repository. The key counts as it is written, never as `n%73`: a cache in front may tell registries apart by it
/// (infra/edge.yaml).
fn repository(name: &str, query: Option<&str>) -> Result<Repository, NameError> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| pair.split('=').next() == Some("ns"));
    let mut namespaces = pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()));
    match (namespaces.next(), namespaces.next()) {
        (None, _) => name.parse(),
        (Some((_, registry)), None) => {
            let registry: Registry = registry.parse()?;
            let rest = name.split_once('/').filter(|(first, _)| is_written_as(&registry, first));
            let path = rest.map_or(name, |(_, path)| path);
            Repository::new(registry, path)
        }
        (Some(_), Some((_, second))) => Err(NameError::Registry(second.into_owned())),
    }
}

/// Returns whether a path's first component names the registry. Without a dot or a colon it is a repository's, as it is
/// without `ns`.
fn is_written_as(registry: &Registry, component: &str) -> bool {
    let is_host = component.contains(['.', ':']) || component == "localhost";
    is_host && component.parse::<Registry>().is_ok_and(|named| named == *registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str, query: Option<&str>) -> String {
        match Route::parse(path, query) {
            Ok(Route::Manifest(Reference::Tag(tag))) => tag.to_string(),
            Ok(Route::Manifest(Reference::Digest(repository, digest))) => format!("{repository}@{digest}"),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn one_repository_has_many_paths() {
        let cases = [
            ("/v2/alpine/manifests/3.16.0", None, "index.docker.io/library/alpine:3.16.0"),
            ("/v2/docker.io/alpine/manifests/3.16.0", None, "index.docker.io/library/alpine:3.16.0"),
            ("/v2/index.docker.io/library/alpine/manifests/3.16.0", None, "index.docker.io/library/alpine:3.16.0"),
            ("/v2/library/alpine/manifests/3.16.0", Some("ns=docker.io"), "index.docker.io/library/alpine:3.16.0"),
            ("/v2/org/app/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/org/app:v1"),
            ("/v2/demo/app/manifests/v1", Some("a=b&ns=localhost%3A5000"), "localhost:5000/demo/app:v1"),
            ("/v2/ghcr.io/manifests/manifests/manifests/v1", None, "ghcr.io/manifests/manifests:v1"),
            ("/v2/ghcr.io/a/blobs/manifests/v1", None, "ghcr.io/a/blobs:v1"),
            ("/v2/alpine/manifests/3.16.0", Some("n%73=ghcr.io&%6es=quay.io"), "index.docker.io/library/alpine:3.16.0"),
            ("/v2/alpine/manifests/3.16.0", Some("nss=ghcr.io&&=ns"), "index.docker.io/library/alpine:3.16.0"),
            // With ns, the path holds the repository alone, also where it looks like another registry.
            ("/v2/a.b/c/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/a.b/c:v1"),
            ("/v2/ghcr.io/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/ghcr.io:v1"),
            // And the registry may stand in both.
            ("/v2/ghcr.io/org/app/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/org/app:v1"),
            ("/v2/GHCR.io:443/org/app/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/org/app:v1"),
            ("/v2/docker.io/library/alpine/manifests/3", Some("ns=docker.io"), "index.docker.io/library/alpine:3"),
            ("/v2/registry-1.docker.io/alpine/manifests/3", Some("ns=docker.io"), "index.docker.io/library/alpine:3"),
            ("/v2/localhost:5000/a/manifests/v1", Some("ns=localhost:5000"), "localhost:5000/a:v1"),
            ("/v2/localhost%3A5000/a/manifests/v1", None, "localhost:5000/a:v1"),
            ("/v2/localhost%3a5000/a/manifests/v1", Some("ns=localhost%3A5000"), "localhost:5000/a:v1"),
            ("/v2/ghcr.io/ghcr.io/a/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/ghcr.io/a:v1"),
        ];
        for (path, query, expected) in cases {
            assert_eq!(manifest(path, query), expected, "{path}");
        }
    }

    #[test]
    fn the_prefix_of_a_pinned_name_is_taken_off_once() {
        let tag = |name: &str| name.parse::<Tag>().unwrap();
        let cases = [
            ("/v2/pinned.alt/alpine/manifests/v1", None, "alpine:v1"),
            ("/v2/pinned.alt/ghcr.io/org/app/manifests/v1", None, "ghcr.io/org/app:v1"),
            ("/v2/pinned.alt/org/app/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/org/app:v1"),
            ("/v2/pinned.alt/pinned.alt/app/manifests/v1", Some("ns=ghcr.io"), "ghcr.io/pinned.alt/app:v1"),
            ("/v2/pinned.alt/manifests/manifests/v1", None, "manifests:v1"),
        ];
        for (path, query, name) in cases {
            assert_eq!(Route::parse(path, query), Ok(Route::PinnedManifest(tag(name))), "{path}");
        }
        // Not in front, it is a part of the name.
        let inside = Route::Manifest(Reference::Tag(tag("ghcr.io/pinned.alt/app:v1")));
        assert_eq!(Route::parse("/v2/ghcr.io/pinned.alt/app/manifests/v1", None), Ok(inside));

        let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let repository: Repository = "ghcr.io/org/app".parse().unwrap();
        let same = [
            (format!("manifests/{digest}"), Route::Manifest(Reference::Digest(repository.clone(), digest.clone()))),
            (format!("blobs/{digest}"), Route::Blob(repository.clone(), digest.clone())),
            (format!("referrers/{digest}"), Route::Referrers(repository.clone(), digest.clone())),
            ("tags/list".to_owned(), Route::Tags(repository)),
        ];
        for (path, expected) in same {
            let paths = [format!("/v2/pinned.alt/ghcr.io/org/app/{path}"), format!("/v2/ghcr.io/org/app/{path}")];
            for path in paths {
                assert_eq!(Route::parse(&path, None).as_ref(), Ok(&expected), "{path}");
            }
            let mirrored = format!("/v2/pinned.alt/org/app/{path}");
            assert_eq!(Route::parse(&mirrored, Some("ns=ghcr.io")), Ok(expected), "{mirrored}");
        }
        let sighting = Route::Sighting(tag("ghcr.io/org/app:v1"));
        assert_eq!(Route::parse("/sightings/pinned.alt/ghcr.io/org/app:v1", None), Ok(sighting));
        assert_eq!(Route::parse("/v2/pinned.alt/", None), Ok(Route::Version));
        assert_eq!(Route::parse("/v2/pinned.alt/_catalog", None), Ok(Route::Catalog));
        assert_eq!(Route::parse("/v2/pinned.alt/manifests/v1", None), Ok(Route::Unknown), "no image is named");

        let refused = [
            ("/v2/pinned.alt/pinned.alt/app/manifests/v1", None),
            ("/v2/pinned.alt/a.alt/app/manifests/v1", None),
            ("/v2/a.alt/app/manifests/v1", None),
            ("/v2/Pinned.alt/app/manifests/v1", None),
            ("/v2/app/manifests/v1", Some("ns=pinned.alt")),
            ("/v2/pinned.alt/app/manifests/v1", Some("ns=PINNED.ALT:443")),
            ("/sightings/pinned.alt/pinned.alt/app:v1", None),
        ];
        for (path, query) in refused {
            let error = Route::parse(path, query).expect_err(path);
            assert!(matches!(error, NameError::NotInDns(_)), "{path}: {error}");
        }
        let error = Route::parse("/v2/pinned.alt//app/manifests/v1", None).expect_err("an empty component");
        assert!(matches!(error, NameError::Repository(_)), "{error}");
    }

    #[test]
    fn moves_and_a_history_are_of_a_tag() {
        let tag = || "ghcr.io/org/app:v1".parse::<Tag>().unwrap();
        for path in ["/moves/ghcr.io/org/app:v1", "/moves/pinned.alt/ghcr.io/org/app:v1"] {
            assert_eq!(Route::parse(path, None), Ok(Route::Moves(tag())));
        }
        let history = Ok(Route::TagHistory(tag()));
        assert_eq!(Route::parse("/v2/ghcr.io/org/app/_oci/tag-history/v1", Some("n=0")), history);
        assert_eq!(Route::parse("/v2/pinned.alt/ghcr.io/org/app/_oci/tag-history/v1", None), history);
        assert_eq!(Route::parse("/v2/org/app/_oci/tag-history/v1", Some("ns=ghcr.io")), history);
        let named_so = Route::Manifest(Reference::Tag("ghcr.io/oci/tag-history:v1".parse().unwrap()));
        assert_eq!(Route::parse("/v2/ghcr.io/oci/tag-history/manifests/v1", None), Ok(named_so));
    }

    #[test]
    fn the_form_looks_a_tag_up_and_without_one_there_is_the_list() {
        for path in ["/sightings", "/sightings/"] {
            for query in [None, Some(""), Some("log=ff&from=1"), Some("tags=a"), Some("signed=ff")] {
                assert_eq!(Route::parse(path, query), Ok(Route::Sightings), "{path} {query:?}");
            }
            for (query, tag) in [("tag=a:b", "a:b"), ("log=ff&tag=+a:b", "a:b"), ("tag=", "")] {
                assert_eq!(Route::parse(path, Some(query)), Ok(Route::LookUp(tag.to_owned())), "{path} {query}");
            }
        }
    }

    #[test]
    fn lists_are_of_a_repository() {
        let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let repository = |name: &str| name.parse::<Repository>().unwrap();
        let cases = [
            ("/v2/alpine/tags/list".to_owned(), Route::Tags(repository("alpine"))),
            ("/v2/ghcr.io/tags/list/tags/list".to_owned(), Route::Tags(repository("ghcr.io/tags/list"))),
            (format!("/v2/ghcr.io/a/referrers/{digest}"), Route::Referrers(repository("ghcr.io/a"), digest)),
        ];
        for (path, expected) in cases {
            assert_eq!(Route::parse(&path, None), Ok(expected), "{path}");
        }
    }

    #[test]
    fn a_digest_may_be_written_with_an_encoded_colon() {
        let hex = "0".repeat(64);
        for kind in ["manifests", "blobs", "referrers"] {
            let plain = Route::parse(&format!("/v2/ghcr.io/a/{kind}/sha256:{hex}"), None).unwrap();
            for colon in ["%3A", "%3a"] {
                assert_eq!(Route::parse(&format!("/v2/ghcr.io/a/{kind}/sha256{colon}{hex}"), None), Ok(plain.clone()));
            }
            for other in ["%253A", "%3", "%3B", "%EF%BC%9A"] {
                assert!(Route::parse(&format!("/v2/ghcr.io/a/{kind}/sha256{other}{hex}"), None).is_err(), "{other}");
            }
        }
        assert_eq!(Route::parse("/sightings/ghcr.io/a%3Av1", None), Route::parse("/sightings/ghcr.io/a:v1", None));
    }

    #[test]
    fn an_invalid_name_is_refused_as_what_it_should_be() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let cases = [
            ("/v2/Alpine/manifests/v1".to_owned(), None, "repository name"),
            ("/v2/ghcr.io/a/../b/manifests/v1".to_owned(), None, "repository name"),
            ("/v2/ghcr.io/a%2fb/manifests/v1".to_owned(), None, "repository name"),
            ("/v2/ghcr.io//manifests/v1".to_owned(), None, "repository name"),
            (format!("/v2/ghcr.io/{}/manifests/v1", "a".repeat(248)), None, "characters"),
            ("/v2/gh_cr.io/a/manifests/v1".to_owned(), None, "registry host"),
            ("/v2/a/manifests/v1".to_owned(), Some("ns=ghcr.io&ns=quay.io"), "registry host"),
            ("/v2/a/manifests/v1".to_owned(), Some("ns="), "registry host"),
            ("/v2/ghcr.io/a/manifests/-v1".to_owned(), None, "not a tag"),
            ("/v2/ghcr.io/a/manifests/".to_owned(), None, "not a tag"),
            ("/v2/ghcr.io/a/manifests/v1%20".to_owned(), None, "not a tag"),
            ("/v2/ghcr.io/a/manifests/sha256:00".to_owned(), None, "not a digest"),
            (format!("/v2/ghcr.io/a/blobs/{}", digest.to_uppercase()), None, "not a digest"),
            ("/v2/ghcr.io/a/blobs/uploads".to_owned(), None, "not a digest"),
            ("/v2/ghcr.io/a/_oci/tag-history/-v1".to_owned(), None, "not a tag"),
            ("/v2/ghcr.io/a/_oci/tag-history/sha256:00".to_owned(), None, "not a tag"),
            ("/v2/ghcr.io/A/_oci/tag-history/v1".to_owned(), None, "not a repository"),
            ("/moves/ghcr.io/a".to_owned(), None, "names no tag"),
        ];
        for (path, query, expected) in cases {
            let error = Route::parse(&path, query).expect_err(&path).to_string();
            assert!(error.contains(expected), "{path}: {error}");
        }
    }

    #[test]
    fn other_paths_are_unknown() {
        for path in [
            "",
            "//",
            "/v3/",
            "/v2/alpine",
            "/v2/alpine/v1",
            "//v2/",
            "/v2/a/manifest/v1",
            "/V2/a/manifests/v1",
            "/v2/a/tags/v1",
        ] {
            assert_eq!(Route::parse(path, None).unwrap(), Route::Unknown, "{path}");
        }
    }
}
