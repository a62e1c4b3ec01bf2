//! Everything that can invoke a function: the example events of `lambda_http` and `aws_lambda_events`, as they come with
//! the versions that are built in.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::StatusCode;
use serde_json::Value;
use testing::client::client;
use testing::instance::Instance;
use testing::process::root;

use crate::set;

/// The folder of each package's examples, and their number when this was written.
const PACKAGES: [(&str, &str, usize); 2] =
    [("lambda_http", "tests/data", 18), ("aws_lambda_events", "src/fixtures", 173)];

/// The example events: file and text.
fn fixtures() -> Vec<(PathBuf, String)> {
    let mut fixtures = Vec::new();
    for (package, folder, at_least) in PACKAGES {
        let mut files: Vec<PathBuf> = std::fs::read_dir(source(package).join(folder))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
            .collect();
        assert!(files.len() >= at_least, "{package} has {} example events", files.len());
        files.sort();
        fixtures.extend(files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())));
    }
    fixtures
}

/// The folder of a package's source. The registry's copies hold all that was published.
fn source(package: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    let ended = Command::new(cargo).current_dir(root()).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let metadata: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|one| one["name"] == package).unwrap();
    Path::new(found["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// True for what an HTTP API, or a function's URL, hands over for an answer: payload format 2.0. What it asks an authorizer
/// looks alike, and names its type.
fn is_of_http_api(event: &Value) -> bool {
    event["version"] == "2.0" && event["requestContext"]["http"]["method"].is_string() && event["type"].is_null()
}

/// The function's answer to an event: a status, or `None` where it reports that it failed.
pub async fn status(instance: &Instance, event: String) -> Option<u64> {
    let url = format!("http://{}/2015-03-31/functions/_/invocations", instance.address);
    let response = client().post(url).body(event).send().await.unwrap();
    if response.status() != StatusCode::OK {
        return None;
    }
    let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    answer["statusCode"].as_u64()
}

#[tokio::test]
async fn no_event_ends_the_function_and_none_of_an_http_api_fails() {
    let world = set().await;
    let (mut answered, mut failed) = (0, 0);
    for (file, text) in fixtures() {
        let event: Value = serde_json::from_str(&text).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        let status = status(&world.instance, text).await;
        println!("{name}: {status:?}");
        if is_of_http_api(&event) {
            assert!(status.is_some_and(|status| status < 500), "{name}: {status:?}");
            answered += 1;
        } else {
            failed += usize::from(status.is_none());
        }
    }
    println!("{answered} events of HTTP APIs answered; {failed} others refused");
    assert!(answered >= 10 && failed >= 100, "{answered}, {failed}");
    let (event, _) = crate::read("manifest-by-tag");
    assert_eq!(status(&world.instance, event).await, Some(200), "the same process goes on");
}
