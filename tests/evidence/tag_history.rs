//! The history of a tag as OCI's draft has it: the first sight alone, and what was refused beside it.

use http::Method;
use serde_json::{Value, json};
use testing::client::Answer;
use testing::faulty::log::Log;
use testing::faulty::registry::Registry;
use testing::faulty::timestamp_authority::StandInAuthority;
use testing::image::{Image, OCI_INDEX, OCI_MANIFEST};
use testing::{log, service};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::sighting::LocalKey;

const HISTORY: &str = "/v2/registry.test/demo/app/_oci/tag-history/v1";
const PULL: &str = "/v2/registry.test/demo/app/manifests/v1";

struct Scene {
    registry: Registry,
    service: Service,
}

impl Scene {
    async fn set() -> Self {
        let (registry, log) = (Registry::start().await, log::start().await.1);
        let service = service::with_log(log).registry(&registry.address).build();
        Self { registry, service }
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = service::get(&self.service, path).await;
        self.service.finish().await;
        answer
    }

    /// The history, by a query.
    async fn history(&self, query: &str) -> Value {
        let answer = self.get(&format!("{HISTORY}{query}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, OCI_INDEX), "{}", answer.text());
        assert_eq!((answer.header("cache-control"), answer.find("link")), ("no-store", None));
        let index: Value = serde_json::from_slice(&answer.bytes).unwrap();
        assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(OCI_INDEX)));
        index
    }
}

#[tokio::test]
async fn a_tags_first_sight_is_its_history_with_the_logs_time_and_entry() {
    let scene = Scene::set().await;
    let image = Image::oci("first");
    scene.registry.push("v1", image.manifest.clone());
    let pulled = scene.get(PULL).await;
    assert_eq!(pulled.status, 200);
    scene.registry.asked();
    let history = scene.history("").await;
    let descriptor = json!({
        "mediaType": OCI_MANIFEST,
        "size": image.manifest.len(),
        "digest": image.digest().as_str(),
        "annotations": {
            "org.opencontainers.distribution.tag.timestamp": pulled.header("tlog-integratedtime"),
            "org.opencontainers.distribution.tag.event": "created",
            "dev.tlogistry.log.index": pulled.header("tlog-logindex"),
            "dev.tlogistry.log.uuid": pulled.header("tlog-uuid"),
            "dev.tlogistry.log.entry": pulled.header("tlog-entry"),
        },
    });
    assert_eq!((&history["manifests"], history.get("annotations")), (&json!([descriptor]), None));
    assert!(scene.registry.asked().is_empty(), "no registry is asked");

    let time = pulled.header("tlog-integratedtime");
    let other = format!("sha256:{}", "0".repeat(64));
    for (query, count) in [
        ("?n=1".to_owned(), 1),
        ("?n=0".to_owned(), 0),
        ("?n=18446744073709551616".to_owned(), 1),
        (format!("?before={time}"), 0),
        (format!("?since={time}"), 0),
        ("?before=2999-01-01T00:00:00Z&since=2001-01-01T00%3A00%3A00%2B01:00".to_owned(), 1),
        (format!("?digest={}", image.digest()), 1),
        (format!("?digest={other}"), 0),
        // A digest that exists nowhere is no fault, by whatever algorithm.
        (format!("?digest=sha384:{}", "0".repeat(96)), 0),
        (format!("?digest=sha512:{}", "0".repeat(128)), 0),
        ("?ns2=x&last=v1".to_owned(), 1),
    ] {
        assert_eq!(scene.history(&query).await["manifests"].as_array().unwrap().len(), count, "{query}");
    }
    let head = http::Request::builder().method(Method::HEAD).uri(HISTORY).body(()).unwrap();
    assert_eq!(service::ask(&scene.service, &head).await.status, 200);
}

#[tokio::test]
async fn what_was_refused_stands_in_an_annotation_and_is_no_descriptor() {
    let scene = Scene::set().await;
    let (first, second) = (Image::oci("first"), Image::oci("second"));
    scene.registry.push("v1", first.manifest.clone());
    assert_eq!(scene.get(PULL).await.status, 200);
    scene.registry.push("v1", second.manifest.clone());
    assert_eq!(scene.get(PULL).await.status, 403);
    for (query, count) in [("", 1), ("?n=0", 0)] {
        let history = scene.history(query).await;
        let manifests = history["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), count);
        assert!(manifests.iter().all(|manifest| manifest["digest"] == first.digest().as_str()));
        let refused: Value =
            serde_json::from_str(history["annotations"]["dev.tlogistry.refused"].as_str().unwrap()).unwrap();
        let [one] = refused["moves"].as_array().unwrap().as_slice() else { panic!("{refused}") };
        assert_eq!((&one["digest"], &one["size"]), (&json!(second.digest().as_str()), &json!(second.manifest.len())));
        assert_eq!((&one["mediaType"], &refused["furtherMoves"]), (&json!(OCI_MANIFEST), &json!(0)));
    }
    let moves: Value = serde_json::from_slice(&scene.get("/moves/registry.test/demo/app:v1").await.bytes).unwrap();
    assert_eq!(
        (&moves["tag"], &moves["moves"][0]["digest"]),
        (&json!("registry.test/demo/app:v1"), &json!(second.digest().as_str()))
    );
}

#[tokio::test]
async fn a_tag_without_a_history_has_an_empty_one_and_asking_records_nothing() {
    let scene = Scene::set().await;
    scene.registry.push("v1", Image::oci("never pulled").manifest);
    for tag in ["v1".to_owned(), "none".to_owned(), format!("sha256-{}", "a".repeat(64))] {
        let path = format!("/v2/registry.test/demo/app/_oci/tag-history/{tag}");
        let answer = scene.get(&path).await;
        let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        assert_eq!((answer.status, serde_json::from_slice::<Value>(&answer.bytes).unwrap()), (200, empty), "{tag}");
    }
    assert!(scene.registry.asked().is_empty());
    assert_eq!(scene.get("/moves/registry.test/demo/app:v1").await.error().0, "TAG_UNKNOWN");
    assert_eq!(scene.get(PULL).await.header("tlog-first-seen"), "true");
}

/// Only the log has it: a ledger in memory is gone with its process, and its index too.
#[tokio::test]
async fn a_history_waits_for_a_pull_where_type_and_size_are_forgotten() {
    let (registry, log) = (Registry::start().await, log::start().await.1);
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let key = LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap();
        service::with_log(log.clone()).registry(&registry.address).key(key).build()
    };
    let image = Image::oci("first");
    registry.push("v1", image.manifest.clone());
    assert_eq!(service::get(&start(), PULL).await.header("tlog-first-seen"), "true");

    let scene = Scene { service: start(), registry: registry.clone() };
    registry.asked();
    let answer = scene.get(HISTORY).await;
    let said = "the evidence cannot be shown now, because the type and size of its manifest are not known; the next pull of the \
                tag brings them back";
    assert_eq!((answer.status, answer.error()), (503, ("UNAVAILABLE".to_owned(), said.to_owned(), answer.error().2)));
    assert_eq!(registry.asked(), [""; 0]);
    assert_eq!(scene.get(PULL).await.status, 200);
    assert_eq!(scene.history("").await["manifests"][0]["size"], image.manifest.len());
}

/// The draft demands a time. A Rekor v2 signs none.
#[tokio::test]
async fn a_time_that_is_not_the_logs_is_marked_and_none_is_made_up() {
    let authority = StandInAuthority::start().await;
    for is_stamped in [true, false] {
        let (registry, log) = (Registry::start().await, Log::v2().await.config());
        let stamped = LogConfig {
            keys: log.keys.clone().with_authorities(authority.authorities()),
            authority: Some(authority.url()),
            ..log.clone()
        };
        let service = service::with_log(if is_stamped { stamped } else { log }).registry(&registry.address).build();
        let scene = Scene { registry, service };
        let image = Image::oci("first");
        scene.registry.push("v1", image.manifest.clone());
        let pulled = scene.get(PULL).await;
        assert_eq!(pulled.status, 200);
        let history = scene.history("").await;
        let annotations = history["manifests"][0]["annotations"].as_object().unwrap();
        let said = |name: &str| annotations.get(name).map(|value| value.as_str().unwrap());
        assert_eq!(history["manifests"][0]["digest"], image.digest().as_str());
        assert_eq!(said("org.opencontainers.distribution.tag.event"), Some("created"));
        assert_eq!(said("dev.tlogistry.log.uuid"), Some(pulled.header("tlog-uuid")));
        assert_eq!(said("org.opencontainers.distribution.tag.timestamp"), pulled.find("tlog-integratedtime"));
        assert_eq!(said("dev.tlogistry.timestamp"), is_stamped.then_some("signed no later than"));
        assert_eq!(pulled.find("tlog-integratedtime").is_some(), is_stamped);
        // Without a time it is neither before nor since.
        for query in ["?before=2999-01-01T00:00:00Z", "?since=2001-01-01T00:00:00Z"] {
            let count = scene.history(query).await["manifests"].as_array().unwrap().len();
            assert_eq!(count, usize::from(is_stamped), "{query}");
        }
    }
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let scene = Scene::set().await;
    for (query, code) in [
        ("?n=-1", "UNSUPPORTED"),
        ("?n=1&n=2", "UNSUPPORTED"),
        ("?before=%1b[31m", "UNSUPPORTED"),
        ("?since=now", "UNSUPPORTED"),
        ("?digest=latest", "DIGEST_INVALID"),
    ] {
        let answer = scene.get(&format!("{HISTORY}{query}")).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, code), "{query}");
    }
    let answer = scene.get(&format!("{HISTORY}?n=x")).await;
    assert_eq!(answer.error().1, "the parameter 'n' is not understood: expected a number");
}
