//! A registry's claim about a manifest does not hold.

use bytes::Bytes;
use http::Method;
use testing::faulty::registry::{Fault, OCI_MANIFEST};
use tlogistry::image::Digest;
use tlogistry::upstream::MAX_MANIFEST_BYTES;

use super::world::{World, manifest};

const DIGEST: &str = "docker-content-digest";
const TYPE: &str = "content-type";

fn header(name: &'static str, value: impl Into<String>) -> Fault {
    Fault::Header(name, Some(value.into()))
}

fn without(name: &'static str) -> Fault {
    Fault::Header(name, None)
}

#[tokio::test]
async fn a_manifest_unlike_the_registrys_claim_is_refused_and_left_unrecorded() {
    let other = Digest::sha256(b"other");
    let text = "text/html; charset=utf-8";
    let cases = [
        (
            header(DIGEST, other.as_str()),
            vec!["announced", other.as_str(), "sent a manifest with digest sha256:44136fa3"],
        ),
        (header(DIGEST, "sha256:zz"), vec!["announced sha256:zz"]),
        (header(DIGEST, ""), vec!["announced"]),
        (Fault::OtherBytes("{ }".into()), vec!["announced sha256:44136fa3", "sent a manifest with digest"]),
        (header(TYPE, text), vec!["answered with type 'text/html; charset=utf-8'"]),
        (header(TYPE, "application/json"), vec!["answered with type 'application/json'"]),
        (without(TYPE), vec!["sent a manifest without its type"]),
        (header("content-encoding", "gzip"), vec!["sent a manifest encoded as 'gzip'"]),
        (Fault::Endless, vec!["sent more than the 4194304 bytes that are allowed here"]),
    ];
    let world = World::start().await;
    world.registry.push("v1", "{}");
    for (fault, message) in cases {
        world.registry.fails("manifests", fault);
        for answer in [world.pull("v1").await, world.head(&manifest("v1")).await] {
            answer.assert_refused(502, "MANIFEST_INVALID", &["registry.test"]);
            answer.assert_refused(502, "MANIFEST_INVALID", &message);
        }
        world.registry.heals();
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn the_recorded_bytes_are_not_served_as_another_kind_of_manifest() {
    let mut world = World::start().await;
    let both = r#"{"schemaVersion":2,"config":{"size":1},"layers":[{}],"manifests":[{}]}"#;
    let both = world.registry.push("both", both);
    for answer in [world.pull("both").await, world.head(&manifest("both")).await, world.pull(&both).await] {
        answer.assert_refused(502, "MANIFEST_INVALID", &["that has 'manifests'"]);
    }
    assert_eq!(world.log.size().await, 0);

    let image = world.registry.push("v1", r#"{"schemaVersion":2,"config":{"size":1},"layers":[{}]}"#);
    world.pull("v1").await.assert_first_seen(&image);
    world.restart();
    world.registry.fails("manifests", header(TYPE, "application/vnd.oci.image.index.v1+json"));
    world.pull("v1").await.assert_refused(502, "MANIFEST_INVALID", &["that has 'config'"]);
}

#[tokio::test]
async fn an_empty_manifest_is_refused() {
    let world = World::start().await;
    let empty = world.registry.push("v1", "");
    for answer in [world.pull("v1").await, world.head(&manifest("v1")).await, world.pull(&empty).await] {
        answer.assert_refused(502, "MANIFEST_INVALID", &["registry.test sent an empty manifest"]);
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn a_manifest_is_one_whole_json_object() {
    let world = World::start().await;
    // The second would file its sighting under the hash of another tag.
    for bytes in [r#"{"schemaVersion":2,"#, "registry.test/demo/app:other", "[]"] {
        world.registry.push("v1", bytes);
        world.pull("v1").await.assert_refused(502, "MANIFEST_INVALID", &["not a whole JSON object"]);
    }
    assert_eq!(world.log.size().await, 0);
}

#[tokio::test]
async fn a_manifest_may_have_4_mib_and_not_a_byte_more() {
    let world = World::start().await;
    let padded = |length| format!("{{}}{}", " ".repeat(length - 2));
    let largest = world.registry.push("largest", padded(MAX_MANIFEST_BYTES));
    world.pull("largest").await.assert_first_seen(&largest);
    let larger = world.registry.push("larger", padded(MAX_MANIFEST_BYTES + 1));
    for fault in [None, Some(Fault::Unannounced)] {
        if let Some(fault) = fault {
            world.registry.fails("manifests", fault);
        }
        for answer in [world.pull("larger").await, world.head(&manifest("larger")).await, world.pull(&larger).await] {
            answer.assert_refused(502, "MANIFEST_INVALID", &["sent more than the 4194304 bytes"]);
        }
    }
    assert_eq!(world.log.size().await, 1);
}

#[tokio::test]
async fn a_manifest_by_digest_must_have_that_digest() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    let other = Bytes::from_static(b"{ }");
    world.registry.fails("manifests", Fault::OtherBytes(other.clone()));
    let expected = format!("answered a manifest with digest {} for {digest}", Digest::sha256(&other));
    world.pull(&digest).await.assert_refused(502, "MANIFEST_INVALID", &[&expected]);
    world.registry.heals();
    world.pull(&digest).await.assert_serves(&digest);
}

#[tokio::test]
async fn a_head_that_says_too_little_is_followed_by_a_get() {
    let other = Digest::sha256(b"other");
    let faults = [
        header(DIGEST, other.as_str()),
        header(DIGEST, "sha256:zz"),
        without(DIGEST),
        without(TYPE),
        header(TYPE, "text/html"),
        Fault::OtherBytes(Bytes::new()),
        Fault::Unannounced,
        Fault::Status(405, vec![("allow", "GET".to_owned())], ""),
    ];
    let world = World::with(&[("MANIFEST_CACHE_BYTES", "0")]).await;
    let digest = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&digest);
    for fault in faults {
        world.registry.asked();
        world.registry.method_fails(Method::HEAD, "manifests", fault);
        let answer = world.head(&manifest("v1")).await;
        answer.assert_unchanged(&digest);
        assert_eq!((answer.body.length(), answer.header("content-type")), (2, Some(OCI_MANIFEST)));
        assert_eq!(world.registry.asked(), ["HEAD manifests/v1", "GET manifests/v1"]);
        world.head(&manifest(&digest)).await.assert_serves(&digest);
        world.registry.heals();
    }
}

#[tokio::test]
async fn a_head_that_says_the_recorded_digest_cannot_make_another_be_served() {
    let world = World::start().await;
    let first = world.registry.push("v1", "{}");
    world.pull("v1").await.assert_first_seen(&first);
    // The registry has moved the tag and says it has not: the recorded bytes are served, or none.
    let second = world.registry.push("v1", r#"{"a":1}"#);
    world.registry.method_fails(Method::HEAD, "manifests", header(DIGEST, first.as_str()));
    let answer = world.pull("v1").await;
    answer.assert_unchanged(&first);
    assert_eq!(answer.bytes(), b"{}");
    // And the other way round, where it says that it has moved and it has not.
    world.registry.heals();
    world.registry.push("v1", "{}");
    world.registry.method_fails(Method::HEAD, "manifests", header(DIGEST, second.as_str()));
    world.pull("v1").await.assert_unchanged(&first);
}

#[tokio::test]
async fn a_manifest_type_may_be_written_with_parameters_and_in_any_case() {
    let world = World::start().await;
    let digest = world.registry.push("v1", "{}");
    world.registry.fails("manifests", header(TYPE, "Application/vnd.OCI.image.manifest.v1+json; charset=utf-8"));
    let answer = world.pull("v1").await;
    answer.assert_first_seen(&digest);
    assert_eq!(answer.header("content-type"), Some(OCI_MANIFEST));
}
