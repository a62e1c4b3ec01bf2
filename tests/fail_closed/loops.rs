//! tlogistry is named as the registry behind tlogistry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use http_body_util::Full;
use hyper::body::Incoming;
use testing::faulty::log::Log;
use testing::service;
use tlogistry::cli::listen;
use tlogistry::http::Service;

use super::world::ask;

/// An instance that knows its own address as `self.test`, and how often it was asked at that. Nothing listens at
/// `down.test`.
async fn instance(log: &Log) -> (Arc<Service>, Arc<AtomicUsize>) {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let insecure = format!("self.test={address}, down.test=127.0.0.1:9");
    let service = Arc::new(service::with_log(log.config()).set("INSECURE_REGISTRIES", insecure).build());
    let asked = Arc::new(AtomicUsize::new(0));
    let (behind, count) = (service.clone(), asked.clone());
    let handler = move |request: http::Request<Incoming>| {
        count.fetch_add(1, Ordering::Relaxed);
        let service = behind.clone();
        async move { service.handle(&request).await.map(|_| Full::<bytes::Bytes>::default()) }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    (service, asked)
}

#[tokio::test]
async fn an_instance_that_is_led_to_itself_asks_itself_once_for_each_method() {
    let log = Log::start().await;
    let (service, asked) = instance(&log).await;
    let name = "self.test/self.test/down.test/";
    let requests = ["manifests/v1".to_owned(), format!("blobs/sha256:{}", "0".repeat(64))];
    for request in requests {
        for method in [Method::GET, Method::HEAD] {
            let path = format!("/v2/{name}app/{request}");
            asked.store(0, Ordering::Relaxed);
            ask(&service, method.clone(), &path).await.assert_refused(403, "DENIED", &["self.test wants credentials"]);
            // A HEAD that was refused is followed by GET.
            let once_or_twice = if method == Method::HEAD { 2 } else { 1 };
            assert_eq!(asked.load(Ordering::Relaxed), once_or_twice, "{method} {path}");
        }
    }
    assert_eq!(log.size().await, 0);
}

#[tokio::test]
async fn a_request_by_tlogistry_is_refused_with_a_reason() {
    let log = Log::start().await;
    let (service, _) = instance(&log).await;
    let path = "/v2/down.test/app/manifests/v1";
    let request = http::Request::get(path).header("user-agent", "tlogistry/9.9").body(()).unwrap();
    let (parts, body) = service.handle(&request).await.into_parts();
    let answer = super::world::Answer { status: parts.status, headers: parts.headers, body };
    answer.assert_refused(
        403,
        "DENIED",
        &["requests through two tlogistry instances are refused: name the registry itself"],
    );
}
