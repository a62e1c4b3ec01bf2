//! Requests that are not granted: status, code and message.

use http::Method;
use serde_json::{Value, json};
use sigstore::crypto::signing_key::ecdsa::EllipticCurve;

use crate::new_log;
use crate::support::*;

const INVALID: &str = "invalid hashedrekord request";
const ANOTHER_TYPE: &str = "invalid type, must be hashedrekord";

/// A change to the inner part of a good request.
type Change = fn(&mut Value);

fn verifier(sent: &mut Value) -> &mut Value {
    &mut sent["signature"]["verifier"]
}

#[tokio::test]
async fn what_is_missing_or_does_not_verify_is_400() {
    const CHANGES: [Change; 27] = [
        |sent| drop(sent.as_object_mut().unwrap().remove("digest")),
        |sent| sent["digest"] = Value::Null,
        |sent| sent["digest"] = "".into(),
        |sent| sent["digest"] = base64([0; 32]).into(),
        |sent| sent["digest"] = base64([0; 31]).into(),
        |sent| sent["digest"] = base64([0; 64]).into(),
        |sent| drop(sent.as_object_mut().unwrap().remove("signature")),
        |sent| sent["signature"] = Value::Null,
        |sent| sent["signature"] = json!({}),
        |sent| sent["signature"]["content"] = Value::Null,
        |sent| sent["signature"]["content"] = "".into(),
        |sent| sent["signature"]["content"] = base64([0; 64]).into(),
        |sent| sent["signature"]["content"] = base64([0; 65]).into(),
        |sent| sent["signature"]["content"] = base64([255; 200]).into(),
        |sent| sent["signature"]["content"] = base64(&Signed::new(b"another").signature).into(),
        |sent| *verifier(sent) = Value::Null,
        |sent| *verifier(sent) = json!({"keyDetails": DETAILS}),
        |sent| verifier(sent)["publicKey"] = Value::Null,
        |sent| verifier(sent)["publicKey"] = json!({}),
        |sent| verifier(sent)["publicKey"]["rawBytes"] = base64("no key").into(),
        |sent| verifier(sent)["publicKey"]["rawBytes"] = base64(Signed::new(b"another").key).into(),
        |sent| drop(verifier(sent).as_object_mut().unwrap().remove("keyDetails")),
        |sent| verifier(sent)["keyDetails"] = "PUBLIC_KEY_DETAILS_UNSPECIFIED".into(),
        |sent| verifier(sent)["keyDetails"] = "PKIX_ECDSA_P384_SHA_384".into(),
        |sent| verifier(sent)["keyDetails"] = "PKIX_ED25519_PH".into(),
        |sent| verifier(sent)["keyDetails"] = 100.into(),
        |sent| verifier(sent)["keyDetails"] = (-5).into(),
    ];
    let log = new_log().await;
    for (number, change) in CHANGES.into_iter().enumerate() {
        let mut sent = Signed::new(b"good").request();
        change(&mut sent["hashedRekordRequestV002"]);
        let answer = log.post(&sent).await;
        assert_eq!(answer.status, 400, "change {number}: {sent}: {answer:?}");
        assert_refused(&answer, 400, 3, INVALID);
    }
    assert_eq!(log.reader.head().await.0, 0);
}

#[tokio::test]
async fn forms_of_key_and_signature_that_go_does_not_read_are_400() {
    let log = new_log().await;
    let signed = Signed::new(b"good");
    let with = |key: &[u8], signature: &[u8]| {
        let mut sent = signed.request();
        sent["hashedRekordRequestV002"]["signature"]["content"] = base64(signature).into();
        *verifier(&mut sent["hashedRekordRequestV002"]) =
            json!({"publicKey": {"rawBytes": base64(key)}, "keyDetails": DETAILS});
        sent
    };
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&signed.key));
    // The point with its x and the sign of its y alone.
    let header = hex::decode("3039301306072a8648ce3d020106082a8648ce3d030107032200").unwrap();
    let sign = 2 + signed.key.last().unwrap() % 2;
    let compressed = [&header[..], &[sign], &signed.key[27..59]].concat();
    for key in [pem.as_bytes(), &[&signed.key[..], &[0]].concat(), &signed.key[..90], &compressed] {
        assert_refused(&log.post(&with(key, &signed.signature)).await, 400, 3, INVALID);
    }
    let der = &signed.signature;
    let [r, s] = signed.numbers(32);
    let [long_r, long_s] = signed.numbers(67);
    for signature in [
        [der, &[0][..]].concat(),
        [&[0x30, 0x81, der[1]], &der[2..]].concat(),
        [&r[..], &[0], &s].concat(),
        [long_r, long_s].concat(),
        [s, r].concat(),
    ] {
        assert_refused(&log.post(&with(&signed.key, &signature)).await, 400, 3, INVALID);
    }
    // A key of another kind.
    let other = Signed::by(EllipticCurve::P384, b"good");
    assert_refused(&log.post(&other.request()).await, 400, 3, INVALID);
    // The entry was good before the change.
    created(log.post(&with(&signed.key, der)).await);
}

#[tokio::test]
async fn what_is_no_such_request_is_400() {
    let log = new_log().await;
    let good = Signed::new(b"good").request().to_string();
    let dsse =
        json!({"envelope": {"payload": "aGk=", "payloadType": "t", "signatures": [{"sig": "aGk="}]}, "verifiers": []});
    for (body, message) in [
        ("".to_owned(), Some(ANOTHER_TYPE)),
        (" \n".to_owned(), Some(ANOTHER_TYPE)),
        ("{}".to_owned(), Some(ANOTHER_TYPE)),
        (json!({"hashedRekordRequestV002": null}).to_string(), Some(ANOTHER_TYPE)),
        (json!({"dsseRequestV002": dsse}).to_string(), Some(ANOTHER_TYPE)),
        (json!({"dsseRequestV002": {}}).to_string(), Some(ANOTHER_TYPE)),
        (json!({"hashedRekordRequestV002": {}}).to_string(), Some(INVALID)),
        // The others carry a parser's own words.
        (json!({"dsseRequestV002": 1}).to_string(), None),
        (json!({"intotoRequestV002": {}}).to_string(), None),
        (json!({"hashedRekordRequestV002": []}).to_string(), None),
        (json!({"hashedRekordRequestV002": "x"}).to_string(), None),
        (format!("[{good}]"), None),
        ("null".to_owned(), None),
        ("1".to_owned(), None),
        ("no JSON".to_owned(), None),
        (good[..good.len() - 1].to_owned(), None),
        (good.replace("\"digest\"", "\"Digest\""), None),
        (good.replace("\"digest\":", "\"other\":1,\"digest\":"), None),
        (good.replace("\"digest\":", "\"digest\":\"AAAA\",\"digest\":"), None),
        (good.replace("\"digest\":\"", "\"digest\":\"!"), None),
        (good.replace("\"digest\":\"", "\"digest\":\" "), None),
        (good.replace("\"keyDetails\":", "\"key_details\":null,\"keyDetails\":"), None),
        (good.replace("\"keyDetails\":", "\"x509Certificate\":{\"rawBytes\":\"AAAA\"},\"keyDetails\":"), None),
        (good.replace("\"keyDetails\":\"", "\"keyDetails\":true,\"no\":\""), None),
        (good.replacen('{', "{\"dsseRequestV002\":{},", 1), None),
        ("{\"hashedRekordRequestV002\":".repeat(5000), None),
    ] {
        let answer = log.post_text(body.clone()).await;
        let shown = &body[..body.len().min(300)];
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        let error: Value = serde_json::from_slice(&answer.bytes).unwrap();
        let said = error["message"].as_str().unwrap();
        assert_eq!((&error["code"], &error["details"]), (&json!(3), &json!([])), "{shown}");
        assert!(message.is_none_or(|message| message == said) && !said.is_empty(), "{shown}: {said}");
    }
    for body in
        [&b"\xff{}"[..], &[b"\xef\xbb\xbf", good.as_bytes()].concat(), &good.replace("PKIX", "P\u{0}IX").into_bytes()]
    {
        assert_eq!(log.post_text(body).await.status, 400, "{:?}", String::from_utf8_lossy(body));
    }
    assert_eq!(log.reader.head().await.0, 0);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_404_and_501() {
    let log = new_log().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/nope"),
        (Method::POST, "/api/v1/log/entries"),
        (Method::GET, "/api/v1/log"),
        (Method::POST, "/api/v2/log/entries/"),
        (Method::POST, "//api/v2/log/entries"),
        (Method::GET, "/api/v2/log/entries/0"),
        (Method::GET, "/checkpoint"),
    ] {
        assert_refused(&log.ask(method, path).await, 404, 5, "Not Found");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        assert_refused(&log.ask(method, ENTRIES).await, 501, 12, "Method Not Allowed");
    }
    assert_refused(&log.ask(Method::POST, "/api/v2/checkpoint").await, 501, 12, "Method Not Allowed");
    let health = log.ask(Method::GET, "/healthz").await;
    assert_eq!((health.status, health.text()), (200, "{\"status\":\"SERVING\"}\n"));
    assert_refused(&log.ask(Method::POST, "/healthz").await, 501, 12, "Method Not Allowed");
}
