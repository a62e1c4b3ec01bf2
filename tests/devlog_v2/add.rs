//! Adding entries.

use std::sync::Arc;

use serde_json::{Value, json};
use testing::filed::{Key, der};

use crate::new_log;
use crate::support::*;

/// Entries that real servers answered, in bundles: of a key, and of a certificate.
const REAL: [&str; 2] = [
    include_str!("../data/rekor-v2/ours/bundle-valid.json"),
    include_str!("../data/rekor-v2/bundles/rekor2-happy-path.json"),
];

#[tokio::test]
async fn a_leaf_has_the_bytes_that_real_servers_made_of_the_same_request() {
    let log = new_log().await;
    let mut leaves = Vec::new();
    for real in REAL {
        let bundle: Value = serde_json::from_str(real).unwrap();
        let real = &bundle["verificationMaterial"]["tlogEntries"][0];
        let body: Value = serde_json::from_slice(&unbase64(&real["canonicalizedBody"])).unwrap();
        let spec = &body["spec"]["hashedRekordV002"];
        let request = json!({"digest": spec["data"]["digest"], "signature": spec["signature"]});
        let entry = created(log.post(&json!({"hashedRekordRequestV002": request})).await);
        assert_eq!(entry["canonicalizedBody"], real["canonicalizedBody"]);
        if leaves.is_empty() {
            // It was the first of its own log too.
            assert_eq!(entry["inclusionProof"]["rootHash"], real["inclusionProof"]["rootHash"]);
            let members = |entry: &Value| -> Vec<String> { entry.as_object().unwrap().keys().cloned().collect() };
            assert_eq!(members(&entry), members(real));
            assert_eq!(members(&entry["inclusionProof"]), members(&real["inclusionProof"]));
        }
        leaves.push(unbase64(&entry["canonicalizedBody"]));
        log.check(&entry, &leaves);
    }
}

#[tokio::test]
async fn each_answer_has_a_proof_to_its_own_checkpoint() {
    let log = new_log().await;
    let mut leaves = Vec::new();
    for index in 0..9 {
        let signed = Signed::new(format!("message {index}").as_bytes());
        let entry = created(log.post(&signed.request()).await);
        leaves.push(signed.leaf().into_bytes());
        assert_eq!(
            (&entry["logIndex"], number(&entry["inclusionProof"]["treeSize"])),
            (&json!(index.to_string()), index + 1)
        );
        log.check(&entry, &leaves);
        assert_eq!(log.reader.head().await.0, index as u64 + 1, "what was answered is in the published checkpoint");
    }
    assert_eq!(log.reader.all().await, leaves);
}

#[tokio::test]
async fn the_same_leaf_again_is_a_conflict_that_names_the_entry() {
    let log = new_log().await;
    log.add().await;
    let signed = Signed::new(b"twice");
    assert_eq!(created(log.post(&signed.request()).await)["logIndex"], "1");
    for _ in 0..2 {
        let again = log.post(&signed.request()).await;
        let message = "an equivalent entry already exists in the transparency log with index 1";
        assert_refused(&again, 409, 6, message);
        assert_eq!(again.header("x-log-index"), "1");
    }
    assert_eq!(log.reader.all().await.len(), 2);
    assert_eq!(created(log.post(&Signed::new(b"twice").request()).await)["logIndex"], "2", "another signature");
}

#[tokio::test]
async fn one_request_has_many_spellings_and_one_leaf() {
    let log = new_log().await;
    // With bytes that the two alphabets write differently.
    let signed = (0..).map(|round: u64| Signed::new(&round.to_be_bytes())).find(|signed| {
        let texts = [&signed.digest, &signed.signature].map(base64);
        texts.iter().all(|text| text.contains('+') && text.contains('/') && text.ends_with('='))
    });
    let signed = signed.unwrap();
    let text = signed.request().to_string();
    let url_safe = |text: &str| text.replace('+', "-").replace("/", "_");
    let numbered = |number: &str| text.replace(&format!("\"{DETAILS}\""), number);
    let mut with_nulls = signed.request();
    with_nulls["dsseRequestV002"] = Value::Null;
    with_nulls["hashedRekordRequestV002"]["signature"]["verifier"]["x509Certificate"] = Value::Null;
    let snake_case = [
        ("hashedRekordRequestV002", "hashed_rekord_request_v002"),
        ("rawBytes", "raw_bytes"),
        ("publicKey", "public_key"),
        ("keyDetails", "key_details"),
    ];
    let spellings = [
        url_safe(&text),
        text.replace('=', ""),
        url_safe(&text).replace('=', ""),
        snake_case.iter().fold(text.clone(), |text, (name, snake)| text.replace(name, snake)),
        numbered("5"),
        numbered("5.0"),
        with_nulls.to_string(),
        text.replace("digest", "d\\u0069gest"),
        format!(" \r\n\t{text}"),
        format!("{text} and what is behind it"),
    ];
    let entry = created(log.post_text(text.clone()).await);
    assert_eq!(unbase64(&entry["canonicalizedBody"]), signed.leaf().as_bytes());
    for spelling in spellings {
        assert_ne!(spelling, text);
        let answer = log.post_text(spelling.clone()).await;
        assert_eq!((answer.status, answer.find("x-log-index")), (409, Some("0")), "{spelling}: {answer:?}");
    }
    // Nor does the type that a client says it sends matter.
    for content_type in [None, Some("text/plain"), Some("application/grpc")] {
        let mut request = testing::client::client().post(format!("{}{ENTRIES}", log.url)).body(text.clone());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        assert_eq!(testing::client::send(request).await.status, 409, "{content_type:?}");
    }
}

#[tokio::test]
async fn a_signature_can_be_filed_again_in_other_forms() {
    let log = new_log().await;
    let signed = Signed::new(b"filed by anyone");
    log.post(&signed.request()).await;
    let mut count = 1;
    // Bare numbers, of any length that P-521's have.
    for length in [32, 33, 66] {
        let signature = signed.numbers(length).concat();
        let mut request = signed.request();
        request["hashedRekordRequestV002"]["signature"]["content"] = base64(&signature).into();
        let entry = created(log.post(&request).await);
        assert_eq!(unbase64(&entry["canonicalizedBody"]), signed.leaf_with(&signature, DETAILS).as_bytes());
        count += 1;
    }
    // A key is not compared with what is said of it, but for the digest.
    for (details, code) in [
        ("PKIX_RSA_PKCS1V15_2048_SHA256", 9),
        ("PKIX_RSA_PKCS1V15_3072_SHA256", 10),
        ("PKIX_RSA_PKCS1V15_4096_SHA256", 11),
        ("PKIX_RSA_PSS_2048_SHA256", 16),
        ("PKIX_RSA_PSS_3072_SHA256", 17),
        ("PKIX_RSA_PSS_4096_SHA256", 18),
        ("PKIX_ECDSA_P384_SHA_256", 19),
        ("PKIX_ECDSA_P521_SHA_256", 20),
    ] {
        let mut request = signed.request();
        let verifier = &mut request["hashedRekordRequestV002"]["signature"]["verifier"];
        verifier["keyDetails"] = details.into();
        let entry = created(log.post(&request).await);
        assert_eq!(unbase64(&entry["canonicalizedBody"]), signed.leaf_with(&signed.signature, details).as_bytes());
        count += 1;
        let verifier = &mut request["hashedRekordRequestV002"]["signature"]["verifier"];
        verifier["keyDetails"] = code.into();
        assert_eq!(log.post(&request).await.status, 409, "{details} by its number");
    }
    assert_eq!(log.reader.all().await.len(), count);
}

#[tokio::test]
async fn a_certificate_of_anyones_holds_a_key_as_well_and_must_fit_into_a_tile() {
    let log = new_log().await;
    let (ours, theirs) = (Key::generate(), Key::generate());
    let signed = Signed { key: ours.public.der().into(), digest: sha256(b"signed"), signature: ours.sign(b"signed") };
    let request = |certificate: &[u8]| {
        let mut request = signed.request();
        let verifier = &mut request["hashedRekordRequestV002"]["signature"]["verifier"];
        *verifier = json!({"x509Certificate": {"rawBytes": base64(certificate)}, "keyDetails": DETAILS});
        request
    };
    let certificate = |extension: usize| {
        let octets = der::tlv(4, &vec![0; extension]);
        der::Certificate { subject: "anyone", extension: Some(&octets), ..Default::default() }
            .around(ours.public.der(), &theirs)
    };
    let small = certificate(10);
    let entry = created(log.post(&request(&small)).await);
    let of_key = format!(r#""publicKey":{{"rawBytes":"{}"}}"#, base64(&signed.key));
    let of_certificate = format!(r#""x509Certificate":{{"rawBytes":"{}"}}"#, base64(&small));
    let leaf = signed.leaf().replace(&of_key, &of_certificate);
    assert_eq!(unbase64(&entry["canonicalizedBody"]), leaf.as_bytes());
    assert_eq!(log.post(&request(&small)).await.status, 409);

    // An entry in a tile is at most 65,535 bytes long: a certificate of these parts is 3/4 of that in base64.
    let overhead = leaf.len() - base64(&small).len();
    let rest = (65_535 - overhead) / 4 * 3 - certificate(40_000).len() + 40_000;
    created(log.post(&request(&certificate(rest - 8))).await);
    for too_large in [rest + 8, 100_000] {
        let answer = log.post(&request(&certificate(too_large))).await;
        assert_refused(&answer, 500, 2, "failed to integrate entry");
    }
    for wrong in [&small[..small.len() - 1], &[&small[..], &[0]].concat(), &signed.key] {
        assert_refused(&log.post(&request(wrong)).await, 400, 3, "invalid hashedrekord request");
    }
    assert_eq!(log.reader.all().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_the_same_time_get_one_index_each() {
    let log = Arc::new(new_log().await);
    let uploads: Vec<_> = (0..16)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.add().await })
        })
        .collect();
    let mut entries = Vec::new();
    for upload in uploads {
        entries.push(upload.await.unwrap());
    }
    let leaves = log.reader.all().await;
    let mut indexes = Vec::new();
    for entry in &entries {
        log.check(entry, &leaves);
        indexes.push(number(&entry["logIndex"]));
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..16).collect::<Vec<_>>());
}
