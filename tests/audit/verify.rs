//! `verify`: a tag holds, has moved, is contradicted, or could not be checked.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::stage::Stage;
use testing::tags::tag;
use tlogistry::image::Digest;
use tlogistry::sighting::{SightingTime, statement};

use crate::scene::{Scene, stranger};

const TAG: &str = "registry.test/app:v1";

#[track_caller]
fn parsed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[track_caller]
fn assert_unchecked(ended: &Ended, reason: &str) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let first = ended.stdout.lines().next().unwrap_or_default();
    assert_eq!(first, format!("{TAG} could not be checked: {reason}"), "{ended:?}");
}

#[tokio::test]
async fn a_tag_that_serve_recorded_holds_by_the_instances_key() {
    let (stage, folder) = (Stage::set(), tempfile::tempdir().unwrap());
    let instance = Instance::serve(folder.path(), &stage.environment());
    let image = Image::oci("pulled");
    stage.push("v1", &image).await;
    let pulled = get(&instance.url("manifests/v1")).await;
    let key = tlogistry::sighting::LocalKey::open_or_generate(&folder.path().join("signing-key.pem")).unwrap();
    let [key_file, log_key] = ["key.pem", "log.pem"].map(|name| folder.path().join(name));
    std::fs::write(&key_file, key.public_key().pem()).unwrap();
    std::fs::write(&log_key, &stage.log.public_key).unwrap();
    let run = |name: &str| {
        let mut command = cli();
        command.args(["verify", name, "--rekor", &stage.log.url, "--rekor-key"]).arg(&log_key);
        command.arg("--key").arg(&key_file).envs(stage.environment());
        Process::start(&mut command).finish()
    };
    let ended = run("registry.test/demo/app:v1");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let said = format!(
        "registry.test/demo/app:v1 holds\n\n  digest    {}\n  recorded  {}, log index {}\n  entry     {}\n",
        image.digest(),
        pulled.header("tlog-integratedtime"),
        pulled.header("tlog-logindex"),
        pulled.header("tlog-entry")
    );
    assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);
    let pinned = run("pinned.alt/registry.test/demo/app:v1");
    assert_eq!((pinned.code, pinned.stdout), (Some(0), ended.stdout), "the same tag");
    let twice = run("pinned.alt/pinned.alt/registry.test/demo/app:v1");
    assert_eq!(twice.code, Some(2), "{twice:?}");
    assert!(twice.stderr.contains("end in .alt"), "{twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_the_registry_serves_as_it_was_recorded_holds() {
    let scene = Scene::set().await;
    let (digest, uploaded) = scene.seen("v1").await;
    scene.record_by(&stranger(), "v1", &Digest::sha256(b"a stranger's")).await;
    let (time, url) = (SightingTime::of_entry(&uploaded.entry).unwrap().rfc3339(), scene.entry_url(&uploaded));
    let fingerprint = scene.fingerprint();

    let ended = scene.run("verify", &[TAG]);
    let said = format!(
        "registry.test/app:v1 holds

  digest    {digest}
  recorded  {time}, log index 1000000
  entry     {url}
  key       sha256:{fingerprint}
  now       registry.test serves this digest

Checked on this machine:
  - your key signed the statement that names this tag and the recorded digest
  - the log holds the entry: its signed timestamp, and the inclusion proof from the entry's own bytes
    to the root hash of a checkpoint that the log signed
  - the log lists no other entry for this tag by your keys
  - what the registry serves: the digest is that of the manifest's bytes
Passed over: entries by other keys (1), which anyone can file
"
    );
    assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), said, ""));

    let ended = scene.run("verify", &[TAG, "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = json!({
        "tag": TAG, "source": "log", "verdict": "holds", "reason": null, "digest": digest.as_str(), "current": digest.as_str(),
        "entries": [{
            "standing": "sighting", "logIndex": 1_000_000, "integratedTime": time,
            "id": uploaded.entry.id().to_string(), "url": url, "digest": digest.as_str(), "keys": [fingerprint],
            "faults": [],
        }],
        "foreignEntries": 1,
    });
    assert_eq!(parsed(&ended), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_registry_only_the_record_is_checked_and_that_is_said() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.tags.push("v1", "something else");
    let ended = scene.run("verify", &[TAG, "--no-registry"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("\n  now       registry.test was not asked\n"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("\nNot checked: what the registry serves now\n"), "{}", ended.stdout);
    assert_eq!(parsed(&scene.run("verify", &[TAG, "--no-registry", "--json"]))["current"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_the_registry_serves_otherwise_has_moved() {
    let scene = Scene::set().await;
    let (recorded, _) = scene.seen("v1").await;
    let current = scene.tags.push("v1", "something else");
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let first = format!("{TAG} has moved\n\n  digest    {recorded}\n");
    assert!(ended.stdout.starts_with(&first), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("\n  now       registry.test serves {current}\n")), "{}", ended.stdout);
    let shown = parsed(&scene.run("verify", &[TAG, "--json"]));
    let expected = json!(["moved", recorded.as_str(), current.as_str()]);
    assert_eq!(json!([shown["verdict"], shown["digest"], shown["current"]]), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_signed_two_digests_contradict_themselves_whatever_the_registry_serves() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    let other = Digest::sha256(b"another");
    scene.record("v1", &other).await;
    for arguments in [&[TAG][..], &[TAG, "--no-registry"]] {
        let ended = scene.run("verify", arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let first = format!("{TAG} is contradicted: your keys signed different digests\n\n  digest    {digest}\n");
        assert!(ended.stdout.starts_with(&first), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("\n  but also  {other}, log index 1000001\n")), "{}", ended.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_entries_are_no_evidence() {
    let scene = Scene::set().await;
    let digest = scene.tags.push("v1", "v1");
    assert_unchecked(&scene.run("verify", &[TAG]), "the log lists no entry for this tag");
    scene.record_by(&stranger(), "v1", &digest).await;
    let reason = "the log lists no entry for this tag by your keys, and 1 by another key";
    assert_unchecked(&scene.run("verify", &[TAG]), reason);
    scene.record_by(&stranger(), "v1", &digest).await;
    let shown = parsed(&scene.run("verify", &[TAG, "--json"]));
    let reason = "the log lists no entry for this tag by your keys, and 2 by other keys";
    assert_eq!(json!([shown["verdict"], shown["reason"], shown["digest"]]), json!(["unchecked", reason, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_signers_finds_nothing_and_several_keys_may_be_named() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let another = tlogistry::sighting::LocalKey::generate().unwrap().public_key().pem().to_owned();
    let (wrong, both) = (scene.file("wrong.pem"), scene.file("both.pem"));
    std::fs::write(&wrong, &another).unwrap();
    std::fs::write(&both, another + &std::fs::read_to_string(scene.file("key.pub.pem")).unwrap()).unwrap();
    let [wrong, both] = [wrong, both].map(|path| path.to_str().unwrap().to_owned());
    let reason = "the log lists no entry for this tag by your keys, and 1 by another key";
    assert_unchecked(&scene.run("verify", &[TAG, "--key", &wrong]), reason);
    assert_eq!(scene.run("verify", &[TAG, "--key", &both]).code, Some(0));
    assert_eq!(scene.run("verify", &[TAG, "--key", &wrong, "--key", &both]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_another_tag_says_nothing_of_this_one() {
    let scene = Scene::set().await;
    let (digest, uploaded) = scene.seen("v1").await;
    scene.tags.push("v2", "v1");
    // The log's index leads to the wrong tag's entry: the digest alone proves nothing.
    let id = uploaded.entry.id().to_string();
    scene.alter(move |path, response| {
        if path.ends_with("/index/retrieve") { response.map(|_| json!([id]).to_string().into()) } else { response }
    });
    let ended = scene.run("verify", &["registry.test/app:v2"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(!ended.stdout.contains(digest.as_str()), "{}", ended.stdout);
    assert!(ended.stdout.contains("  about something else\n"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_log_lost_is_rebuilt_from_what_the_registry_serves() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    let attestation = BASE64_STANDARD.encode(statement(&tag("v1"), &digest));
    scene.replace(format!("\"attestation\":{{\"data\":\"{attestation}\"}},"), String::new());
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} holds\n\n  digest    {digest}\n")), "{}", ended.stdout);

    let current = scene.tags.push("v1", "something else");
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "  digest    unknown: the log has not kept the statement of the first entry\n";
    assert!(ended.stdout.starts_with(&format!("{TAG} has moved\n\n{said}")), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("\n  now       registry.test serves {current}\n")), "{}", ended.stdout);

    let reason = "the log has not kept the statement of the entry with index 1000000: only asking the registry can tell \
                  whether it is about what the tag is now";
    assert_unchecked(&scene.run("verify", &[TAG, "--no-registry"]), reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_entry_without_its_statement_must_be_about_the_recorded_digest() {
    let scene = Scene::set().await;
    let (recorded, _) = scene.seen("v1").await;
    scene.record("v1", &recorded).await;
    scene.lose_statement(1_000_001);
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = "\n  - the log lists 2 entries for this tag by your keys, and none names another digest\n";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);

    let other = Digest::sha256(&testing::registry::image("another"));
    scene.record("v1", &other).await;
    scene.lose_statement(1_000_002);
    let reason = "the log has not kept the statement of the entry with index 1000002, which bears your key and is not \
                  about the recorded digest";
    assert_unchecked(&scene.run("verify", &[TAG]), reason);
    assert_unchecked(&scene.run("verify", &[TAG, "--no-registry"]), reason);

    // A proven contradiction is reported whatever the other entry is about.
    scene.tags.push("v1", "a third");
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} has moved\n\n  digest    {recorded}\n")), "{}", ended.stdout);
    assert!(!ended.stdout.contains("the log lists"), "{}", ended.stdout);
    let said = "\nNot known: what digest the entry with index 1000002 is about, whose statement the log has not kept\n";
    assert!(ended.stdout.ends_with(said), "{}", ended.stdout);
    scene.tags.push("v1", "another");
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} is contradicted: ")), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_was_exchanged_is_not_believed() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    let current = scene.tags.push("v1", "something else");
    let [recorded, forged] = [&digest, &current].map(|digest| BASE64_STANDARD.encode(statement(&tag("v1"), digest)));
    scene.replace(recorded, forged);
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} has moved\n\n  digest    unknown")), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_tag_cannot_be_checked() {
    let scene = Scene::set().await;
    let tag = format!("registry.test/app:sha256-{}.sig", "0".repeat(64));
    let ended = scene.run("verify", &[&tag, "--no-registry"]);
    let said = format!(
        "{tag} could not be checked: a tag of this form stands for a digest and is rewritten by protocol, so it is never \
         recorded\n"
    );
    assert_eq!((ended.code, ended.stdout), (Some(2), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_key_decides() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let another = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/another-log.pub.pem");
    std::fs::copy(another, scene.file("log.pub.pem")).unwrap();
    let reason = "the entry with index 1000000 bears your key and does not verify: the log id is not that of the \
                  trusted key; the signed entry timestamp does not verify; the checkpoint's key hint is not that of the \
                  trusted key; the checkpoint is not signed by the trusted key";
    assert_unchecked(&scene.run("verify", &[TAG]), reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_cannot_be_checked() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let key = scene.file("key.pub.pem");
    let run = |arguments: &[&str]| {
        let mut command = cli();
        command.args(["verify", TAG, "--key"]).arg(&key).args(arguments);
        Process::start(&mut command).finish()
    };
    let log_key = scene.file("log.pub.pem");
    let [log_key, key_file] = [&log_key, &key].map(|path| path.to_str().unwrap());
    // Nothing listens on port 1.
    let ended = run(&["--rekor", "http://127.0.0.1:1", "--rekor-key", log_key, "--no-registry"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} could not be checked: the log could not be reached: ")));

    // The registry is not named as insecure, and is called by https: no such host.
    let ended = run(&["--rekor", &scene.url, "--rekor-key", log_key]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = format!("{TAG} could not be checked: registry.test cannot be reached: ");
    assert!(ended.stdout.starts_with(&said), "{}", ended.stdout);

    // The tag has gone from the registry.
    scene.record("v2", &Digest::sha256(b"gone")).await;
    let ended = scene.run("verify", &["registry.test/app:v2"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "registry.test/app:v2 could not be checked: registry.test has no such manifest\n";
    assert!(ended.stdout.starts_with(said), "{}", ended.stdout);

    // Only the public log's key is built in.
    let ended = run(&["--rekor", &scene.url]);
    let said =
        format!("tlogistry-cli: --rekor-key must be given for {}/: only rekor.sigstore.dev's is built in\n", scene.url);
    assert_eq!((ended.code, ended.stderr), (Some(2), said));

    // Files that hold no key, names that are none, and no key at all.
    let no_key = scene.file("key.pem");
    let ended = Process::start(cli().args(["verify", TAG, "--key"]).arg(&no_key)).finish();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("expected PUBLIC KEY or CERTIFICATE, found PRIVATE KEY"), "{}", ended.stderr);
    for arguments in [&["verify", TAG][..], &["verify", "alpine", "--key", key_file]] {
        assert_eq!(Process::start(cli().args(arguments)).finish().code, Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_wants_to_be_asked_later_is_asked_later() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let refused = std::sync::atomic::AtomicBool::new(false);
    scene.alter(move |path, response| {
        if !path.ends_with("/index/retrieve") || refused.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return response;
        }
        http::Response::builder().status(429).header("retry-after", "1").body("<html>".into()).unwrap()
    });
    let began = std::time::Instant::now();
    let ended = scene.run("verify", &[TAG]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "{:?}", began.elapsed());
}
