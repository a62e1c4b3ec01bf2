//! `verify-entry` of entries of Rekor v2, and of bundles.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::stage::Stage;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rekor-v2/ours").join(name)
}

fn bundle() -> Value {
    serde_json::from_slice(&std::fs::read(data("bundle-manifest-first.json")).unwrap()).unwrap()
}

fn entry() -> Value {
    bundle()["verificationMaterial"]["tlogEntries"][0].clone()
}

/// Checks what is written into a file, and returns the exit code and what is said of the file.
fn verify(content: &Value, options: &[&str]) -> (Option<i32>, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content.to_string()).unwrap();
    let ended: Ended = Process::start(cli().arg("verify-entry").args(options).arg(file.path())).finish();
    assert_eq!(ended.stderr, "", "{ended:?}");
    let said = ended.stdout.strip_prefix(&format!("{}: ", file.path().display())).unwrap().trim_end().to_owned();
    (ended.code, said)
}

/// By the log's key, in each form that names it.
fn by_the_log(content: &Value) -> (Option<i32>, String) {
    let root = data("trusted-root.json");
    let [by_root, by_key] =
        ["--trusted-root", "--rekor-key"].map(|option| verify(content, &[option, root.to_str().unwrap()]));
    assert_eq!(by_root, by_key);
    by_root
}

#[test]
fn an_entry_of_rekor_v2_holds_and_a_bundle_says_of_what() {
    assert_eq!(by_the_log(&entry()), (Some(0), "holds (log index 0)".to_owned()));
    let (code, said) = by_the_log(&bundle());
    let digest = "a".repeat(64);
    let shows =
        format!("holds (log index 0): index.docker.io/library/alpine:3.16.0 was sha256:{digest}, by the key sha256:");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&shows), "{said}");
    // Another log's key, and the built-in one.
    for options in [&["--rekor-key", "tests/data/another-log.pub.pem"][..], &[]] {
        for content in [entry(), bundle()] {
            let (code, said) = verify(&content, options);
            assert!(code == Some(1) && said.contains("the log id is not that of the trusted key"), "{said}");
        }
    }
}

#[test]
fn what_was_altered_is_refused_with_a_reason() {
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 5] = [
        (|entry| entry["integratedTime"] = json!("1"), "the entry claims a time"),
        (|entry| entry["logIndex"] = json!("1"), "the log index is not that of the inclusion proof"),
        (|entry| entry["inclusionProof"] = Value::Null, "no inclusion proof"),
        (|entry| entry["canonicalizedBody"] = json!("e30="), "does not lead from the entry"),
        (|entry| entry["logId"] = json!(7), "not a log entry: "),
    ];
    for (edit, reason) in edits {
        let mut altered = entry();
        edit(&mut altered);
        let (code, said) = by_the_log(&altered);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.starts_with("refused: ") && said.contains(reason), "'{reason}' is not in '{said}'");
        let mut altered = bundle();
        edit(&mut altered["verificationMaterial"]["tlogEntries"][0]);
        let (code, said) = by_the_log(&altered);
        assert!(code == Some(1) && said.starts_with("refused: "), "{said}");
    }
    for (file, reason) in [
        ("bundle-valid.json", "its statement is not one of tlogistry's"),
        ("bundle-altered-statement.json", "its statement is not one of tlogistry's"),
    ] {
        let content = serde_json::from_slice(&std::fs::read(data(file)).unwrap()).unwrap();
        let (code, said) = by_the_log(&content);
        assert_eq!((code, said), (Some(1), format!("refused: {reason}")), "{file}");
    }
    let mut unsigned = bundle();
    unsigned["dsseEnvelope"]["signatures"][0]["sig"] = json!("AAAA");
    let (code, said) = by_the_log(&unsigned);
    assert!(code == Some(1) && said.contains("does not record the statement with a signature"), "{said}");
    for odd in [json!({"verificationMaterial": 1}), json!({"canonicalizedBody": []}), json!([]), json!(null)] {
        assert_eq!(by_the_log(&odd).0, Some(1), "{odd}");
    }
}

#[tokio::test]
async fn a_bundle_of_rekor_v1_has_the_logs_time() {
    let (stage, folder) = (Stage::set(), tempfile::tempdir().unwrap());
    let instance = Instance::serve(folder.path(), &stage.environment());
    let image = Image::oci("recorded");
    stage.push("v1", &image).await;
    let pulled = get(&instance.url("manifests/v1")).await;
    let bundle = get(&instance.at("/sightings/registry.test/demo/app:v1")).await;
    let key = folder.path().join("log.pem");
    std::fs::write(&key, &stage.log.public_key).unwrap();
    let content = serde_json::from_slice(&bundle.bytes).unwrap();
    let (code, said) = verify(&content, &["--rekor-key", key.to_str().unwrap()]);
    let (index, time) = (pulled.header("tlog-logindex"), pulled.header("tlog-integratedtime"));
    let shows = format!(
        "holds (log index {index}): registry.test/demo/app:v1 was {} on {time}, by the key sha256:",
        image.digest()
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&shows), "{said}");
}
