//! Anyone can file entries under a tag's hash, thousands of them. They cost time and change no answer.

#[path = "support/log.rs"]
mod log;
#[path = "support/registry.rs"]
mod registry;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use tlogistry::config::{Config, LogConfig};
use tlogistry::deadline::Deadline;
use tlogistry::devlog::Devlog;
use tlogistry::http::{Body, Service};
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{Ledger, MemoryLedger};
use tlogistry::setup;
use tlogistry::sighting::{LocalKey, Signer};

const STRANGERS: usize = 1_500;

/// An instance with an empty ledger and the key in `folder`.
fn instance(registry: &str, log: &LogConfig, folder: &tempfile::TempDir, budget: Duration) -> Service {
    let config = Config::read(|name| match name {
        "INSECURE_REGISTRIES" => Some(format!("registry.test={registry}")),
        "REQUEST_TIMEOUT_MS" => Some(budget.as_millis().to_string()),
        _ => None,
    });
    let signer = Signer::Local(LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap());
    let ledger = Ledger::Memory(MemoryLedger::default());
    setup::service(&config.unwrap(), ledger, signer, log.clone()).unwrap()
}

async fn pull(instance: &Service) -> (u16, String) {
    let request = Request::get("/v2/registry.test/app/manifests/v1").body(()).unwrap();
    let response = instance.handle(&request).await;
    let status = response.status().as_u16();
    let Body::Bytes(body) = response.into_body() else { panic!("a GET is answered with bytes") };
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Files entries under the tag's hash that are signed by a stranger, each about another digest.
async fn crowd(devlog: &Devlog, tag: &Tag) {
    let stranger = Signer::Local(LocalKey::generate().unwrap());
    let uploads = (0..STRANGERS).map(|number| {
        let stranger = &stranger;
        async move {
            let digest = Digest::sha256(format!("stranger {number}").as_bytes());
            let deadline = Deadline::after(Duration::from_secs(60));
            let entry = stranger.sign(tag, &digest, deadline).await.unwrap().signed_payload().proposed_entry();
            let request = Request::post("/api/v1/log/entries").header("content-type", "application/json");
            let answer = devlog.handle(request.body(Bytes::from(entry)).unwrap()).await;
            assert_eq!(answer.status(), 201);
        }
    });
    stream::iter(uploads).buffer_unordered(4).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_entries_are_looked_through_in_time_or_the_pull_fails_closed() {
    let image = Arc::new(Mutex::new(registry::image("a")));
    let served = image.clone();
    let registry = registry::start(move |_| Some(served.lock().unwrap().clone())).await;
    let (devlog, log) = log::start().await;
    let folder = tempfile::tempdir().unwrap();
    let tag: Tag = "registry.test/app:v1".parse().unwrap();
    let patient = || instance(&registry, &log, &folder, Duration::from_secs(25));

    crowd(&devlog, &tag).await;
    let began = Instant::now();
    let (status, body) = pull(&patient()).await;
    println!("{STRANGERS} entries by strangers looked through in {:.1?}", began.elapsed());
    assert_eq!(status, 200, "{body}");
    assert_eq!(body, String::from_utf8_lossy(&image.lock().unwrap()));

    *image.lock().unwrap() = registry::image("b");
    let (status, body) = pull(&patient()).await;
    assert!(status == 403 && body.contains("has moved"), "one entry of ours among them counts: {status} {body}");

    let hasty = instance(&registry, &log, &folder, Duration::from_millis(100));
    let (status, body) = pull(&hasty).await;
    assert!(status == 503 && body.contains("more than could be checked"), "{status} {body}");
}

/// A key id may be of any length, and two entries with long ones are more than one answer may hold.
#[tokio::test(flavor = "multi_thread")]
async fn large_entries_of_strangers_are_looked_through_too() {
    let image = Arc::new(Mutex::new(registry::image("a")));
    let served = image.clone();
    let registry = registry::start(move |_| Some(served.lock().unwrap().clone())).await;
    let (devlog, log) = log::start().await;
    let folder = tempfile::tempdir().unwrap();
    let tag: Tag = "registry.test/app:v1".parse().unwrap();
    let stranger = Signer::Local(LocalKey::generate().unwrap());
    for text in ["b", "c"] {
        let digest = Digest::sha256(text.as_bytes());
        let statement = stranger.sign(&tag, &digest, Deadline::after(Duration::from_secs(60))).await.unwrap();
        let mut entry: serde_json::Value =
            serde_json::from_slice(&statement.signed_payload().proposed_entry()).unwrap();
        entry["spec"]["content"]["envelope"]["signatures"][0]["keyid"] = text.repeat(3_300_000).into();
        let request = Request::post("/api/v1/log/entries").header("content-type", "application/json");
        let answer = devlog.handle(request.body(Bytes::from(entry.to_string())).unwrap()).await;
        assert_eq!(answer.status(), 201);
    }
    let (status, body) = pull(&instance(&registry, &log, &folder, Duration::from_secs(25))).await;
    assert_eq!(status, 200, "{body}");

    *image.lock().unwrap() = registry::image("b");
    let (status, body) = pull(&instance(&registry, &log, &folder, Duration::from_secs(25))).await;
    assert!(status == 403 && body.contains("has moved"), "one entry of ours among them counts: {status} {body}");
}
