//! Requests that are not granted: status, code and message.

use crate::support::*;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use sigstore::crypto::signing_key::KeyPair;
use sigstore::crypto::signing_key::ecdsa::{EllipticCurve, ec::EcdsaKeys};

const BAD_KEY: &str = "could not parse public key as x509: the embedded log takes one ECDSA P-256 \
                       key in PEM for each signature, no certificates";
const UNVERIFIED: &str = "could not verify envelope: accepted signatures do not match threshold, Found: 0, Expected 1";

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
    const CASES: [Case; 12] = [
        (|sent| envelope(sent)["payload"] = "".into(), "entry not insertable into log: missing envelope content"),
        (|sent| envelope(sent)["payloadType"] = "".into(), UNVERIFIED),
        (
            |sent| envelope(sent)["signatures"] = json!([]),
            "validation failure list:\ncontent.content.envelope.content.envelope.signatures in body should have at least 1 \
             items",
        ),
        (
            |sent| envelope(sent)["payload"] = base64("{}").into(),
            "could not verify envelope: unable to base64 decode payload (is payload in the right format?)",
        ),
        (|sent| signature(sent)["sig"] = "!".into(), "failed parsing base64 data for signature"),
        (
            |sent| signature(sent)["sig"] = base64("!").into(),
            "could not verify envelope: unable to base64 decode payload (is payload in the right format?)",
        ),
        (|sent| signature(sent)["publicKey"] = "!".into(), "failed parsing base64 data for public key"),
        (|sent| signature(sent)["publicKey"] = base64(Client::new().pem).into(), UNVERIFIED),
        (|sent| signature(sent)["publicKey"] = base64("no key").into(), "could not parse public key as x509"),
        (|sent| envelope(sent)["payload"] = base64(base64("another")).into(), UNVERIFIED),
        (|sent| envelope(sent)["payloadType"] = "text/plain".into(), UNVERIFIED),
        (
            |sent| sent["spec"]["content"]["hash"]["algorithm"] = "md5".into(),
            "validation failure list:\ncontent.content.hash.content.hash.algorithm in body should be one of [sha256]",
        ),
    ];
    let log = new_log().await;
    for (change, message) in CASES {
        let mut sent = Client::new().propose(&statement("a"));
        change(&mut sent);
        let answer = post(&log, ENTRIES, &sent).await.error(400, 400);
        let (whole, why) = answer.split_at_checked("error processing entry: ".len()).unwrap_or_default();
        assert_eq!(whole, "error processing entry: ");
        // The message of the libraries for base64 and PEM follows a colon.
        assert!(why == message || why.starts_with(&format!("{message}: ")), "{why}\nis not\n{message}");
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

/// Rekor takes these, or says something else.
#[tokio::test]
async fn the_embedded_log_takes_one_kind_a_few_signatures_and_one_sort_of_key() {
    const CASES: [Case; 4] = [
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
        (
            |sent| envelope(sent)["signatures"] = vec![signature(sent).clone(); 9].into(),
            "9 signatures, at most 8 are taken",
        ),
        (
            |sent| {
                let p384 = EcdsaKeys::new(EllipticCurve::P384).unwrap();
                signature(sent)["publicKey"] = base64(p384.public_key_to_pem().unwrap()).into();
            },
            BAD_KEY,
        ),
    ];
    let log = embedded().await;
    for (change, message) in CASES {
        let mut sent = Client::new().propose(&statement("a"));
        change(&mut sent);
        let answer = post(&log, ENTRIES, &sent).await;
        answer.assert_error(400, 400, &format!("error processing entry: {message}"));
    }
}

/// Faults that Rekor finds before it looks at the entry itself.
#[tokio::test]
async fn a_proposal_needs_a_kind_that_there_is_a_version_and_a_spec() {
    let log = new_log().await;
    for (body, code, message) in [
        (json!(null), 602, "kind in body is required"),
        (json!({}), 602, "kind in body is required"),
        (json!({ "kind": "nonsense" }), 422, "invalid kind value: \"nonsense\""),
        (json!({ "kind": "intoto", "spec": {} }), 602, "apiVersion in body is required"),
        (json!({ "kind": "intoto", "apiVersion": "0.0.2", "spec": null }), 602, "spec in body is required"),
    ] {
        post(&log, ENTRIES, &body).await.assert_error(422, code, message);
        let answer = post(&log, RETRIEVE, &json!({ "entries": [body] })).await;
        if message.contains("kind") {
            answer.assert_error(400, 400, &format!("parsing entry body from \"\" failed, because {message}"));
        } else {
            answer.assert_error(422, 602, &format!("entries.0.{message}"));
        }
    }
}

#[tokio::test]
async fn an_entry_without_the_hash_of_its_envelope_is_500_as_in_rekor() {
    let log = new_log().await;
    let mut sent = Client::new().propose(&statement("a"));
    let content = sent["spec"]["content"].as_object_mut().unwrap();
    content.remove("hash");
    let answer = post(&log, ENTRIES, &sent).await;
    answer.assert_error(500, 500, "error generating canonicalized entry");
}

#[tokio::test]
async fn malformed_bodies_are_refused_without_a_panic() {
    let log = new_log().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_object = format!("{{\"hash\":{deep},\"logIndexes\":{deep},\"kind\":{deep}}}");
    let wrong = "{\"hash\":7,\"logIndexes\":7,\"kind\":7}";
    for body in ["[]", "7", "\"{}\"", "\u{0}", "{", wrong, &deep, &deep_object] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        post_bytes(&log, ENTRIES, body.clone()).await.error(500, 500);
        for (path, parameter) in [(SEARCH, "query"), (RETRIEVE, "entry")] {
            let message = post_bytes(&log, path, body.clone()).await.error(400, 400);
            let expected = format!("parsing {parameter} body from \"\" failed, because ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
    for path in [SEARCH, RETRIEVE] {
        let answer = post(&log, path, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), &answer.bytes[..]), (200, &b"[]\n"[..]), "{path}");
    }
    let spec = |spec: &str| format!("{{\"kind\":\"intoto\",\"apiVersion\":\"0.0.2\",{spec}}}");
    for body in [
        &*spec("\"spec\":7"),
        &spec("\"spec\":{\"content\":[[]]}"),
        &spec(&format!("\"spec\":{deep}")),
        &spec(&format!("\"spec\":{{\"content\":{{\"envelope\":{{\"signatures\":{deep}}}}}}}")),
    ] {
        let answer = post_bytes(&log, ENTRIES, Bytes::copy_from_slice(body.as_bytes())).await;
        // Rekor's parser gives up at a depth where the embedded log's has not looked yet.
        assert!([400, 500].contains(&answer.status.as_u16()), "{answer:?}");
    }
    let statement = Client::new().propose(format!("{{\"predicate\":{deep}}}").as_bytes());
    assert_eq!(post(&log, ENTRIES, &statement).await.status, 201);
}

#[tokio::test]
async fn parameters_are_checked_as_go_openapi_does() {
    let log = new_log().await;
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
        ("/api/v1/version", 404, 404, "path /api/v1/version was not found"),
        ("/api/v1", 404, 404, "path /api/v1 was not found"),
        ("/api/v1/log/entries/", 422, 602, "logIndex in query is required"),
        (SEARCH, 405, 405, "method GET is not allowed, but [POST] are"),
    ] {
        let answer = get(&log, path).await;
        answer.assert_error(status, code, message);
    }
    let answer = get(&log, "/api/v1/log/publicKey?treeID=7").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({ "code": 400, "message": "Bad Request" })));
    assert_eq!(answer.header("content-type"), "application/x-pem-file");
}

#[tokio::test]
async fn searches_are_checked() {
    let log = new_log().await;
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
        (json!({ "publicKey": { "format": "pgp" } }), 400, 400, "public key provided could not be parsed"),
        (json!({ "publicKey": {} }), 422, 602, "publicKey.publicKey.format in body is required"),
        (
            json!({ "publicKey": { "format": "der" } }),
            422,
            606,
            "publicKey.publicKey.format in body should be one of [pgp x509 minisign ssh tuf]",
        ),
        (json!({ "operator": "xor" }), 422, 606, "operator in body should be one of [and or]"),
        (json!({ "email": "x" }), 422, 601, "email in body must be of type email: \"x\""),
    ] {
        let answer = post(&log, SEARCH, &query).await;
        answer.assert_error(status, code, message);
    }
    let not_base64 = json!({ "publicKey": { "format": "x509", "content": "!" } });
    let message = post(&log, SEARCH, &not_base64).await.error(400, 400);
    assert!(message.starts_with("parsing query body from \"\" failed, because "), "{message}");
}

#[tokio::test]
async fn retrievals_are_checked() {
    let log = new_log().await;
    let (no_tree, too_wide) = ("0".repeat(80), "f".repeat(80));
    for (query, status, code, message) in [
        (
            json!({ "entryUUIDs": ["abc"] }),
            422,
            605,
            "entryUUIDs.0 in body should match '^([0-9a-fA-F]{64}|[0-9a-fA-F]{80})$'",
        ),
        (json!({ "entryUUIDs": [] }), 422, 612, "entryUUIDs in body should have at least 1 items"),
        (json!({ "logIndexes": vec![9; 11] }), 422, 611, "logIndexes in body should have at most 10 items"),
        (json!({ "logIndexes": [9, -1] }), 422, 609, "logIndexes.1 in body should be greater than or equal to 0"),
        (json!({ "entryUUIDs": [no_tree] }), 400, 400, &*format!("invalid entryID {no_tree}")),
        (json!({ "entryUUIDs": [too_wide] }), 400, 400, &*format!("invalid entryID {too_wide}")),
    ] {
        post(&log, RETRIEVE, &query).await.assert_error(status, code, message);
    }
    assert_eq!(post(&log, RETRIEVE, &json!({ "logIndexes": [null] })).await.json(), json!([]));
}

/// Rekor looks at each first, and says what is wrong with it.
#[tokio::test]
async fn the_embedded_log_looks_at_no_proposal_where_there_are_too_many() {
    let too_many = json!({ "entries": vec![json!({}); 11] });
    let answer = post(&embedded().await, RETRIEVE, &too_many).await;
    answer.assert_error(422, 611, "entries in body should have at most 10 items");
}

#[tokio::test]
async fn methods_and_content_types_are_checked() {
    let log = new_log().await;
    let request = Request::delete(ENTRIES).body(Bytes::new()).unwrap();
    let answer = send(&log, request).await;
    // Rekor's are in the order of a Go map.
    let both = if answer.header("allow") == "POST,GET" { "POST,GET" } else { "GET,POST" };
    answer.assert_error(405, 405, &format!("method DELETE is not allowed, but [{both}] are"));
    assert_eq!(answer.header("allow"), both);

    let request = Request::post(SEARCH).header("content-type", "text/plain");
    let answer = send(&log, request.body("{}".into()).unwrap()).await;
    let message = "unsupported media type \"text/plain\", only [application/json] are allowed";
    answer.assert_error(415, 415, message);

    let request = Request::post(SEARCH).header("content-type", "Application/JSON; charset=utf-8");
    let answer = send(&log, request.body("{}".into()).unwrap()).await;
    assert_eq!(answer.status, 200);

    let request = Request::post(SEARCH).header("content-type", "nonsense");
    let answer = send(&log, request.body("{}".into()).unwrap()).await;
    let message = "parsing Content-Type header from \"nonsense\" failed, because mediatype: malformed: \"nonsense\" has no \
                   subtype";
    answer.assert_error(400, 400, message);

    for (path, name) in [(ENTRIES, "proposedEntry"), (SEARCH, "query"), (RETRIEVE, "entry")] {
        let answer = post_bytes(&log, path, Bytes::new()).await;
        answer.assert_error(422, 602, &format!("{name} in body is required"));
    }
}
