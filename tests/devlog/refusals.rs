//! Requests that are not granted: status, code and message.

use crate::support::*;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use sigstore::crypto::signing_key::KeyPair;
use sigstore::crypto::signing_key::ecdsa::{EllipticCurve, ec::EcdsaKeys};

const BAD_KEY: &str = "could not parse public key as x509: the embedded log takes one ECDSA P-256 \
                       key in PEM for each signature, no certificates";
const UNVERIFIED: &str =
    "could not verify envelope: a signature is by none of the keys, or a key made none of the signatures";

/// A change to a good proposal, and what is then wrong with it.
type Case = (fn(&mut Value), &'static str);

fn envelope(sent: &mut Value) -> &mut Value {
    &mut sent["spec"]["content"]["envelope"]
}

fn signature(sent: &mut Value) -> &mut Value {
    &mut envelope(sent)["signatures"][0]
}

#[tokio::test]
async fn what_cannot_be_added_is_400_and_says_why() {
    const CASES: [Case; 15] = [
        (
            |sent| sent["kind"] = "dsse".into(),
            "entry kind 'dsse' is not enabled for submission on this server: the embedded log \
             takes intoto 0.0.2 only",
        ),
        (
            |sent| sent["apiVersion"] = "0.0.1".into(),
            "intoto implementation for version '0.0.1' not found: the embedded log takes intoto \
             0.0.2 only",
        ),
        (|sent| envelope(sent)["payload"] = "".into(), "entry not insertable into log: missing envelope content"),
        (
            |sent| envelope(sent)["payloadType"] = "".into(),
            "entry not insertable into log: missing payloadType content",
        ),
        (|sent| envelope(sent)["signatures"] = json!([]), "entry not insertable into log: missing signatures content"),
        (
            |sent| envelope(sent)["signatures"] = vec![signature(sent).clone(); 9].into(),
            "9 signatures, at most 8 are taken",
        ),
        (|sent| envelope(sent)["payload"] = base64("{}").into(), "failed parsing base64 data for payload"),
        (|sent| signature(sent)["sig"] = "!".into(), "failed parsing base64 data for signature"),
        (|sent| signature(sent)["publicKey"] = "!".into(), "failed parsing base64 data for public key"),
        (|sent| signature(sent)["publicKey"] = base64("no key").into(), BAD_KEY),
        (
            |sent| {
                let p384 = EcdsaKeys::new(EllipticCurve::P384).unwrap();
                signature(sent)["publicKey"] = base64(p384.public_key_to_pem().unwrap()).into();
            },
            BAD_KEY,
        ),
        (|sent| signature(sent)["publicKey"] = base64(Client::new().pem).into(), UNVERIFIED),
        (|sent| envelope(sent)["payload"] = base64(base64("another")).into(), UNVERIFIED),
        (|sent| envelope(sent)["payloadType"] = "text/plain".into(), UNVERIFIED),
        (
            |sent| sent["spec"]["content"]["hash"]["algorithm"] = "md5".into(),
            "unsupported hash algorithm 'md5', sha256 is the only one",
        ),
    ];
    let log = in_memory().await;
    for (change, message) in CASES {
        let mut sent = Client::new().propose(&statement("a"));
        change(&mut sent);
        let answer = post(&log, ENTRIES, &sent).await;
        answer.assert_error(400, 400, &format!("error processing entry: {message}"));
    }
    // One good signature does not carry a bad one.
    let mut sent = Client::new().propose(&statement("a"));
    let other = signature(&mut Client::new().propose(b"other")).clone();
    let signatures = envelope(&mut sent)["signatures"].as_array_mut().unwrap();
    signatures.push(other);
    let answer = post(&log, ENTRIES, &sent).await;
    answer.assert_error(400, 400, &format!("error processing entry: {UNVERIFIED}"));
    assert_eq!(get(&log, "/api/v1/log").await.json()["treeSize"], 0);
}

#[tokio::test]
async fn an_entry_without_the_hash_of_its_envelope_is_500_as_in_rekor() {
    let log = in_memory().await;
    let mut sent = Client::new().propose(&statement("a"));
    let content = sent["spec"]["content"].as_object_mut().unwrap();
    content.remove("hash");
    let answer = post(&log, ENTRIES, &sent).await;
    answer.assert_error(500, 500, "error generating canonicalized entry");
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be_are_400_and_never_a_panic() {
    let log = in_memory().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["[]", "null", "7", "\"{}\"", "\u{0}", &deep] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        for path in [ENTRIES, SEARCH, RETRIEVE] {
            let answer = post_bytes(&log, path, body.clone()).await;
            answer.assert_error(400, 400, "the body must be a JSON object");
        }
    }
    let deep_object = format!("{{\"hash\":{deep},\"logIndexes\":{deep},\"kind\":{deep}}}");
    for body in ["{", "{\"hash\":7,\"logIndexes\":7,\"kind\":7}", &deep_object] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        for (path, message) in [
            (ENTRIES, "error processing entry: malformed JSON: "),
            (SEARCH, "parsing query body failed, because "),
            (RETRIEVE, "parsing entry body failed, because "),
        ] {
            let answer = post_bytes(&log, path, body.clone()).await;
            assert_eq!(answer.status, 400, "{path}: {answer:?}");
            let answer = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(answer.starts_with(message), "{answer}");
        }
    }
    let spec = |spec: &str| format!("{{\"kind\":\"intoto\",\"apiVersion\":\"0.0.2\",{spec}}}");
    for body in [
        "{}",
        "{\"kind\":\"\\ud800\",\"spec\":{}}",
        "{\"kind\":\"intoto\",\"kind\":\"intoto\",\"spec\":{}}",
        &spec("\"spec\":7"),
        &spec("\"spec\":{\"content\":[[]]}"),
        &spec(&format!("\"spec\":{deep}")),
        &spec(&format!("\"spec\":{{\"content\":{{\"envelope\":{{\"signatures\":{deep}}}}}}}")),
    ] {
        let answer = post_bytes(&log, ENTRIES, Bytes::copy_from_slice(body.as_bytes())).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let statement = Client::new().propose(format!("{{\"predicate\":{deep}}}").as_bytes());
    assert_eq!(post(&log, ENTRIES, &statement).await.status, 201);
}

#[tokio::test]
async fn parameters_are_checked_as_go_openapi_does() {
    let log = in_memory().await;
    let (id, _) = upload(&log, "a").await;
    let too_wide = format!("/api/v1/log/entries/ffffffffffffffff{}", &id[16..]);
    for (path, status, code, message) in [
        (ENTRIES, 422, 602, "logIndex in query is required"),
        ("/api/v1/log/entries?logIndex=x", 422, 601, "logIndex in query must be of type int64: \"x\""),
        ("/api/v1/log/entries?logIndex=-1", 422, 609, "logIndex in query should be greater than or equal to 0"),
        ("/api/v1/log/entries/abc", 422, 605, "entryUUID in path should match '^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$'"),
        (&too_wide, 400, 400, "validation error: ffffffffffffffff is not a valid TreeID"),
        ("/api/v1/log/proof", 422, 602, "lastSize in query is required"),
        (
            "/api/v1/log/proof?firstSize=0&lastSize=1",
            422,
            609,
            "firstSize in query should be greater than or equal to 1",
        ),
        ("/api/v1/log/proof?firstSize=2&lastSize=1", 400, 400, "firstSize(2) must be less than lastSize(1)"),
        (
            "/api/v1/log/proof?lastSize=2",
            400,
            400,
            "the tree size requested(2) was greater than what is currently observable(1)",
        ),
        ("/api/v1/log/proof?lastSize=1&treeID=7", 400, 400, "no log range found for tree ID 7"),
        ("/api/v1/log/proof?lastSize=1&treeID=x", 422, 605, "treeID in query should match '^[0-9]+$'"),
        ("/api/v1/log/publicKey?treeID=7", 400, 400, "Bad Request"),
        ("/api/v1/version", 404, 404, "path /api/v1/version was not found"),
        ("/", 404, 404, "path / was not found"),
        (SEARCH, 405, 405, "method GET is not allowed, but [POST] are"),
    ] {
        get(&log, path).await.assert_error(status, code, message);
    }
}

#[tokio::test]
async fn searches_are_checked() {
    let log = in_memory().await;
    let hash = "hash in body should match '^(sha512:)?[0-9a-fA-F]{128}$|\
                ^(sha256:)?[0-9a-fA-F]{64}$|^(sha1:)?[0-9a-fA-F]{40}$'";
    let sixty_four = "0".repeat(64);
    for (query, status, code, message) in [
        (json!({ "hash": "abc" }), 422, 605, hash),
        (json!({ "hash": "g".repeat(64) }), 422, 605, hash),
        (json!({ "hash": format!("sha512:{sixty_four}") }), 422, 605, hash),
        (
            json!({ "publicKey": { "format": "x509", "content": base64("no key") } }),
            400,
            400,
            "public key provided could not be parsed",
        ),
        (
            json!({ "publicKey": { "format": "pgp" } }),
            400,
            400,
            "the PKI format requested is not supported by this server",
        ),
        (json!({ "publicKey": {} }), 422, 606, "publicKey.format in body should be one of [pgp x509 minisign ssh tuf]"),
        (json!({ "operator": "xor" }), 422, 606, "operator in body should be one of [and or], not \"xor\""),
    ] {
        let answer = post(&log, SEARCH, &query).await;
        answer.assert_error(status, code, message);
    }
    let query = json!({ "entryUUIDs": ["abc"] });
    post(&log, RETRIEVE, &query).await.assert_error(
        422,
        605,
        "entryUUIDs.0 in body should match '^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$'",
    );
}

#[tokio::test]
async fn methods_and_content_types_are_checked() {
    let log = in_memory().await;
    let request = Request::delete(ENTRIES).body(Bytes::new()).unwrap();
    let answer = send(&log, request).await;
    answer.assert_error(405, 405, "method DELETE is not allowed, but [GET,POST] are");
    assert_eq!(answer.header("allow"), "GET,POST");

    let request = Request::post(SEARCH).header("content-type", "text/plain");
    let answer = send(&log, request.body("{}".into()).unwrap()).await;
    let message = "unsupported media type \"text/plain\", only [application/json] are allowed";
    answer.assert_error(415, 415, message);

    let request = Request::post(SEARCH).header("content-type", "Application/JSON; charset=utf-8");
    let answer = send(&log, request.body("{}".into()).unwrap()).await;
    assert_eq!(answer.status, 200);

    let answer = post_bytes(&log, SEARCH, Bytes::new()).await;
    answer.assert_error(422, 602, "body is required");
}
