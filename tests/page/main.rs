//! The pages for people: what they show, to whom, and that nothing from outside becomes more than text.

mod hostile;
mod negotiation;
mod rekor_v2;
mod shown;
mod unavailable;

use http::{HeaderMap, Method, Request, StatusCode};
use testing::{log, registry, service};
use tlogistry::config::LogConfig;
use tlogistry::http::{Body, Service};
use tlogistry::image::Digest;
use tlogistry::key::PublicKey;
use tlogistry::sighting::{LocalKey, Signer};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
const HOST: &str = "tlog.example.org";
/// The page of `registry.test/demo/app:v1`.
const SIGHTING: &str = "/sightings/registry.test/demo/app:v1";

struct Scene {
    service: Service,
    key: PublicKey,
    log: LogConfig,
    /// Of what the registry serves for every tag.
    digest: Digest,
}

impl Scene {
    /// An instance that has seen `registry.test/demo/app:v1`.
    async fn set() -> Self {
        let image = registry::image("shown");
        let digest = Digest::sha256(&image);
        let registry = registry::start(move |_| Some(image.clone())).await;
        let (log, key) = (log::start().await.1, LocalKey::generate().unwrap());
        let public = key.public_key().clone();
        let service = service(Some(&registry), Signer::Local(key), log.clone(), "");
        let scene = Self { service, key: public, log, digest };
        assert_eq!(ask(&scene.service, &pull("v1")).await.status, StatusCode::OK);
        scene
    }

    /// The answer to a browser.
    async fn browse(&self, path: &str) -> Answer {
        browse(&self.service, path).await
    }
}

fn service(registry: Option<&str>, signer: Signer, log: LogConfig, trusted: &str) -> Service {
    let builder = service::with_log(log).signer(signer).set("TRUSTED_KEYS", trusted);
    match registry {
        Some(address) => builder.registry(address),
        None => builder,
    }
    .build()
}

fn pull(tag: &str) -> Request<()> {
    Request::get(format!("/v2/registry.test/demo/app/manifests/{tag}")).body(()).unwrap()
}

async fn browse(service: &Service, path: &str) -> Answer {
    ask(service, &request(Method::GET, path, HOST, BROWSER)).await
}

fn request(method: Method, path: &str, host: &str, accept: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(path).header("host", host).header("accept", accept);
    request.body(()).unwrap()
}

async fn ask(service: &Service, request: &Request<()>) -> Answer {
    let (parts, body) = service.handle(request).await.into_parts();
    let Body::Bytes(bytes) = body else { panic!("an answer of unknown bytes") };
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is a page with this status.
    #[track_caller]
    fn assert_page(&self, status: u16) -> &Self {
        assert_eq!((self.status.as_u16(), self.header("content-type")), (status, Some(HTML)), "{self:?}");
        assert!(self.text.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{self:?}");
        assert_eq!(self.text.matches("<h1").count(), 1, "{}", self.text);
        self
    }

    #[track_caller]
    fn assert_shows(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.text.contains(part), "{part} is missing: {}", self.text);
        }
        self
    }

    #[track_caller]
    fn assert_hides(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(!self.text.contains(part), "{part} is there: {}", self.text);
        }
        self
    }
}

const HTML: &str = "text/html; charset=utf-8";
