//! Names of images: registry, repository, tag, digest.
//!
//! A name can only be made by parsing. So a value of these types is always within the grammar of the OCI distribution spec
//! v1.1 (section "Pulling manifests"), and equal things have equal canonical strings. The canonical form is
//! go-containerregistry's (`index.docker.io/library/alpine:3.16.0`), so that public tools derive the same strings.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::foreign::shown;

/// The limit of registry host, `/` and repository together, as the distribution spec advises.
const MAX_REPOSITORY_LENGTH: usize = 255;
/// The distribution spec's limit for a tag.
const MAX_TAG_LENGTH: usize = 128;
/// RFC 1035 section 2.3.4, less the root label, which is not written.
const MAX_HOST_LENGTH: usize = 253;
/// RFC 1035 section 2.3.4.
const MAX_LABEL_LENGTH: usize = 63;

const DOCKER_HUB: &str = "index.docker.io";
/// Other hosts with Docker Hub's set of repositories.
const DOCKER_HUB_ALIASES: [&str; 2] = ["docker.io", "registry-1.docker.io"];
/// The host that answers for Docker Hub.
const DOCKER_HUB_ENDPOINT: &str = "registry-1.docker.io";

/// The reason why a string is not a name. Each variant carries the offending part unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Slips seen most: a scheme (`https://`), an IPv6 address.
    #[error("'{}' is not a registry host: expected a DNS name or IPv4 address, with an optional port", shown(.0))]
    Registry(String),
    /// `.alt` is reserved for names outside DNS (RFC 9476), such as the prefix of a pinned name.
    #[error(
        "'{}' is not a registry host: names that end in .alt are not in DNS, and 'pinned.alt/' stands once, in front of a \
         whole name",
        shown(.0)
    )]
    NotInDns(String),
    /// Upper-case letters are the usual slip.
    #[error(
        "'{}' is not a repository name: expected lower-case letters and digits, separated by '.', '_', '__', '-' or '/'",
        shown(.0)
    )]
    Repository(String),
    /// Carries the length, the registry's part and the slash included. Characters are bytes: all are ASCII.
    #[error("registry and repository together have {0} characters; at most {MAX_REPOSITORY_LENGTH} are allowed")]
    TooLong(usize),
    /// The grammar is `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
    #[error(
        "'{}' is not a tag: expected up to {MAX_TAG_LENGTH} letters, digits, '_', '.' and '-', not starting with '.' or '-'",
        shown(.0)
    )]
    Tag(String),
    /// The digest is cut short, in upper case, or of another algorithm.
    #[error("'{}' is not a digest: expected sha256: with 64 or sha512: with 128 lower-case hexadecimal digits", shown(.0))]
    Digest(String),
    /// No tag is added (`latest`): the caller has to say which one he means.
    #[error("'{}' names no tag: expected registry/repository:tag", shown(.0))]
    NoTag(String),
}

/// A registry's host in lower case, with its port unless that is 443.
///
/// All names of Docker Hub are one registry, `index.docker.io`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(String);

impl Registry {
    /// Docker Hub, the registry of a name without one.
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB.to_owned())
    }

    /// The canonical name, e.g. `index.docker.io`, `ghcr.io`, `localhost:5000`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `host[:port]` to connect to. It differs from the canonical name for Docker Hub only.
    pub fn endpoint(&self) -> &str {
        if self.0 == DOCKER_HUB { DOCKER_HUB_ENDPOINT } else { &self.0 }
    }

    pub(crate) fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }
}

impl FromStr for Registry {
    type Err = NameError;

    /// Host names are case-insensitive, and https implies port 443. All spellings give the same registry: otherwise one tag
    /// would have several sightings.
    fn from_str(name: &str) -> Result<Self, NameError> {
        let fault = || NameError::Registry(name.to_owned());
        let lower = name.to_ascii_lowercase();
        let (host, port) = match lower.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port).ok_or_else(fault)?)),
            None => (lower.as_str(), None),
        };
        if !is_host(host) {
            return Err(fault());
        }
        if host.ends_with(".alt") {
            return Err(NameError::NotInDns(name.to_owned()));
        }
        // A host without a dot keeps even port 443, which tells it from a repository's first component.
        let is_host_by_name = host.contains('.') || host == "localhost";
        let port = if is_host_by_name { port.filter(|port| *port != 443) } else { port.or(Some(443)) };
        Ok(match port {
            None if DOCKER_HUB_ALIASES.contains(&host) => Self::docker_hub(),
            None => Self(host.to_owned()),
            Some(port) => Self(format!("{host}:{port}")),
        })
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse_port(port: &str) -> Option<u16> {
    let canonical = !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
    if canonical { port.parse().ok() } else { None }
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL_LENGTH
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > MAX_HOST_LENGTH || !host.split('.').all(is_label) {
        return false;
    }
    // URL parsers read '2130706433', '0x7f.1' and '127.1' as IPv4 addresses, so names that look numeric must be addresses.
    let last = host.rsplit('.').next().unwrap_or(host);
    let looks_numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    !looks_numeric || host.parse::<Ipv4Addr>().is_ok()
}

/// A repository in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Registry,
    path: String,
}

impl Repository {
    /// The repository `path` of `registry`. A single-component name on Docker Hub means `library/<name>`.
    pub fn new(registry: Registry, path: &str) -> Result<Self, NameError> {
        if !path.split('/').all(is_path_component) {
            return Err(NameError::Repository(path.to_owned()));
        }
        let path =
            if registry.is_docker_hub() && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let length = registry.0.len() + 1 + path.len();
        if length > MAX_REPOSITORY_LENGTH {
            return Err(NameError::TooLong(length));
        }
        Ok(Self { registry, path })
    }

    /// The registry that has the repository.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The name within the registry, e.g. `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Repository {
    type Err = NameError;

    /// Parses `[registry/]path`. A first component without a dot or colon, and not `localhost`, belongs to the path of a
    /// Docker Hub repository.
    fn from_str(name: &str) -> Result<Self, NameError> {
        match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
                Self::new(first.parse()?, path)
            }
            _ => Self::new(Registry::docker_hub(), name),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// The distribution spec's `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path_component(component: &str) -> bool {
    let is_alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_separator = |run: &[u8]| matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-');
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    is_alphanumeric(*first)
        && is_alphanumeric(*last)
        && bytes.split(|b| is_alphanumeric(*b)).filter(|run| !run.is_empty()).all(is_separator)
}

/// One tag of one repository. Sightings are of tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    repository: Repository,
    name: String,
    /// `repository:name`, stored because it is the key of every look-up.
    canonical: String,
}

impl Tag {
    /// Checks `name`: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution spec, "Pulling manifests").
    pub fn new(repository: Repository, name: &str) -> Result<Self, NameError> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let bytes = name.as_bytes();
        let valid = bytes.len() <= MAX_TAG_LENGTH
            && bytes.first().is_some_and(|b| is_word(*b))
            && bytes.iter().all(|b| is_word(*b) || matches!(b, b'.' | b'-'));
        if !valid {
            return Err(NameError::Tag(name.to_owned()));
        }
        let canonical = format!("{repository}:{name}");
        Ok(Self { repository, name: name.to_owned(), canonical })
    }

    /// The repository that has the tag.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag alone, e.g. `3.16.0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// E.g. `index.docker.io/library/alpine:3.16.0`.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The tag that lists the referrers of `digest` in a registry without the referrers API (distribution spec, "Referrers
    /// Tag Schema").
    pub fn referrers(repository: &Repository, digest: &Digest) -> Self {
        // The schema cuts digests to 64 digits.
        let name = format!("{}-{}", digest.algorithm().as_str(), &digest.hex()[..64]);
        let canonical = format!("{repository}:{name}");
        Self { repository: repository.clone(), name, canonical }
    }

    /// Returns whether this tag stands for a digest by convention (`sha256-<64 hex>`, with or without a suffix such as
    /// cosign's `.sig`) and is rewritten by protocol: the referrers tag schema of the distribution spec, and cosign's
    /// signature tags. The schema cuts a sha512 digest to 64 digits too.
    pub fn is_referrers_tag(&self) -> bool {
        let Some(rest) = ["sha256-", "sha512-"].iter().find_map(|prefix| self.name.strip_prefix(prefix)) else {
            return false;
        };
        let is_hex = |hex: &str| hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        rest.split_at_checked(64).is_some_and(|(hex, suffix)| {
            is_hex(hex) && (suffix.is_empty() || suffix.starts_with('.') && suffix.len() > 1)
        })
    }
}

impl FromStr for Tag {
    type Err = NameError;

    /// Parses `[registry/]repository:tag`.
    fn from_str(name: &str) -> Result<Self, NameError> {
        match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => Self::new(repository.parse()?, tag),
            _ => Err(NameError::NoTag(name.to_owned())),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

/// The digest algorithms that the OCI image spec registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// Digests of 64 hexadecimal digits. Sightings are of these alone.
    Sha256,
    /// Digests of 128 hexadecimal digits. Pulls by digest may have them.
    Sha512,
}

impl Algorithm {
    /// The name in a digest, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A content digest, `algorithm:hex`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: String,
}

impl Digest {
    /// The sha256 digest of `content`.
    pub fn sha256(content: &[u8]) -> Self {
        Self { algorithm: Algorithm::Sha256, text: format!("sha256:{}", hex::encode(Sha256::digest(content))) }
    }

    /// Returns whether `content` hashes to this digest.
    pub fn matches(&self, content: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Sha256 => self.hex() == hex::encode(Sha256::digest(content)),
            Algorithm::Sha512 => self.hex() == hex::encode(sha2::Sha512::digest(content)),
        }
    }

    /// The part before the colon.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digits alone, in lower case.
    pub fn hex(&self) -> &str {
        // "sha256:" and "sha512:" have the same length.
        &self.text["sha256:".len()..]
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parse = |(name, hex): (&str, &str)| {
            let (algorithm, length) = match name {
                "sha256" => (Algorithm::Sha256, 64),
                "sha512" => (Algorithm::Sha512, 128),
                _ => return None,
            };
            let is_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            (hex.len() == length && is_hex).then(|| Self { algorithm, text: text.to_owned() })
        };
        text.split_once(':').and_then(parse).ok_or_else(|| NameError::Digest(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A reference to a manifest: by tag or by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A name that may move: a pull by it needs a verdict.
    Tag(Tag),
    /// Fixed content, whose bytes prove themselves.
    Digest(Repository, Digest),
}

impl Reference {
    /// Parses the reference `text` in `repository`. Only a digest has a colon.
    pub fn new(repository: Repository, text: &str) -> Result<Self, NameError> {
        if text.contains(':') {
            Ok(Self::Digest(repository, text.parse()?))
        } else {
            Ok(Self::Tag(Tag::new(repository, text)?))
        }
    }

    /// The repository to ask for the manifest.
    pub fn repository(&self) -> &Repository {
        match self {
            Self::Tag(tag) => tag.repository(),
            Self::Digest(repository, _) => repository,
        }
    }

    /// The tag's name or the digest, as it stands in a URL.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.name(),
            Self::Digest(_, digest) => digest.as_str(),
        }
    }
}
