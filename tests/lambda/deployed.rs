//! The function with what a deployment gives it: exactly the environment of the translated template, a table, a KMS key.

use serde_json::{Map, Value};
use testing::instance::Instance;
use testing::kms::{KEY_ID, Kms};
use testing::process::{Process, script};
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::story;
use testing::table::Table;

/// The variables that the template sets, with the values of a deployment whose parameters are all left at their
/// defaults; null where only AWS knows.
fn template_environment() -> Map<String, Value> {
    let ended = Process::start(&mut script("tests/template/environment.py")).finish();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test]
async fn the_templates_environment_is_all_that_the_function_needs() {
    let (stage, kms, table) = (Stage::set(), Kms::start(), Table::start().await);
    let counters = Table::counters().await;
    let mut environment = template_environment();
    let names: Vec<String> = environment.keys().cloned().collect();
    for (name, value) in [("KMS_KEY_ID", KEY_ID), ("LEDGER_TABLE", &table.name), ("COUNTERS_TABLE", &counters.name)] {
        assert_eq!(environment.insert(name.to_owned(), value.into()), Some(Value::Null), "{name}");
    }
    // Root certificates of the system: none.
    assert_eq!(environment.insert("SSL_CERT_FILE".to_owned(), "/nowhere".into()), None);
    // The log is not the public one here.
    for (name, value) in stage.environment() {
        let given = environment.insert(name.clone(), value.into());
        assert!(given.is_some() || name == "INSECURE_REGISTRIES", "the template does not set {name}");
    }
    for (name, value) in kms.environment() {
        environment.insert(name, value.into());
    }
    environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), table.endpoint.into());
    let environment: Vec<(String, String)> =
        environment.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect();

    let told = story::tell(&stage, || Instance::function(&environment)).await;
    story::assert_signed_by(&stage, &told, &kms.public_key().await).await;
    let row = table.row(&format!("{REGISTRY}/{REPOSITORY}:v1").parse().unwrap()).await.expect("the tag has a row");
    assert_eq!(row["state"].as_s().unwrap(), "recorded");
    assert_eq!(row["digest"].as_s().unwrap(), told.digest.as_str());
    let counted = counters.items().await;
    let kinds =
        ["source/", "total/"].map(|kind| counted.iter().any(|item| item["counter"].as_s().unwrap().starts_with(kind)));
    assert_eq!(kinds, [true, true], "{counted:?}");
    println!("the story was told with {}", names.join(", "));
}
