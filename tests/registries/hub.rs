//! Docker Hub with its limit on pulls, mirrors of it, and a service in this process that asks them by their names.
//!
//! The limit, and that a HEAD does not count: <https://docs.docker.com/docker-hub/usage/pulls/>. What is counted are GETs of
//! manifests, 100 in six hours for an IPv4 address, and the headers say what remains. mirror.gcr.io:
//! <https://cloud.google.com/artifact-registry/docs/pull-cached-dockerhub-images>; it answers as gcr.io does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use testing::clock::Clock;
use testing::image::Image;
use testing::log;
use testing::network::Network;
use testing::network::web::status;
use testing::service::{self, Builder};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tokio::time::Instant;

pub const HUB: &str = "registry-1.docker.io";
pub const MIRROR: &str = "mirror.gcr.io";
/// Another mirror, and a registry that is not Docker Hub.
pub const ECR: &str = "public.ecr.aws";
pub const OTHER: &str = "registry.example";
const TOKENS: &str = "auth.docker.io";
const STORAGE: &str = "production.cloudflare.docker.com";
pub const HUB_BLOBS: &str = "https://production.cloudflare.docker.com/blobs/";
pub const MIRROR_BLOBS: &str = "https://mirror.gcr.io/artifacts-downloads/";
const TAG: &str = "v1";

/// Docker Hub's documented limit.
pub const ALLOWED: usize = 100;
pub const WINDOW: Duration = Duration::from_secs(6 * 3600);

/// An internet with Docker Hub, a mirror of it and a log. Time stands still in it.
pub struct Internet {
    pub network: Network,
    pub log: LogConfig,
    pub hub: Hub,
    _clock: Clock,
}

impl Internet {
    /// With these images, by repository.
    pub async fn of(images: &[(&str, &Image)]) -> Self {
        let hosts = [HUB, TOKENS, STORAGE, MIRROR, ECR, OTHER];
        let network = Network::start(&hosts).await;
        for (number, host) in hosts.iter().enumerate() {
            network.names.lead(host, &[&format!("93.184.215.{}", number + 1)]);
        }
        let (_, log) = log::start().await;
        let images: BTreeMap<_, _> =
            images.iter().map(|(name, image)| ((*name).to_owned(), (*image).clone())).collect();
        let hub = Hub { images: Arc::new(images.clone()), counted: Arc::default() };
        let answering = hub.clone();
        network.web.site(HUB, move |request| answering.answer(request));
        network.web.site(TOKENS, |_| token("hub"));
        let storing = hub.clone();
        network.web.site(STORAGE, move |request| stored(request, &storing.images));
        network.web.site(MIRROR, mirror(&hub, "", MIRROR_BLOBS));
        Self { network, log, hub, _clock: Clock::stop() }
    }

    pub fn service(&self) -> Builder {
        service::with_log(self.log.clone())
    }

    pub fn start(&self) -> Service {
        self.service().build()
    }

    /// The requests since this was called last, without those for tokens: `GET hub library/alpine/manifests/v1`.
    pub fn asked(&self) -> Vec<String> {
        let short = |asked: String| {
            let (method, url) = asked.split_once(' ').unwrap();
            let (host, path) = url.split_once('/').unwrap();
            let path = path.strip_prefix("v2/").filter(|path| !path.starts_with("token"))?;
            let host = if host == HUB { "hub" } else { host };
            Some(format!("{method} {host} {}", path.replace("sha256:", "").replace(' ', "")))
        };
        self.network.web.asked().into_iter().filter_map(short).collect()
    }

    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

/// Clones are one registry.
#[derive(Clone)]
pub struct Hub {
    images: Arc<BTreeMap<String, Image>>,
    counted: Arc<Mutex<Counted>>,
}

#[derive(Default)]
struct Counted {
    /// Pulls within the window.
    pulls: VecDeque<Instant>,
    metered: usize,
    refused: usize,
}

impl Hub {
    /// Somebody else behind the same address uses all that is left.
    pub fn use_up(&self) {
        self.counted.lock().unwrap().pulls.resize(ALLOWED, Instant::now());
    }

    /// Somebody else uses all that is left but this.
    pub fn leave(&self, left: usize) {
        self.counted.lock().unwrap().pulls.resize(ALLOWED - left, Instant::now());
    }

    /// The requests that were counted, and those that were refused.
    pub fn metered(&self) -> (usize, usize) {
        let counted = self.counted.lock().unwrap();
        (counted.metered, counted.refused)
    }

    pub fn answer(&self, request: &Request<()>) -> Response<Bytes> {
        if request.headers().get("authorization").is_none_or(|bearer| bearer != "Bearer hub") {
            let challenge = format!("Bearer realm=\"https://{TOKENS}/token\",service=\"registry.docker.io\"");
            return status(401, &[("www-authenticate", &challenge)], "");
        }
        let Some((name, kind, reference)) = parts(request) else { return status(404, &[], "") };
        if kind != "manifests" {
            return blob(request, self.images.get(name), reference, HUB_BLOBS);
        }
        let found = self.images.get(name).and_then(|image| find(image, reference));
        let mut counted = self.counted.lock().unwrap();
        counted.pulls.retain(|pull| pull.elapsed() < WINDOW);
        if request.method() == Method::GET {
            if counted.pulls.len() >= ALLOWED {
                counted.refused += 1;
                return limited(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600")]);
            }
            if found.is_some() {
                counted.pulls.push_back(Instant::now());
                counted.metered += 1;
            }
        }
        let remaining = format!("{};w=21600", ALLOWED - counted.pulls.len());
        manifest(found, &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", &remaining)])
    }
}

/// The answers of a mirror that has what Docker Hub has, its repositories below `prefix`. It gives anyone a token of its own.
pub fn mirror(
    hub: &Hub,
    prefix: &'static str,
    blobs: &'static str,
) -> impl Fn(&Request<()>) -> Response<Bytes> + Send + Sync + 'static {
    let images = hub.images.clone();
    move |request| {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        if request.uri().path() == "/v2/token" {
            return token(&host);
        }
        if request.uri().query().is_some() {
            return stored(request, &images);
        }
        let bearer = request.headers().get("authorization").map(|bearer| bearer.to_str().unwrap().to_owned());
        if bearer != Some(format!("Bearer {host}")) {
            assert_eq!(bearer, None, "another's token");
            let challenge = format!("Bearer realm=\"https://{host}/v2/token\",service=\"{host}\"");
            return status(401, &[("www-authenticate", &challenge)], "");
        }
        let Some((name, kind, reference)) = parts(request) else { return status(404, &[], "") };
        assert!(reference.starts_with("sha256:"), "a mirror was asked for a tag: {}", request.uri());
        let image = name.strip_prefix(prefix).and_then(|name| images.get(name));
        match kind {
            "manifests" => manifest(image.and_then(|image| find(image, reference)), &[]),
            _ => blob(request, image, reference, blobs),
        }
    }
}

pub fn limited(headers: &[(&str, &str)]) -> Response<Bytes> {
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
    status(429, headers, body)
}

fn token(token: &str) -> Response<Bytes> {
    status(200, &[], format!(r#"{{"token":"{token}","expires_in":300}}"#))
}

/// Repository, kind and reference of a path.
pub fn parts(request: &Request<()>) -> Option<(&str, &str, &str)> {
    let (rest, reference) = request.uri().path().strip_prefix("/v2/")?.rsplit_once('/')?;
    let (name, kind) = rest.rsplit_once('/')?;
    Some((name, kind, reference))
}

/// The image under a tag or a digest.
fn find<'a>(image: &'a Image, reference: &str) -> Option<&'a Image> {
    if reference == TAG {
        return Some(image);
    }
    std::iter::once(image).chain(&image.images).find(|image| image.digest().as_str() == reference)
}

/// The answer to GET and HEAD: the server leaves a HEAD's body out.
pub fn manifest(image: Option<&Image>, headers: &[(&str, &str)]) -> Response<Bytes> {
    let Some(image) = image else {
        return status(404, headers, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#);
    };
    let digest = image.digest();
    let own = [("content-type", image.media_type), ("docker-content-digest", digest.as_str())];
    status(200, &[headers, &own[..]].concat(), image.manifest.clone())
}

/// Storage, which knows what a URL was signed for.
fn stored(request: &Request<()>, images: &BTreeMap<String, Image>) -> Response<Bytes> {
    let signed = request.uri().query() == Some(&format!("signed={}", request.method()));
    let digest = request.uri().path().rsplit('/').next().unwrap();
    let mut blobs =
        images.values().flat_map(|image| std::iter::once(image).chain(&image.images)).flat_map(|image| &image.blobs);
    match blobs.find(|blob| Digest::sha256(blob).as_str() == digest).filter(|_| signed) {
        Some(blob) => status(200, &[], blob.clone()),
        None => status(403, &[], "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
    }
}

fn blob(request: &Request<()>, image: Option<&Image>, digest: &str, at: &str) -> Response<Bytes> {
    let images = image.into_iter().flat_map(|image| std::iter::once(image).chain(&image.images));
    match images.flat_map(|image| &image.blobs).find(|blob| Digest::sha256(blob).as_str() == digest) {
        Some(_) => status(307, &[("location", &format!("{at}{digest}?signed={}", request.method()))], ""),
        None => status(404, &[], r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}"#),
    }
}
