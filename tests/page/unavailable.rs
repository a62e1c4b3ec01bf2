//! Pages while something cannot be reached.

use std::time::Duration;

use http::Method;
use testing::clock::Clock;
use testing::faulty::{kms, wire};
use tlogistry::config::LogConfig;
use tlogistry::sighting::{LocalKey, Signer};

use crate::{HOST, SIGHTING, Scene, ask, browse, request, service};

/// A port that takes connections and answers nothing, as long as the listener is kept.
async fn silent_port() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn without_the_log_a_sighting_gets_a_page_that_says_so() {
    let scene = Scene::set().await;
    let log = LogConfig::v1(format!("http://{}", wire::closed().await).parse().unwrap(), scene.log.keys.clone());
    let service = service(None, Signer::Local(LocalKey::generate().unwrap()), log, "");
    let page = browse(&service, SIGHTING).await;
    page.assert_page(503).assert_shows(&["Not now", "The evidence cannot be shown now, because", "half a minute"]);
    let json = ask(&service, &request(Method::GET, SIGHTING, HOST, "*/*")).await;
    assert_eq!((json.status.as_u16(), json.header("content-type")), (503, Some("application/json")));
    for answer in [page, json] {
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
}

#[tokio::test]
async fn without_the_key_the_start_is_there_all_the_same() {
    let scene = Scene::set().await;
    let (listener, silent) = silent_port().await;
    let service = service(None, kms::at(&silent), scene.log.clone(), "");
    let mut connection = None;
    let reached = async { connection = Some(listener.accept().await.unwrap()) };
    let (page, took) = Clock::stop().pass_after(reached, browse(&service, "/")).await;
    page.assert_page(200).assert_shows(&["The key cannot be shown now", "docker pull tlog.example.org/alpine:3.16.0"]);
    page.assert_hides(&["BEGIN PUBLIC KEY"]);
    assert!(took < Duration::from_secs(6), "{took:?}");
}
