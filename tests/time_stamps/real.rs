//! Time stamps of public authorities, from sigstore-conformance's bundles.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use der::Decode as _;
use der::asn1::AnyRef;
use serde_json::Value;
use tlogistry::timestamp::{Authorities, TimestampAuthority, TimestampFault};
use tlogistry::trusted_material::TrustedRoot;
use tlogistry::validity::Validity;

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/data/rekor-v2/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A bundle's time stamp and signature.
fn stamped(name: &str) -> (Vec<u8>, Vec<u8>) {
    let bundle: Value = serde_json::from_str(&read(&format!("bundles/{name}"))).unwrap();
    let bytes = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap().replace('\n', "")).unwrap();
    let token = &bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    (bytes(token), bytes(&bundle["messageSignature"]["signature"]))
}

fn verify(bundle: &str, root: &str) -> Result<u64, TimestampFault> {
    let root = TrustedRoot::read(&read(&format!("trusted-roots/{root}"))).unwrap();
    let (token, signature) = stamped(bundle);
    root.authorities().verify(&token, &signature).map(|stamp| stamp.seconds())
}

/// openssl ts -reply -text prints these times.
#[test]
fn sigstores_authority_is_believed_with_and_without_its_certificate() {
    assert_eq!(verify("rekor2-timestamp-with-embedded-cert", "staging-2025"), Ok(1_754_506_296));
    assert_eq!(verify("rekor2-timestamp-without-embedded-cert", "staging-2025"), Ok(1_754_507_031));
    // Of a certificate that has ended since.
    assert_eq!(verify("rekor2-timestamp-with-expired-cert-chain", "local-authority"), Ok(1_754_580_746));
}

#[test]
fn what_sigstore_conformance_refuses_is_refused_for_its_reason() {
    let fault = |bundle: &str, root: &str| verify(bundle, root).unwrap_err().to_string();
    assert_eq!(
        fault("rekor2-timestamp-outside-trust-root-tsa-validity_fail", "staging-2025-authority-ended"),
        "https://timestamp.sigstage.dev/api/v1/timestamp is trusted from 2025-04-09T00:00:00Z until \
         2025-06-01T00:00:00Z, and the time stamp is of 2025-06-12T12:02:20Z"
    );
    let expired = fault("rekor2-timestamp-outside-tsa-cert-validity_fail", "local-authority");
    assert!(
        expired.starts_with("the certificate of https://localhost:3000/api/v1/timestamp was not valid at 2025-08-"),
        "{expired}"
    );
    assert!(expired.ends_with(": it had expired"), "{expired}");
    assert_eq!(verify("rekor2-timestamp-payload-mismatch_fail", "staging-2025"), Err(TimestampFault::Imprint));
    for case in ["with", "without"] {
        let case = format!("rekor2-timestamp-untrusted-tsa-{case}-embedded-cert_fail");
        assert_eq!(verify(&case, "staging-2025"), Err(TimestampFault::UnknownAuthority), "{case}");
    }
}

/// FreeTSA signs with RSA, names its certificate by SHA-1, and encloses its whole chain.
#[test]
fn another_public_authority_is_believed_where_its_root_is_trusted() {
    let (token, signature) = stamped("rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail");
    let enclosed = certificates(&token);
    let trusts = |chain: &[&[u8]]| {
        let chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
        Authorities::new(vec![TimestampAuthority::new("FreeTSA", None, &chain, Validity::ALWAYS).unwrap()])
    };
    let [leaf, root] = enclosed[..] else { panic!("{} certificates", enclosed.len()) };
    let by_root = trusts(&[root]).verify(&token, &signature);
    assert_eq!(by_root.as_ref().map(|stamp| stamp.authority()), Ok("FreeTSA"));
    assert_eq!(trusts(&[leaf, root]).verify(&token, &signature), by_root);
    let (token, signature) = stamped("rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail");
    assert!(trusts(&[leaf, root]).verify(&token, &signature).is_ok());
    assert_eq!(trusts(&[root]).verify(&token, &signature), Err(TimestampFault::UnknownAuthority));
}

/// The certificates in a time stamp, the one that signs first.
fn certificates(token: &[u8]) -> Vec<&[u8]> {
    fn elements(value: &[u8]) -> Vec<AnyRef<'_>> {
        let (mut rest, mut found) = (value, Vec::new());
        while !rest.is_empty() {
            let (element, after) = AnyRef::from_der_partial(rest).unwrap();
            found.push(element);
            rest = after;
        }
        found
    }
    let token = elements(AnyRef::from_der(token).unwrap().value())[1].value();
    let signed = elements(elements(token)[1].value())[0].value();
    let mut rest = elements(signed)[3].value();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (_, after) = AnyRef::from_der_partial(rest).unwrap();
        found.push(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    found.sort_by_key(|der| TimestampAuthority::new("", None, &[der.to_vec()], Validity::ALWAYS).is_ok());
    found
}
