//! The function itself, with ready events: of each route, and of everything else that can invoke a function.
//!
//! `make invoke` shows the first of these at work. The function runs under `cargo lambda watch`, and each event goes to it by
//! `cargo lambda invoke`. Beside it are the stand-in for KMS, DynamoDB Local, the embedded log and a registry.

mod fixtures;
mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use testing::image::{Image, OCI_INDEX, OCI_MANIFEST};
use testing::instance::Instance;
use testing::kms::Kms;
use testing::process::root;
use testing::stage::Stage;
use testing::table::Table;
use tlogistry::http::Route;
use tlogistry::image::{Digest, Reference};

/// The function and all that it needs. The image `v1` is in the registry.
struct World {
    instance: Instance,
    image: Image,
    _stage: Stage,
    _kms: Kms,
    _tables: [Table; 2],
}

async fn set() -> World {
    let (stage, kms, ledger, counters) = (Stage::set(), Kms::start(), Table::start().await, Table::counters().await);
    let image = Image::oci("v1");
    stage.push("v1", &image).await;
    let mut environment = [stage.environment(), kms.environment(), ledger.environment()].concat();
    environment.push(("COUNTERS_TABLE".to_owned(), counters.name.clone()));
    let instance = Instance::function(&environment);
    World { instance, image, _stage: stage, _kms: kms, _tables: [ledger, counters] }
}

/// An event of `tests/events/`, in the order in which they make sense: the status of its answer, its type, and a part of
/// its body.
const EVENTS: [(&str, u16, &str, &str); 23] = [
    ("home", 200, "text/html; charset=utf-8", "docker pull a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/"),
    ("version", 200, "", ""),
    ("sighting", 404, "application/json", "TAG_UNKNOWN"),
    ("manifest-by-tag", 200, OCI_MANIFEST, "config"),
    ("head-manifest-by-tag", 200, OCI_MANIFEST, "config"),
    ("manifest-by-pinned-name", 200, OCI_MANIFEST, "config"),
    ("manifest-for-mirror", 200, OCI_MANIFEST, "config"),
    ("manifest-by-digest", 200, OCI_MANIFEST, "config"),
    ("blob", 307, "", ""),
    ("tags", 200, "application/json", r#""tags":["v1"]"#),
    ("referrers", 200, OCI_INDEX, "application/vnd.dev.sigstore.bundle.v0.3+json"),
    ("tag-history", 200, OCI_INDEX, "org.opencontainers.distribution.tag.timestamp"),
    ("moves", 200, "application/json", r#""moves":[]"#),
    ("look-up", 303, "", ""),
    ("sighting", 200, "application/vnd.dev.sigstore.bundle.v0.3+json", "tlogEntries"),
    ("sighting-page", 200, "text/html; charset=utf-8", "registry.test/demo/app:v1"),
    ("sightings", 200, "application/x-ndjson", "logIndex"),
    ("key", 200, "application/x-pem-file", "BEGIN PUBLIC KEY"),
    ("trusted-root", 200, "application/json", "tlogs"),
    ("health", 200, "", ""),
    ("ready", 200, "application/json", r#"{"ready":true,"#),
    ("catalog", 404, "application/json", "UNSUPPORTED"),
    ("unknown-path", 404, "application/json", "UNSUPPORTED"),
];
/// Requests that no route is for.
const REFUSED: (&str, u16, &str, &str) = ("push", 405, "application/json", "UNSUPPORTED");

fn path(event: &str) -> PathBuf {
    root().join(format!("tests/events/{event}.json"))
}

fn read(event: &str) -> (String, Value) {
    let text = std::fs::read_to_string(path(event)).unwrap();
    let event = serde_json::from_str(&text).unwrap();
    (text, event)
}

#[tokio::test]
async fn each_route_answers_its_event() {
    let world = set().await;
    for (event, status, content_type, part) in EVENTS.into_iter().chain([REFUSED]) {
        let (text, request) = read(event);
        let named = match event {
            "manifest-by-digest" | "referrers" => Some(world.image.digest()),
            "blob" => Some(Digest::sha256(&world.image.blobs[1])),
            _ => None,
        };
        assert!(named.as_ref().is_none_or(|digest| text.contains(digest.as_str())), "{event} has to name {named:?}");
        let ended = world.instance.invoke(&path(event));
        assert_eq!(ended.code, Some(0), "{event}: {ended:?}");
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        let body = body(&answer);
        show(event, &request, &answer, &body);
        let headers = &answer["headers"];
        let shown = headers["content-type"].as_str().unwrap_or_default();
        assert_eq!((answer["statusCode"].as_u64(), shown), (Some(status.into()), content_type), "{event}: {answer}");
        assert!(String::from_utf8_lossy(&body).contains(part), "{event}: {}", String::from_utf8_lossy(&body));
        match event {
            "manifest-by-tag" => assert_eq!(headers["tlog-first-seen"], "true", "{answer}"),
            "blob" => assert!(headers["location"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{answer}"),
            "look-up" => assert_eq!(headers["location"], "/sightings/registry.test/demo/app:v1"),
            _ => {}
        }
    }
    stay(&world.instance);
}

#[test]
fn there_is_an_event_of_each_route() {
    let named = |route: &Route| match route {
        Route::Version => "version",
        Route::Manifest(Reference::Tag(_)) => "manifest by tag",
        Route::Manifest(Reference::Digest(..)) => "manifest by digest",
        Route::PinnedManifest(_) => "manifest by pinned name",
        Route::Blob(..) => "blob",
        Route::Tags(_) => "tags",
        Route::Referrers(..) => "referrers",
        Route::Home => "home",
        Route::LookUp(_) => "look-up",
        Route::Sightings => "sightings",
        Route::Sighting(_) => "sighting",
        Route::Moves(_) => "moves",
        Route::TagHistory(_) => "tag history",
        Route::Key => "key",
        Route::TrustedRoot => "trusted root",
        Route::Catalog => "catalog",
        Route::Health => "health",
        Route::Ready => "ready",
        Route::Unknown => "unknown",
    };
    const ROUTES: usize = 19;
    let mut routes = BTreeMap::<&str, usize>::new();
    for (event, ..) in EVENTS {
        let (_, event) = read(event);
        let query = event["rawQueryString"].as_str();
        let route = Route::parse(event["rawPath"].as_str().unwrap(), query).unwrap();
        *routes.entry(named(&route)).or_default() += 1;
    }
    assert_eq!(routes.len(), ROUTES, "{routes:?}");

    let files = std::fs::read_dir(root().join("tests/events")).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<String> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let sent = EVENTS.iter().chain([&REFUSED]).map(|(event, ..)| (*event).to_owned());
    assert_eq!(files, sent.collect());
}

fn body(answer: &Value) -> Vec<u8> {
    let text = answer["body"].as_str().unwrap_or_default();
    if answer["isBase64Encoded"] == true { BASE64_STANDARD.decode(text).unwrap() } else { text.into() }
}

/// Prints an event and its answer, for who runs `make invoke`.
fn show(event: &str, request: &Value, answer: &Value, body: &[u8]) {
    let (method, query) = (&request["requestContext"]["http"]["method"], request["rawQueryString"].as_str().unwrap());
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    println!(
        "\n{} {}{query}    tests/events/{event}.json",
        method.as_str().unwrap(),
        request["rawPath"].as_str().unwrap()
    );
    println!("  {}, {} bytes", answer["statusCode"], body.len());
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        println!("  {name}: {}", value.as_str().unwrap_or_default());
    }
}

/// With `TLOGISTRY_STAY`, keeps all of it running until this program is ended.
fn stay(instance: &Instance) {
    if std::env::var_os("TLOGISTRY_STAY").is_some_and(|value| !value.is_empty()) {
        let (host, port) = instance.address.split_once(':').unwrap();
        println!("\nThe function goes on until you press Ctrl-C. It answers at http://{}/ and to", instance.address);
        println!("    cargo lambda invoke -A {host} -P {port} --data-file tests/events/home.json");
        loop {
            std::thread::park();
        }
    }
}
