//! `verify --instance`: evidence that an instance hands out is checked like the log's own.

use serde_json::{Value, json};
use testing::client::get;
use testing::image::Image;
use testing::process::Ended;
use tlogistry::image::Digest;
use tlogistry::sighting::LocalKey;

use crate::served::{Served, TAG, answering};

impl Served {
    fn verify(&self, tag: &str, instance: &str, arguments: &[&str]) -> Ended {
        self.run("verify", tag, instance, arguments)
    }

    async fn bundle(&self) -> Value {
        let answer = get(&format!("{}/sightings/{TAG}", self.url())).await;
        serde_json::from_slice(&answer.bytes).unwrap()
    }
}

#[track_caller]
fn assert_unchecked(ended: &Ended, reason: &str) {
    let said = format!("{TAG} could not be checked: {reason}\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), said.as_str()), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instances_evidence_holds_with_the_log_out_of_reach_and_compares_with_the_registry() {
    let served = Served::set().await;
    let digest = Image::oci("pulled").digest();
    let ended = served.verify(TAG, &format!("{}/", served.url()), &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} holds\n\n  digest    {digest}\n")), "{}", ended.stdout);
    let said = "\nNot checked: whether the log has other entries for this tag; that takes asking the log\n";
    assert!(ended.stdout.ends_with(said), "{}", ended.stdout);
    let shown = served.verify(TAG, &served.url(), &["--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        json!([shown["source"], shown["verdict"], shown["digest"]]),
        json!(["instance", "holds", digest.as_str()])
    );

    served.stage.push("v1", &Image::oci("moved")).await;
    let ended = served.verify(TAG, &served.url(), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} has moved\n\n  digest    {digest}\n")), "{}", ended.stdout);
    let ended = served.verify(TAG, &served.url(), &["--no-registry"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_does_not_hold_is_refused_with_a_reason() {
    let served = Served::set().await;
    let bundle = served.bundle().await;
    let check = async |body: String| served.verify(TAG, &answering(200, body).await, &["--no-registry"]);
    assert_eq!(check(bundle.to_string()).await.code, Some(0));

    let fault = "the instance's evidence does not hold:";
    let mut late = bundle.clone();
    late["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!("1");
    let reason = format!("{fault} its log entry does not verify: the signed entry timestamp does not verify");
    assert_unchecked(&check(late.to_string()).await, &reason);

    let mut another = bundle.clone();
    let digest = Digest::sha256(b"another");
    let statement = tlogistry::sighting::statement(&TAG.parse().unwrap(), &digest);
    another["dsseEnvelope"]["payload"] = json!(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, statement));
    let reason = format!("{fault} its log entry does not record the statement with a signature by a trusted key");
    assert_unchecked(&check(another.to_string()).await, &reason);

    // Genuine, and about another tag.
    served.stage.push("v2", &Image::oci("pulled")).await;
    assert_eq!(get(&served.instance.url("manifests/v2")).await.status, 200);
    let v2 = get(&format!("{}/sightings/registry.test/demo/app:v2", served.url())).await;
    let ended = served.verify(TAG, &answering(200, v2.bytes).await, &["--no-registry"]);
    assert_unchecked(&ended, &format!("{fault} it is about another tag: registry.test/demo/app:v2"));

    assert!(check("{}".to_owned()).await.stdout.contains(&format!("{fault} not a Sigstore bundle: ")));
    let large = check(" ".repeat(1 << 20)).await;
    assert_unchecked(&large, "the instance could not be reached: the answer is larger than 65536 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_instance_proves_nothing() {
    let served = Served::set().await;
    let ended = served.verify("registry.test/demo/app:never", &served.url(), &["--no-registry"]);
    let said = "registry.test/demo/app:never could not be checked: the instance has never seen this tag\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), said));
    for body in ["<html>no such page</html>", r#"{"errors":[{"code":"NAME_UNKNOWN","message":"TAG_UNKNOWN"}]}"#] {
        let another = answering(404, body).await;
        let reason = "the instance answered 404 Not Found, and may not be a tlogistry";
        assert_unchecked(&served.verify(TAG, &another, &["--no-registry"]), reason);
    }
    let down = answering(503, "{}").await;
    assert_unchecked(&served.verify(TAG, &down, &["--no-registry"]), "the instance answered 503 Service Unavailable");
    // Nothing listens on port 1.
    let ended = served.verify(TAG, "http://127.0.0.1:1", &["--no-registry"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("the instance could not be reached: "), "{}", ended.stdout);

    // Another instance's key.
    let key = LocalKey::generate().unwrap();
    std::fs::write(served.folder.path().join("key.pem"), key.public_key().pem()).unwrap();
    let reason = "the instance's evidence does not hold: its log entry does not record the statement with a signature by \
                  a trusted key";
    assert_unchecked(&served.verify(TAG, &served.url(), &["--no-registry"]), reason);
}
