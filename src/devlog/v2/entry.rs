//! A proposed entry of Rekor's kind `hashedrekord`, version 0.0.2: the one thing that may be added to the log.
//!
//! Behaves as `pkg/types/hashedrekord` of rekor-tiles on a server with `--client-signing-algorithms=ecdsa-sha2-256-nistp256`.
//! The leaf is RFC 8785 JSON of the request and of the digest's algorithm.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use super::proto_json::{Enumerated, Message};
use super::request::{HashedRekordRequest, Verifier};
use super::response::ApiError;
use super::wire::{Data, Given, HashedRekord, Leaf, Raw, Signed, SignedBy, Spec};
use crate::key::PublicKey;

pub(super) const KIND: &str = "hashedrekord";
pub(super) const VERSION: &str = "0.0.2";

/// The names and numbers of `PublicKeyDetails` (`sigstore_common.proto`) whose digest is sha256. Rekor takes the digest from
/// them, and the kind of key from the key itself: it does not compare the two.
const BY_SHA256: [(&str, u8); 9] = [
    ("PKIX_ECDSA_P256_SHA_256", 5),
    ("PKIX_RSA_PKCS1V15_2048_SHA256", 9),
    ("PKIX_RSA_PKCS1V15_3072_SHA256", 10),
    ("PKIX_RSA_PKCS1V15_4096_SHA256", 11),
    ("PKIX_RSA_PSS_2048_SHA256", 16),
    ("PKIX_RSA_PSS_3072_SHA256", 17),
    ("PKIX_RSA_PSS_4096_SHA256", 18),
    ("PKIX_ECDSA_P384_SHA_256", 19),
    ("PKIX_ECDSA_P521_SHA_256", 20),
];

/// Length of a P-256 key in DER.
const P256_DER: usize = 91;
/// Length of each of the two numbers of a signature on P-256.
const NUMBER: usize = 32;
/// The longest signature of two plain numbers that Rekor takes: its longest are of P-521.
const MAX_NUMBERS: usize = 132;

/// The leaf of an entry whose signature verified.
pub(super) fn leaf(request: HashedRekordRequest) -> Result<String, ApiError> {
    checked(request).ok_or_else(|| ApiError::invalid_argument("invalid hashedrekord request"))
}

fn checked(request: HashedRekordRequest) -> Option<String> {
    let digest = request.digest?.0;
    let Message(signature) = request.signature?;
    let (content, Message(verifier)) = (signature.content?.0, signature.verifier?);
    let key_details = key_details(verifier.key_details.as_ref()?)?;
    let (key, given) = key(verifier)?;
    if !is_by(&key, &digest, &content) {
        return None;
    }
    let leaf = Leaf {
        api_version: VERSION,
        kind: KIND,
        spec: Spec {
            hashed_rekord_v002: HashedRekord {
                data: Data { algorithm: "SHA2_256", digest: BASE64_STANDARD.encode(digest) },
                signature: Signed {
                    content: BASE64_STANDARD.encode(content),
                    verifier: SignedBy { key_details, given },
                },
            },
        },
    };
    Some(serde_json_canonicalizer::to_string(&leaf).expect("strings always serialise"))
}

fn key_details(given: &Enumerated) -> Option<&'static str> {
    let known = |(name, number): &(&str, u8)| match given {
        Enumerated::Name(given) => given == name,
        Enumerated::Number(given) => *given == f64::from(*number),
    };
    BY_SHA256.into_iter().find(known).map(|(name, _)| name)
}

/// The P-256 key in DER, and the bytes that hold it.
fn key(verifier: Verifier) -> Option<(PublicKey, Given)> {
    // As long as a point in full: Go takes no compressed one.
    let spki = |der: &[u8]| PublicKey::from_der(der).ok().filter(|key| key.is_p256() && der.len() == P256_DER);
    if let Some(Message(key)) = verifier.public_key {
        let der = key.raw_bytes?.0;
        return Some((spki(&der)?, Given::PublicKey(Raw::new(&der))));
    }
    let der = verifier.x509_certificate?.0.raw_bytes?.0;
    let certificate = Certificate::from_der(&der).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der().ok()?;
    Some((spki(&key)?, Given::X509Certificate(Raw::new(&der))))
}

/// Checks that `signature` is by `key` over what has the sha256 `digest`. It is in ASN.1 DER, or two numbers of equal length
/// (IEEE P1363).
fn is_by(key: &PublicKey, digest: &[u8], signature: &[u8]) -> bool {
    let Ok(digest) = Digest::import_less_safe(digest, &SHA256) else { return false };
    let in_der = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.der()).verify_digest(&digest, signature);
    in_der.is_ok()
        || numbers(signature).is_some_and(|numbers| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.der()).verify_digest(&digest, &numbers).is_ok()
        })
}

/// The two numbers, each of its proper length.
fn numbers(signature: &[u8]) -> Option<[u8; 2 * NUMBER]> {
    if signature.len() > MAX_NUMBERS || signature.len() % 2 == 1 {
        return None;
    }
    let mut both = [0; 2 * NUMBER];
    let (r, s) = signature.split_at(signature.len() / 2);
    for (number, end) in [(r, NUMBER), (s, 2 * NUMBER)] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        if digits.len() > NUMBER {
            return None;
        }
        both[end - digits.len()..end].copy_from_slice(digits);
    }
    Some(both)
}
