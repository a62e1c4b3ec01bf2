//! An edge in front: nothing gets past it, it is believed whose request it passes on, and its secret can be changed
//! while clients pull.

use std::net::IpAddr;

use http::{Method, Request};
use serde_json::Value;
use testing::client::{Answer, client, send};
use testing::instance::Instance;
use testing::log;
use testing::service::{self, Builder, ask};
use testing::tags::{Tags, manifest};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::rate_limit::Source;

const OLD: &str = "old-secret-old-secret-old-secret";
const NEW: &str = "new-secret-new-secret-new-secret";
const PUBLIC: &str = "registry.example.com";
/// The connection's address. Behind an edge, that is one of the edge's.
const PEER: &str = "192.0.2.1";

struct Scene {
    tags: Tags,
    log: LogConfig,
}

impl Scene {
    async fn set() -> Self {
        let tags = Tags::start().await;
        for name in ["v1", "v2", "v3"] {
            tags.push(name, name);
        }
        Self { tags, log: log::start().await.1 }
    }

    fn instance(&self) -> Builder {
        service::with_log(self.log.clone()).registry(&self.tags.address)
    }

    /// An instance behind an edge that has one of `secrets`.
    fn behind(&self, secrets: &str) -> Builder {
        self.instance().set("PUBLIC_HOST", PUBLIC).set("EDGE_SECRETS", secrets)
    }
}

/// Sends a request as an edge with `secret` does for `viewer`.
async fn through(service: &Service, secret: &str, path: &str, viewer: &str) -> Answer {
    let request = request(path).header("x-tlogistry-edge", secret).header("cloudfront-viewer-address", viewer);
    ask(service, &from_peer(request)).await
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().method(Method::GET).uri(path).header("host", "origin.example.com")
}

fn from_peer(request: http::request::Builder) -> Request<()> {
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(Source::from(PEER.parse::<IpAddr>().unwrap()));
    request
}

#[tokio::test]
async fn nothing_gets_past_the_edge() {
    let scene = Scene::set().await;
    let instance = scene.behind(OLD).build();
    let digest = scene.tags.push("v1", "v1");
    let by_digest = manifest(digest.as_str());
    for path in ["/", "/healthz", "/v2/", &manifest("v1"), &by_digest, "/key.pem", "/trusted-root.json", "/nowhere"] {
        for secret in [None, Some(NEW), Some("")] {
            let mut sent = request(path).header("cloudfront-viewer-address", "198.51.100.10:46532");
            if let Some(secret) = secret {
                sent = sent.header("x-tlogistry-edge", secret);
            }
            let refused = ask(&instance, &from_peer(sent)).await;
            assert_eq!(refused.status, 403, "{path} {secret:?}");
            let (code, message, _) = refused.error();
            let expected = "this address is not for clients: ask registry.example.com";
            assert_eq!((code.as_str(), message.as_str()), ("DENIED", expected), "{path}");
        }
    }
    assert_eq!(through(&instance, OLD, &manifest("v1"), "198.51.100.10:1").await.header("tlog-first-seen"), "true");
    assert_eq!(through(&instance, OLD, "/healthz", "").await.status, 200);
}

/// First the instance takes both, then the edge sends the new one, then the instance takes that alone.
#[tokio::test]
async fn a_secret_is_changed_without_one_refusal() {
    let scene = Scene::set().await;
    for (valid, sent) in
        [(OLD.to_owned(), OLD), (format!("{OLD},{NEW}"), OLD), (format!("{OLD},{NEW}"), NEW), (NEW.to_owned(), NEW)]
    {
        let instance = scene.behind(&valid).build();
        assert_eq!(through(&instance, sent, "/v2/", "198.51.100.10:1").await.status, 200, "{sent}");
    }
    assert_eq!(through(&scene.behind(NEW).build(), OLD, "/v2/", "198.51.100.10:1").await.status, 403);
}

#[tokio::test]
async fn first_sights_are_charged_to_the_client_whom_the_edge_names() {
    let scene = Scene::set().await;
    let instance = scene.behind(OLD).first_sights(100, 1).build();
    let pull = async |tag: &str, viewer: &str| through(&instance, OLD, &manifest(tag), viewer).await.status;
    assert_eq!(pull("v1", "198.51.100.10:46532").await, 200);
    assert_eq!(pull("v2", "198.51.100.10:50000").await, 429, "the same client from another port");
    assert_eq!(pull("v2", "198.51.100.11:46532").await, 200);
    // Clients whom the edge does not name are one.
    assert_eq!([pull("v3", "").await, pull("v1", "").await], [200, 200], "a known tag is free");
    let scene = Scene::set().await;
    let instance = scene.behind(OLD).first_sights(100, 1).build();
    let unnamed = async |tag: &str| through(&instance, OLD, &manifest(tag), "nobody").await.status;
    assert_eq!([unnamed("v1").await, unnamed("v2").await], [200, 429]);
}

#[tokio::test]
async fn without_an_edge_a_client_cannot_name_itself() {
    let scene = Scene::set().await;
    let instance = scene.instance().first_sights(100, 1).build();
    let pull = async |tag: &str, viewer: &str| through(&instance, OLD, &manifest(tag), viewer).await.status;
    assert_eq!(pull("v1", "198.51.100.10:1").await, 200);
    assert_eq!(pull("v2", "198.51.100.11:1").await, 429, "both are the connection's");
}

#[tokio::test]
async fn pages_show_the_public_host_whatever_host_was_asked() {
    let scene = Scene::set().await;
    for instance in [scene.behind(OLD).build(), scene.instance().set("PUBLIC_HOST", PUBLIC).build()] {
        let asked = request("/").header("accept", "text/html").header("x-tlogistry-edge", OLD);
        let page = ask(&instance, &from_peer(asked)).await;
        let text = String::from_utf8(page.bytes.to_vec()).unwrap();
        assert!(text.contains("docker pull registry.example.com/alpine:3.16.0"), "{text}");
        assert!(!text.contains("origin.example.com"), "{text}");
    }
    let page = ask(&scene.instance().build(), &from_peer(request("/").header("accept", "text/html"))).await;
    assert!(String::from_utf8_lossy(&page.bytes).contains("docker pull origin.example.com/alpine:3.16.0"));
}

#[tokio::test]
async fn the_line_has_the_network_of_the_client_whom_the_edge_names_and_no_secret() {
    let state = tempfile::tempdir().unwrap();
    let environment = [("EDGE_SECRETS", OLD), ("LOG_FORMAT", "json")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let instance = Instance::serve(&state.path().join("state"), &environment);
    let ask = async |secret: &str| {
        let asked = client().get(format!("http://{}/v2/", instance.address)).header("x-tlogistry-edge", secret);
        send(asked.header("cloudfront-viewer-address", "198.51.100.10:46532")).await.status
    };
    for (secret, status, site) in [(OLD, 200, "198.51.100.0/24"), (NEW, 403, "127.0.0.0/24")] {
        assert_eq!(ask(secret).await, status);
        instance.wait_for(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["status"] == status && line["site"] == site).then_some(())
        });
    }
    assert_eq!(instance.process().count(|line| [OLD, NEW, "198.51.100.10"].iter().any(|part| line.contains(part))), 0);
}
