//! Differences between one registry and another.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use testing::image::Image;
use testing::network::Network;
use testing::network::web::status;
use tlogistry::image::Digest;
use url::Url;

/// The token that every token server here gives to anyone.
const TOKEN: &str = "an-anonymous-token";
/// The only tag.
pub const TAG: &str = "v1";
/// The list of it.
pub const TAGS: &str = r#"{"name":"org/app","tags":["v1"]}"#;

#[derive(Clone, Copy)]
pub struct Shape {
    /// As a user writes it before a repository.
    pub name: &'static str,
    /// The URL that is called for it.
    pub host: &'static str,
    pub repository: &'static str,
    /// The authorization that is wanted before anything is answered.
    pub challenge: Challenge,
    pub blobs: Blobs,
    /// Manifests' URL up to the repository, if they are elsewhere.
    pub manifests_at: Option<&'static str>,
    /// True if a GET of a manifest announces its digest, as a HEAD does.
    pub get_announces: bool,
    /// True if the digest in that header lacks its algorithm.
    pub bare_digests: bool,
    /// More headers of a manifest.
    pub headers: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
pub enum Challenge {
    None,
    Basic,
    /// Of one's own repository, unless another scope is written here.
    Bearer {
        realm: &'static str,
        service: &'static str,
        scope: Option<&'static str>,
    },
}

#[derive(Clone, Copy)]
pub enum Blobs {
    /// Sent by the registry itself.
    Here,
    /// Redirected to, at a URL for one method.
    At { status: u16, prefix: &'static str, head: bool },
}

impl Blobs {
    pub const fn at(status: u16, prefix: &'static str) -> Self {
        Self::At { status, prefix, head: true }
    }
}

impl Shape {
    /// A registry that answers everything itself, to anyone.
    pub const fn plain(host: &'static str) -> Self {
        Self {
            name: host,
            host,
            repository: "org/app",
            challenge: Challenge::None,
            blobs: Blobs::Here,
            manifests_at: None,
            get_announces: true,
            bare_digests: false,
            headers: &[],
        }
    }

    pub const fn by_token(host: &'static str, realm: &'static str, service: &'static str, blobs: Blobs) -> Self {
        let mut shape = Self::plain(host);
        shape.challenge = Challenge::Bearer { realm, service, scope: None };
        shape.blobs = blobs;
        shape
    }

    /// Every host that has a part in it.
    pub fn hosts(&self) -> Vec<String> {
        let realm = match self.challenge {
            Challenge::Bearer { realm, .. } => Some(realm),
            _ => None,
        };
        let blobs = match self.blobs {
            Blobs::At { prefix, .. } => Some(prefix),
            Blobs::Here => None,
        };
        let urls = [realm, blobs, self.manifests_at];
        let mut hosts: Vec<_> =
            urls.iter().flatten().filter_map(|url| Some(Url::parse(url).ok()?.host_str()?.to_owned())).collect();
        hosts.push(self.host.to_owned());
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Serves an image in this shape. All hosts but the registry's are its parts: tokens, manifests, blobs.
    pub fn serve(self, network: &Network, image: &Image) {
        let image = Arc::new(image.clone());
        for host in self.hosts() {
            let image = image.clone();
            let is_registry = host == self.host;
            network.web.site(&host, move |request| self.answer(request, &image, is_registry));
        }
    }

    pub fn answer(&self, request: &Request<()>, image: &Image, is_registry: bool) -> Response<Bytes> {
        let path = request.uri().path();
        if let Challenge::Bearer { realm, service, scope } = self.challenge
            && Url::parse(realm).unwrap().path() == path
            && request.uri().query().is_some_and(|query| query.contains("scope="))
        {
            return token(request, service, scope.map_or_else(|| self.scope(), str::to_owned));
        }
        if let Some(digest) = path.rsplit('/').next().filter(|_| request.uri().query().is_some()) {
            return stored(request, image, digest);
        }
        // Only the registry asks for a token.
        if let Some(refusal) = self.refusal(request).filter(|_| is_registry) {
            return refusal;
        }
        let mut parts = path.rsplitn(3, '/');
        match (parts.next(), parts.next()) {
            // Asked by most clients before anything else.
            (Some(""), Some("v2")) => status(200, &[], ""),
            (Some("list"), Some("tags")) => status(200, &[("content-type", "application/json")], TAGS),
            (Some(reference), Some("manifests")) => match self.manifests_at.filter(|_| is_registry) {
                Some(at) => status(307, &[("location", &format!("{at}/manifests/{reference}"))], ""),
                None => self.manifest(request, image, reference),
            },
            (Some(digest), Some("blobs")) => self.blob(request, image, digest),
            _ => status(404, &[], ""),
        }
    }

    fn refusal(&self, request: &Request<()>) -> Option<Response<Bytes>> {
        let bearer = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let is_head_of_blob = request.method() == Method::HEAD && request.uri().path().contains("/blobs/");
        let head = !matches!(self.blobs, Blobs::At { head: false, .. });
        let challenge = match self.challenge {
            Challenge::None => return None,
            Challenge::Bearer { .. } if bearer == Some(format!("Bearer {TOKEN}")) && (head || !is_head_of_blob) => {
                return None;
            }
            Challenge::Basic => format!("Basic realm=\"{}\"", self.host),
            Challenge::Bearer { realm, service, scope } => {
                let scope = scope.map_or_else(|| self.scope(), str::to_owned);
                format!("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"{scope}\"")
            }
        };
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        Some(status(401, &[("www-authenticate", &challenge), ("content-type", "application/json")], body))
    }

    fn scope(&self) -> String {
        format!("repository:{}:pull", self.repository)
    }

    fn manifest(&self, request: &Request<()>, image: &Image, reference: &str) -> Response<Bytes> {
        let digest = image.digest();
        if reference != TAG && reference != digest.as_str() {
            return status(404, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#);
        }
        let mut headers = self.headers.to_vec();
        headers.push(("content-type", image.media_type));
        if self.get_announces || request.method() == Method::HEAD {
            headers.push(("docker-content-digest", if self.bare_digests { digest.hex() } else { digest.as_str() }));
        }
        status(200, &headers, image.manifest.clone())
    }

    fn blob(&self, request: &Request<()>, image: &Image, digest: &str) -> Response<Bytes> {
        match self.blobs {
            Blobs::Here => blob(image, digest),
            Blobs::At { status: code, prefix, .. } => {
                // Some send a page for people with it (quay.io does): nobody reads it.
                let location = format!("{prefix}{digest}?signed={}", request.method());
                status(code, &[("location", &location), ("content-type", "text/html")], "<title>Redirecting...</title>")
            }
        }
    }
}

fn token(request: &Request<()>, service: &str, scope: String) -> Response<Bytes> {
    let url = Url::parse(&format!("https://token.test{}", request.uri())).unwrap();
    let asked = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if asked("service").as_deref() != Some(service) || asked("scope") != Some(scope) {
        return status(400, &[], "");
    }
    status(200, &[], format!(r#"{{"token":"{TOKEN}","access_token":"{TOKEN}","expires_in":300}}"#))
}

/// Storage, which refuses credentials that are not its own and any other method than was signed for.
fn stored(request: &Request<()>, image: &Image, digest: &str) -> Response<Bytes> {
    let signed = request.uri().query() == Some(&format!("signed={}", request.method()));
    if !signed || request.headers().contains_key("authorization") {
        return status(403, &[], "<Error><Code>SignatureDoesNotMatch</Code></Error>");
    }
    blob(image, digest)
}

fn blob(image: &Image, digest: &str) -> Response<Bytes> {
    match image.blobs.iter().find(|blob| Digest::sha256(blob).as_str() == digest) {
        Some(blob) => status(200, &[("docker-content-digest", digest)], blob.clone()),
        None => status(404, &[], r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}"#),
    }
}
