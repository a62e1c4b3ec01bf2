//! Memory: whatever others write costs a small multiple of its bytes, and what is kept has a bound in bytes.
//!
//! One test alone, because everything that this process allocates is counted, the stand-ins' part included. Figures:
//! `cargo test --test memory -- --nocapture`.

mod shapes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Request;
use testing::count;
use testing::faulty::log;
use testing::faulty::wire;
use testing::service;
use tlogistry::http::Service;
use tlogistry::image::Digest;

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

const MANIFEST: &str = r#"{"schemaVersion":2}"#;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The memory that a document of 4 MiB may make an instance hold while it is answered: the bytes as they were read and
/// as they are sent, and half as much again for reading and checking them.
const MOST_PER_BYTE: f64 = 3.0;
/// The bound for all tokens and all challenges: 4 and 1 MiB, and the caches' own needs.
const MOST_KEPT_MIB: f64 = 8.0;

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A service in front of a registry of many names, which answers what `answer` says.
async fn service(
    names: usize,
    answer: impl Fn(&Request<Bytes>, &str) -> http::Response<Bytes> + Send + Sync + 'static,
) -> Arc<Service> {
    let answer = Arc::new(answer);
    let address = wire::serve(move |request| {
        let answer = answer.clone();
        async move {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            wire::whole(answer(&request, &host))
        }
    });
    let address = address.await;
    let opened: Vec<String> = (0..names).map(|number| format!("{}={address}", name(number))).collect();
    let builder = service::with_log(log::Log::start().await.config()).set("INSECURE_REGISTRIES", opened.join(","));
    Arc::new(builder.set("MANIFEST_CACHE_BYTES", 0).build())
}

fn name(number: usize) -> String {
    format!("r{number}.test")
}

async fn get(service: &Service, path: &str) -> (u16, Bytes) {
    let answer = service::get(service, path).await;
    (answer.status, answer.bytes)
}

/// MiB that were held at most while a path was asked for, beyond what was held before.
async fn held(service: &Service, path: &str) -> (u16, Bytes, f64) {
    let before = count::begin_peak();
    let (status, body) = get(service, path).await;
    (status, body, mib(count::peak().saturating_sub(before)))
}

#[tokio::test]
async fn what_others_write_costs_little_more_than_its_bytes() {
    let mut faults = lists_and_manifests().await;
    faults.extend(compared().await);
    faults.extend(kept(16 << 10, 4_000, 400).await);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Lists of referrers, to which an attestation of ours is added, and manifests of the same shapes.
async fn lists_and_manifests() -> Vec<String> {
    let mut faults = Vec::new();
    for (shape, document) in shapes::all() {
        let document: &'static [u8] = document.leak();
        let service = service(1, move |request, _| {
            let status = |media_type, body: Bytes| wire::status(200, &[("content-type", media_type)], body);
            match request.uri().path() {
                path if path.ends_with("/v1") => status(OCI_MANIFEST, Bytes::from_static(MANIFEST.as_bytes())),
                _ => status(OCI_INDEX, Bytes::from_static(document)),
            }
        });
        let service = service.await;
        assert_eq!(get(&service, "/v2/r0.test/app/manifests/v1").await.0, 200);
        let digest = Digest::sha256(MANIFEST.as_bytes());
        let (status, list, list_held) = held(&service, &format!("/v2/r0.test/app/referrers/{digest}")).await;
        // A document that is not UTF-8 cannot be an index.
        assert_eq!(status, if std::str::from_utf8(document).is_ok() { 200 } else { 502 }, "{shape}");
        assert!(status == 502 || list.len() > document.len() + 300, "{shape}: nothing was added");
        drop(list);
        let path = format!("/v2/r0.test/app/manifests/{}", Digest::sha256(document));
        let (status, _, manifest_held) = held(&service, &path).await;
        assert_eq!(status, 200, "{shape}");
        let size = mib(document.len());
        println!("{size:.1} MiB, {shape}: as referrers {list_held:.1} MiB, as a manifest {manifest_held:.1} MiB");
        for (what, held) in [("referrers", list_held), ("manifest", manifest_held)] {
            if held > MOST_PER_BYTE * size {
                faults.push(format!("{shape}, {what}: {held:.1} MiB for {size:.1} MiB"));
            }
        }
    }
    faults
}

/// Refusals that compare two manifests of the same shape: the recorded one and the current one are both there.
async fn compared() -> Vec<String> {
    let mut faults = Vec::new();
    for (shape, document) in shapes::all() {
        let (size, document) = (mib(document.len()), Bytes::from(document));
        let moved = Bytes::from([&document[..], b" "].concat());
        let has_moved = Arc::new(AtomicBool::new(false));
        let (recorded, switch) = (document.clone(), has_moved.clone());
        let service = service(1, move |request, _| {
            let is_current = request.uri().path().ends_with("/v1") && switch.load(Ordering::Relaxed);
            let body = if is_current { &moved } else { &recorded };
            wire::status(200, &[("content-type", OCI_INDEX)], body.clone())
        });
        let service = service.await;
        let path = "/v2/r0.test/app/manifests/v1";
        assert_eq!(get(&service, path).await.0, 200, "{shape}");
        has_moved.store(true, Ordering::Relaxed);
        let (status, _, held) = held(&service, path).await;
        assert_eq!(status, 403, "{shape}");
        println!("2 x {size:.1} MiB, {shape}: compared in {held:.1} MiB");
        if held > MOST_PER_BYTE * 2.0 * size {
            faults.push(format!("{shape}, compared: {held:.1} MiB for 2 x {size:.1} MiB"));
        }
    }
    faults
}

/// Tokens of `size` bytes for two repositories of each registry, each of which sends a challenge of `padding` bytes.
async fn kept(size: usize, padding: usize, registries: usize) -> Vec<String> {
    let token: &'static str = format!(r#"{{"token":"{}","expires_in":3600}}"#, "t".repeat(size)).leak();
    let service = service(registries, move |request, host| match request.uri().path() {
        "/token" => wire::status(200, &[], token),
        _ if request.headers().contains_key("authorization") => wire::status(404, &[], ""),
        _ => {
            let challenge = format!("Bearer realm=\"http://{host}/token?{}\"", "x".repeat(padding));
            wire::status(401, &[("www-authenticate", &challenge)], "")
        }
    });
    let service = service.await;
    let before = count::begin_peak();
    for number in 0..registries {
        for repository in ["a", "b"] {
            let zeros = "0".repeat(64);
            let path = format!("/v2/{}/{repository}/manifests/sha256:{zeros}", name(number));
            assert_eq!(get(&service, &path).await.0, 404, "{path}");
        }
    }
    let kept = mib(count::begin_peak().saturating_sub(before));
    let tokens = 2 * registries;
    println!("{tokens} tokens of {size} bytes, {registries} challenges of {padding}: {kept:.1} MiB are kept");
    if kept > MOST_KEPT_MIB { vec![format!("{tokens} tokens of {size} bytes: {kept:.1} MiB")] } else { Vec::new() }
}
