//! The function itself under Lambda's emulator, with its key in (a stand-in for) AWS KMS: pulled through by a real
//! client, from a real registry, recording in a log of its own process.

mod after_answer;
mod deployed;
mod frozen;
mod runtime_api;
mod unwinding;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use testing::bad_environment;
use testing::client::{client, get, head, send};
use testing::client_shapes;
use testing::faulty;
use testing::image::Image;
use testing::instance::Instance;
use testing::kms::Kms;
use testing::process::{PATIENCE, Process, clean, function, root, script};
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::story;
use testing::table::Table;
use tlogistry::image::Digest;

/// The surroundings of each function of a test: without a ledger it does not start.
async fn set() -> (Stage, Kms, Table) {
    (Stage::set(), Kms::start(), Table::start().await)
}

fn start(stage: &Stage, kms: &Kms, table: &Table) -> Instance {
    Instance::function(&[stage.environment(), kms.environment(), table.environment()].concat())
}

#[tokio::test]
async fn a_tag_once_seen_cannot_move_and_kms_signs_for_it() {
    let (stage, kms, table) = set().await;
    let told = story::tell(&stage, || start(&stage, &kms, &table)).await;
    story::assert_signed_by(&stage, &told, &kms.public_key().await).await;
}

#[tokio::test]
async fn requests_in_the_shapes_of_some_clients_are_answered() {
    let (stage, kms, table) = set().await;
    client_shapes::assert_answered(&stage, &start(&stage, &kms, &table)).await;
}

/// A deployment with the wrong table: nothing is recorded a second time there, and nothing served by tag.
#[tokio::test]
async fn a_function_with_another_table_than_its_key_was_used_with_serves_no_tag() {
    let (stage, kms, table) = set().await;
    for tag in ["v1", "v2"] {
        stage.push(tag, &Image::oci(tag)).await;
    }
    assert_eq!(get(&start(&stage, &kms, &table).url("manifests/v1")).await.header("tlog-first-seen"), "true");
    // The log files an entry after it has answered its upload.
    let key = kms.public_key().await;
    let search = serde_json::json!({"hash": Digest::sha256(key.pem().as_bytes()).as_str()}).to_string();
    let url = format!("{}/api/v1/index/retrieve", stage.log.url);
    let listed = async || {
        let asked = client().post(&url).header("content-type", "application/json").body(search.clone());
        let ids: Vec<String> = serde_json::from_slice(&send(asked).await.bytes).unwrap();
        !ids.is_empty()
    };
    let began = Instant::now();
    while !listed().await {
        assert!(began.elapsed() < PATIENCE, "the entry is not listed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let wrong = Table::start().await;
    let instance = start(&stage, &kms, &wrong);
    for tag in ["v2", "v1"] {
        let refused = get(&instance.url(&format!("manifests/{tag}"))).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        let (code, message, _) = refused.error();
        let fingerprint = hex::encode(key.id());
        let reason =
            format!("the ledger does not know this instance, and the log has entries by its key {fingerprint}");
        assert!(code == "UNAVAILABLE" && message.contains(&reason), "{message}");
    }
    let by_digest = get(&instance.url(&format!("manifests/{}", Image::oci("v1").digest()))).await;
    assert_eq!(by_digest.status, 200);
    assert_eq!(wrong.item("@instance").await, None);
}

/// A HEAD's length is that of the body that the function hands over, also where the manifest is not at hand; and no
/// byte of a manifest goes through a text conversion.
#[tokio::test]
async fn every_byte_and_every_length_arrives() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    let odd = Image::oci("odd").written_oddly();
    stage.push("v1", &odd).await;
    stage.push("index", &Image::index("for everyone")).await;
    let index = Image::index("for everyone").manifest;
    for (reference, manifest) in [
        ("v1", &odd.manifest),
        (odd.digest().as_str(), &odd.manifest),
        ("index", &index),
        (Digest::sha256(&index).as_str(), &index),
    ] {
        let url = instance.url(&format!("manifests/{reference}"));
        for _ in 0..2 {
            let (headed, got) = (head(&url).await, get(&url).await);
            assert_eq!((headed.status, got.status, &got.bytes), (200, 200, manifest), "{reference}");
            assert_eq!(headed.header("content-length"), manifest.len().to_string(), "{reference}");
        }
    }
    // A HEAD by digest of what no GET has brought yet: the length alone is known.
    let fresh = Image::docker("fresh");
    stage.push("fresh", &fresh).await;
    let headed = head(&instance.url(&format!("manifests/{}", fresh.digest()))).await;
    assert_eq!((headed.status, headed.header("content-length")), (200, &*fresh.manifest.len().to_string()));

    for blob in &odd.blobs {
        let path = format!("blobs/{}", Digest::sha256(blob));
        let location = stage.registry.url(&format!("{REPOSITORY}/{path}"));
        for answer in [get(&instance.url(&path)).await, head(&instance.url(&path)).await] {
            assert_eq!((answer.status, answer.header("location")), (307, location.as_str()));
            assert_eq!(answer.bytes.len(), 0);
        }
    }
}

/// Invokes the function with an event of API Gateway's for `method` and `reference`, and returns its answer and the
/// body.
fn invoke(instance: &Instance, method: &str, reference: &str) -> (Value, Vec<u8>) {
    let event = include_str!("../events/manifest-by-tag.json")
        .replace("manifests/v1", &format!("manifests/{reference}"))
        .replace("\"GET\"", &format!("\"{method}\""));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), event).unwrap();
    let ended = instance.invoke(file.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&200.into(), &true.into()), "{answer}");
    let body = BASE64_STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
    (answer, body)
}

#[tokio::test]
async fn an_event_is_answered_with_the_manifest_in_base64() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    let image = Image::oci("invoked").written_oddly();
    stage.push("v1", &image).await;

    // API Gateway computes a HEAD's length from the body that it is handed, and drops that: any bytes will do.
    let (_, body) = invoke(&instance, "HEAD", image.digest().as_str());
    assert_eq!(body, vec![0; image.manifest.len()]);
    for first in [true, false] {
        let (answer, body) = invoke(&instance, "GET", "v1");
        assert_eq!(body, image.manifest);
        let header = |name: &str| answer["headers"][name].as_str();
        assert_eq!(header("content-type"), Some(image.media_type));
        assert_eq!(header("docker-content-digest"), Some(image.digest().as_str()));
        assert_eq!(header("tlog-first-seen"), first.then_some("true"));
        assert!(header("tlog-uuid").is_some(), "{answer}");
    }
    let (_, body) = invoke(&instance, "HEAD", "v1");
    assert_eq!(body, image.manifest);
}

/// In the host's name that API Gateway passes on, and every byte of what is not ASCII.
#[tokio::test]
async fn a_page_arrives_as_it_was_made() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    let url = format!("http://{}/", instance.address);
    let (got, headed) = (get(&url).await, head(&url).await);
    assert_eq!((got.status, got.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = String::from_utf8(got.bytes.to_vec()).unwrap();
    for part in [&*format!("docker pull {}/alpine:3.16.0", instance.address), "BEGIN PUBLIC KEY", "</html>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!((headed.status, headed.header("content-length")), (200, &*page.len().to_string()));

    let found = get(&format!("http://{}/sightings?tag=alpine%3A3.16.0", instance.address)).await;
    assert_eq!((found.status, found.header("location")), (303, "/sightings/index.docker.io/library/alpine:3.16.0"));
    let url = format!("http://{}{}", instance.address, found.header("location"));
    let unseen = send(client().get(&url).header("accept", "text/html")).await;
    assert_eq!((unseen.status, unseen.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(String::from_utf8_lossy(&unseen.bytes).contains("Not seen yet – tlogistry"));
}

/// API Gateway's event has the edge's headers beside the edge's own address.
#[tokio::test]
async fn behind_an_edge_the_client_is_the_one_whom_the_edge_names() {
    const SECRET: &str = "secret-of-the-edge-secret-of-the-edge";
    let (stage, kms, table) = set().await;
    let edge = vec![("EDGE_SECRETS".to_owned(), SECRET.to_owned())];
    let instance = Instance::function(&[stage.environment(), kms.environment(), table.environment(), edge].concat());
    let url = format!("http://{}/v2/", instance.address);
    let asked = client().get(&url).header("x-tlogistry-edge", SECRET);
    let through = send(asked.header("cloudfront-viewer-address", "198.51.100.10:46532")).await;
    let past = send(client().get(&url).header("cloudfront-viewer-address", "198.51.100.10:46532")).await;
    assert_eq!((through.status, past.status), (200, 403));
    let line = instance.wait_for(|line| {
        serde_json::from_str::<Value>(line).ok().filter(|line| line["path"] == "/v2/" && line["status"] == 200)
    });
    assert_eq!(line["site"], "198.51.100.0/24");
    assert_eq!(instance.process().count(|line| line.contains(SECRET)), 0);
}

/// By API Gateway's id, which the client gets too, and by Lambda's; and nobody can be found by his address.
#[tokio::test]
async fn a_request_can_be_traced_by_the_ids_that_aws_gave_it() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    let image = Image::oci("traced");
    stage.push("v1", &image).await;
    invoke(&instance, "GET", "v1");
    let line_of = |outcome: &str| {
        instance.wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["outcome"] == outcome))
    };
    let line = line_of("FirstSeen");
    assert_eq!(
        (&line["api_request_id"], &line["site"]),
        (&"UmFuZG9tSWQxMjM0NTY=".into(), &"203.0.113.0/24".into()),
        "those of the event"
    );
    assert!(line["lambda_request_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");

    // Every other line for a request has Lambda's id.
    stage.push("v1", &Image::oci("moved")).await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 403);
    let beside =
        instance.wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["message"] == "moved"));
    assert_eq!(beside["span"]["requestId"], line_of("Moved")["lambda_request_id"], "{beside}");
    assert_eq!(instance.process().count(|line| line.contains("203.0.113.7")), 0);
}

/// The commit that a release says, which is asked of git. Other builds do not know it.
fn commit() -> String {
    if std::env::var_os("TLOGISTRY_FUNCTION").is_none() {
        return "development".to_owned();
    }
    let mut git = clean("git");
    git.current_dir(root()).args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    Process::start(&mut git).finish().stdout.trim().to_owned()
}

#[tokio::test]
async fn the_build_says_which_one_it_is() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    let ready = get(&format!("http://{}/readyz", instance.address)).await;
    let said: Value = serde_json::from_slice(&ready.bytes).unwrap();
    let (version, commit) = (env!("CARGO_PKG_VERSION"), commit());
    assert_eq!((ready.status, &said["version"], &said["commit"]), (200, &version.into(), &(*commit).into()), "{said}");
    let page = get(&format!("http://{}/", instance.address)).await;
    assert!(page.text().contains(&format!("tlogistry {version}, built from commit <code>{commit}</code>.")));
    for path in ["/readyz", "/"] {
        let line = instance.wait_for(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["path"] == path).then_some(line)
        });
        assert_eq!((&line["version"], &line["commit"]), (&version.into(), &(*commit).into()), "{line}");
    }
}

/// True if an alarm of the deployment, for the function `function`, fires when CloudWatch gets this line within a
/// minute.
fn alarm_fires(alarm: &str, line: &Value, function: &str) -> bool {
    let ended = Process::start(script("tests/template/alarm.py").arg(alarm)).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let alarm: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&alarm["Statistic"], &alarm["Period"]), (&"Sum".into(), &60.into()), "{alarm}");
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanOrEqualToThreshold");
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    let dimensions: Vec<&Value> = alarm["Dimensions"].as_array().unwrap().iter().map(|one| &one["Name"]).collect();
    assert_eq!(alarm["Dimensions"][0]["Value"], serde_json::json!({"Ref": "FunctionName"}));
    let published = directive["Metrics"].as_array().unwrap().iter().any(|metric| metric["Name"] == alarm["MetricName"]);
    published
        && directive["Namespace"] == alarm["Namespace"]
        && directive["Dimensions"] == serde_json::json!([dimensions])
        && line["FunctionName"] == function
        && line[alarm["MetricName"].as_str().unwrap()].as_f64() >= alarm["Threshold"].as_f64()
}

/// CloudWatch makes metrics of these lines, and alarms of those.
#[tokio::test]
async fn a_moved_tag_is_a_metric() {
    let (stage, kms, table) = set().await;
    let instance = start(&stage, &kms, &table);
    stage.push("v1", &Image::oci("first")).await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 200);
    stage.push("v1", &Image::oci("second")).await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 403);

    let line_of = |outcome: &str| {
        instance.wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["outcome"] == outcome))
    };
    for (outcome, status) in [("FirstSeen", 200), ("Moved", 403)] {
        let line = line_of(outcome);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &line["FunctionName"]), (&"tlogistry".into(), &"tlogistry".into()));
        assert_eq!(directive["Dimensions"], serde_json::json!([["FunctionName"]]));
        let counted = serde_json::json!({"Name": outcome, "Unit": "Count"});
        assert!(directive["Metrics"].as_array().unwrap().contains(&counted), "{line}");
        assert_eq!((&line[outcome], &line["status"]), (&1.0.into(), &status.into()), "{line}");
        assert_eq!(line["tag"], format!("{REGISTRY}/{REPOSITORY}:v1"));
        assert_eq!(line["digest"], Image::oci("first").digest().as_str());
        assert!(line["RequestMillis"].as_f64() >= line["RegistryMillis"].as_f64(), "{line}");
    }
    let newly = instance
        .wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["NewlyMoved"].is_number()));
    assert_eq!(newly["current"], Image::oci("second").digest().as_str());
    assert!(alarm_fires("moved", &newly, "tlogistry"));
    assert!(!alarm_fires("moved", &line_of("Moved"), "tlogistry"), "it was told already");
    assert!(!alarm_fires("moved", &newly, "another function"));
    let first = line_of("FirstSeen");
    assert!(first["KeyMillis"].is_number() && first["LogMillis"].is_number(), "{first}");
}

/// KMS publishes no metric of the calls that it turns away.
#[tokio::test]
async fn a_throttled_key_is_a_metric_and_no_failure_of_the_log() {
    let (stage, table) = (Stage::set(), Table::start().await);
    stage.push("v1", &Image::oci("first")).await;
    let (address, _) = faulty::kms::start(faulty::kms::P256, faulty::kms::Signs::Throttled).await;
    let key = [("KMS_KEY_ID", "alias/tlogistry".to_owned()), ("AWS_ENDPOINT_URL_KMS", format!("http://{address}"))];
    let key = key.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let instance = Instance::function(&[stage.environment(), table.environment(), key].concat());
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 503);
    let line = instance
        .wait_for(|line| serde_json::from_str::<Value>(line).ok().filter(|line| line["outcome"] == "Unavailable"));
    assert_eq!(
        (&line["KeyThrottled"], &line["Unavailable"], &line["LogFailed"]),
        (&1.0.into(), &1.0.into(), &0.0.into())
    );
}

/// The exit code and the lines of standard error of a function that does not start.
fn refusal_to_start(environment: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    // Nobody answers there. A function that wrongly starts asks for its first event, and ends all the same.
    let runtime = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let lambda = [("AWS_LAMBDA_FUNCTION_NAME", "tlogistry"), ("AWS_LAMBDA_FUNCTION_VERSION", "1")];
    let mut command = function();
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").envs(runtime).envs(lambda).envs(environment.iter().copied());
    let ended = Process::start(&mut command).finish();
    (ended.code, ended.stderr.lines().map(str::to_owned).collect())
}

/// An event that such a function took would be lost.
#[test]
fn a_function_that_cannot_work_ends_before_it_asks_for_an_event() {
    let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
    runtime.set_nonblocking(true).unwrap();
    let address = runtime.local_addr().unwrap().to_string();
    let environment = [
        ("KMS_KEY_ID", "alias/tlogistry"),
        ("LEDGER_TABLE", "sightings"),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_LAMBDA_RUNTIME_API", &*address),
        ("RUST_LOG", "error"),
    ];
    let (code, lines) = refusal_to_start(&environment);
    let refusal = "tlogistry: no AWS region is known: set AWS_REGION";
    assert_eq!((code, lines), (Some(1), vec![refusal.to_owned()]));
    let asked = runtime.accept().map_err(|error| error.kind());
    assert_eq!(asked.unwrap_err(), ErrorKind::WouldBlock);
}

const NO_KEY: &str = "  KMS_KEY_ID: must name the key that sightings are signed with";

const NO_TABLE: &str = "  LEDGER_TABLE: must name the DynamoDB table that sightings are kept in";

#[test]
fn a_function_without_a_key_or_a_table_does_not_start() {
    let refusal = |faults: &[&str]| {
        let lines = std::iter::once(&"tlogistry: the configuration is not usable:").chain(faults);
        (Some(1), lines.map(|line| (*line).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(refusal_to_start(&[]), refusal(&[NO_KEY, NO_TABLE]));
    assert_eq!(refusal_to_start(&[("LEDGER_TABLE", "sightings")]), refusal(&[NO_KEY]));
    for table in ["", " "] {
        let environment = [("KMS_KEY_ID", "alias/tlogistry"), ("LEDGER_TABLE", table)];
        assert_eq!(refusal_to_start(&environment), refusal(&[NO_TABLE]), "'{table}'");
    }
}

#[test]
fn a_bad_environment_is_refused_with_every_fault() {
    let (code, lines) = refusal_to_start(&bad_environment::VARIABLES);
    let required = vec![NO_KEY.to_owned(), NO_TABLE.to_owned()];
    assert_eq!((code, lines), (Some(1), [bad_environment::refusal("tlogistry"), required].concat()));
}
