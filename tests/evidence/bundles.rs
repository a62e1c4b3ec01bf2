//! `/sightings/…`, `/key.pem` and `/trusted-root.json`.

use serde_json::{Value, json};
use testing::client::{get, head};
use testing::image::Image;
use testing::instance::Instance;
use testing::scene::Scene;
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::table::Table;
use tlogistry::evidence::{Bundle, BundleError};
use tlogistry::image::Tag;
use tlogistry::key::PublicKey;
use tlogistry::sighting::LocalKey;
use tlogistry::tlog::LogKeys;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn path() -> String {
    format!("/sightings/{REGISTRY}/{REPOSITORY}:v1")
}

fn tag() -> Tag {
    format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap()
}

#[tokio::test]
async fn a_bundle_holds_all_that_it_takes_to_check_a_sighting() {
    let scene = Scene::set();
    let image = Image::oci("seen");
    scene.stage.push("v1", &image).await;
    let pulled = get(&scene.instance.url("manifests/v1")).await;
    assert_eq!(pulled.header("tlog-first-seen"), "true");

    let (bundle, headed) = (get(&scene.instance.at(&path())).await, head(&scene.instance.at(&path())).await);
    assert_eq!((bundle.status, bundle.header("content-type")), (200, BUNDLE));
    assert_eq!((headed.status, headed.header("content-length")), (200, bundle.header("content-length")));
    let json: Value = serde_json::from_slice(&bundle.bytes).unwrap();
    let entry = &json["verificationMaterial"]["tlogEntries"][0];
    assert_eq!(entry["logIndex"], pulled.header("tlog-logindex"), "numbers are strings in protobuf's JSON");
    assert_eq!(entry["kindVersion"], json!({"kind": "intoto", "version": "0.0.2"}));
    assert!(entry["inclusionProof"]["checkpoint"]["envelope"].is_string(), "{entry}");

    let key = get(&scene.instance.at("/key.pem")).await;
    assert_eq!((key.status, key.header("content-type")), (200, "application/x-pem-file"));
    let own = LocalKey::open_or_generate(&scene.instance.state().join("signing-key.pem")).unwrap();
    assert_eq!(std::str::from_utf8(&key.bytes).unwrap(), own.public_key().pem());

    // Nothing but the bundle and keys is needed.
    let trusted = [PublicKey::from_pem(own.public_key().pem()).unwrap()];
    let log_keys = LogKeys::v1(vec![PublicKey::from_pem(&scene.stage.log.public_key).unwrap()]).unwrap();
    let parsed = Bundle::parse(&bundle.bytes).unwrap();
    let sighting = parsed.verify(&tag(), &log_keys, &trusted).unwrap();
    assert_eq!(sighting.digest(), &image.digest());
    assert_eq!(sighting.time().unwrap().rfc3339(), pulled.header("tlog-integratedtime"));

    // A statement that was not made is not found in it.
    let another: Tag = "alpine:3.16.0".parse().unwrap();
    assert!(matches!(parsed.verify(&another, &log_keys, &trusted), Err(BundleError::OtherTag(_))));
    let stranger = [LocalKey::generate().unwrap().public_key().clone()];
    assert!(matches!(parsed.verify(&tag(), &log_keys, &stranger), Err(BundleError::NotSigned)));
    let other_log = LogKeys::v1(stranger.to_vec()).unwrap();
    assert!(matches!(parsed.verify(&tag(), &other_log, &trusted), Err(BundleError::LogUnverifiable(_))));
}

#[tokio::test]
async fn a_trusted_root_names_the_log_for_sigstores_tools() {
    let scene = Scene::set();
    let answer = get(&scene.instance.at("/trusted-root.json")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let root: Value = serde_json::from_slice(&answer.bytes).unwrap();
    assert_eq!(root["mediaType"], "application/vnd.dev.sigstore.trustedroot+json;version=0.1");
    assert_eq!(root["tlogs"].as_array().map(Vec::len), Some(1), "{root}");
    let log = &root["tlogs"][0];
    let key: String = scene.stage.log.public_key.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(log["publicKey"]["rawBytes"], key);
    assert_eq!(log["publicKey"]["keyDetails"], "PKIX_ECDSA_P256_SHA_256");
    assert_eq!(log["baseUrl"], scene.stage.log.url);
}

/// The log proves an entry in another way each time that it has grown.
#[tokio::test]
async fn a_bundle_is_the_same_bytes_whichever_instance_is_asked_and_whenever() {
    let (stage, table) = (Stage::set(), Table::start().await);
    let (state, mut environment) = (tempfile::tempdir().unwrap(), stage.environment());
    environment.extend(table.credentials().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let ledger = [("LEDGER_TABLE", table.name.as_str()), ("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint)];
    environment.extend(ledger.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let instance = Instance::serve(state.path(), &environment);
    for tag in ["v1", "v2"] {
        stage.push(tag, &Image::oci(tag)).await;
    }
    let at = |instance: &Instance| instance.at(&path());
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);
    let first = get(&at(&instance)).await;
    assert_eq!(first.status, 200, "{first:?}");

    assert_eq!(get(&instance.url("manifests/v2")).await.header("tlog-first-seen"), "true");
    assert_eq!(get(&at(&instance)).await.bytes, first.bytes);
    let another = Instance::serve(state.path(), &environment);
    assert_eq!(get(&at(&another)).await.bytes, first.bytes);
}

#[tokio::test]
async fn any_spelling_of_a_tag_leads_to_its_sighting() {
    let scene = Scene::set();
    let hub = "index.docker.io/library/alpine:3.16.0";
    for spelling in [hub, "docker.io/alpine:3.16.0", "alpine:3.16.0"] {
        let answer = get(&scene.instance.at(&format!("/sightings/{spelling}"))).await;
        assert_eq!(answer.status, 404);
        let (code, message, _) = answer.error();
        let expected = format!("{hub} was never seen here; the first pull of it records it");
        assert_eq!((code, message), ("TAG_UNKNOWN".to_owned(), expected));
    }
    for (name, code) in [("alpine", "TAG_INVALID"), ("Alpine:1", "NAME_INVALID"), ("a:b:c", "NAME_INVALID")] {
        let answer = get(&scene.instance.at(&format!("/sightings/{name}"))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, code), "{name}");
    }
}
