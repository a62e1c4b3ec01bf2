//! The pages of an instance that records in a Rekor v2: no time and no search is claimed, and no command asks for one.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use testing::faulty::log::Log;
use testing::{log, registry};
use tlogistry::config::LogConfig;
use tlogistry::devlog::Options;
use tlogistry::sighting::{LocalKey, Signer};
use tlogistry::tlog::{LogKeys, RekorApi};

use crate::{SIGHTING, ask, browse, pull, service};

const VERIFY: &str = "tlogistry-cli verify \\\n--key key.pem --trusted-root trusted-root.json \\\n--instance \
                      https://tlog.example.org/ registry.test/demo/app:v1";

#[tokio::test]
async fn a_sighting_is_checked_by_what_the_instance_has_and_by_no_search() {
    let registry = registry::start(|_| Some(registry::image("shown"))).await;
    let log = log::start_with(Options::of(RekorApi::V2)).await.1;
    let service = service(Some(&registry), Signer::Local(LocalKey::generate().unwrap()), log, "");
    assert_eq!(ask(&service, &pull("v1")).await.status, 200);
    let page = browse(&service, SIGHTING).await;
    page.assert_page(200).assert_shows(&[
        "The log signs no time.",
        "curl -fsSo trusted-root.json https://tlog.example.org/trusted-root.json",
        VERIFY,
        "a log of this kind lists none",
        "cosign verify-blob-attestation",
    ]);
    page.assert_hides(&["rekor-cli", "api/v1/log/publicKey", "First seen</dt><dd><time"]);
    browse(&service, "/").await.assert_page(200).assert_hides(&["rekor-cli", "api/v1/log/publicKey"]);
}

#[tokio::test]
async fn after_a_move_a_tag_of_the_old_log_is_shown_with_that_log() {
    let registry = registry::start(|_| Some(registry::image("shown"))).await;
    let (old, new) = (Log::start().await, Log::v2().await);
    let keys = new.config().keys.iter().chain(old.config().keys.iter()).cloned().collect();
    let moved = LogConfig { keys: LogKeys::new(keys).unwrap(), earlier: vec![old.config().url], ..new.config() };
    let key = LocalKey::generate().unwrap();
    let service = service(Some(&registry), Signer::Local(key), moved, "");
    assert_eq!(ask(&service, &pull("v2")).await.status, 200);
    let v2 = browse(&service, &SIGHTING.replace("v1", "v2")).await;
    v2.assert_page(200).assert_hides(&["rekor-cli"]);
    // The trusted root names each log by its own address.
    let root = ask(&service, &http::Request::get("/trusted-root.json").body(()).unwrap()).await;
    let old_url = old.config().url.as_str().trim_end_matches('/').to_owned();
    root.assert_shows(&[&format!("\"baseUrl\":\"{old_url}\""), "\"baseUrl\":\"https://127.0.0.1\""]);
}

#[tokio::test]
async fn the_trusted_root_names_each_of_several_earlier_logs_by_its_own_address() {
    let registry = registry::start(|_| Some(registry::image("shown"))).await;
    let (new, old) = (Log::v2().await, [Log::start().await, Log::start().await]);
    let of = |log: &Log| log.config().keys.iter().cloned().collect::<Vec<_>>();
    let keys = LogKeys::new([of(&new), of(&old[0]), of(&old[1])].concat()).unwrap();
    let earlier = old.iter().map(|log| log.config().url).collect();
    let moved = LogConfig { keys, earlier, ..new.config() };
    let service = service(Some(&registry), Signer::Local(LocalKey::generate().unwrap()), moved, "");
    let root = ask(&service, &http::Request::get("/trusted-root.json").body(()).unwrap()).await;
    let root: serde_json::Value = serde_json::from_str(&root.text).unwrap();
    let logs = root["tlogs"].as_array().unwrap();
    assert_eq!((logs.len(), &logs[0]["baseUrl"]), (3, &"https://127.0.0.1".into()));
    for (named, log) in logs[1..].iter().zip(&old) {
        let config = log.config();
        let der = config.keys.iter().next().unwrap().public_key().der().to_vec();
        assert_eq!(named["baseUrl"], config.url.as_str().trim_end_matches('/'));
        let bytes = named["publicKey"]["rawBytes"].as_str().unwrap();
        assert_eq!(BASE64_STANDARD.decode(bytes).unwrap(), der);
    }
}
