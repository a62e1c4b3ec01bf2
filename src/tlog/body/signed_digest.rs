//! Rekor v2's only kind, `hashedrekord` 0.0.2: the digest of signed bytes, the signature and the key.
//!
//! A leaf is RFC 8785 JSON. Source: `pkg/types/hashedrekord` of sigstore/rekor-tiles v2.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use wire::{Body, Data, RawBytes, Signature, SignedData, Spec, Verifier};

use super::key::EntryKey;
use crate::key::PublicKey;

/// The version of `hashedrekord` that Rekor v2 has.
pub(crate) const HASHEDREKORD_V2: &str = "0.0.2";
/// The kind's name.
pub(crate) const HASHEDREKORD: &str = "hashedrekord";
/// Sigstore's names of the digest and of ECDSA keys on P-256 (`protos/sigstore_common.proto`).
pub(super) const SHA256: &str = "SHA2_256";
const P256: &str = "PKIX_ECDSA_P256_SHA_256";

/// A signed digest.
#[derive(Debug, Clone)]
pub struct SignedDigest {
    /// The key beside the signature, perhaps in a certificate.
    pub key: EntryKey,
    /// ASN.1 DER for ECDSA.
    pub signature: Vec<u8>,
    /// The sha256 of the signed bytes; `None` if the entry has a digest of another kind.
    pub sha256: Option<[u8; 32]>,
    /// True if the leaf is, to the byte, the one that Rekor v2 makes of this signature by a bare P-256 key.
    canonical: bool,
}

impl SignedDigest {
    pub(super) fn parse(leaf: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(leaf).ok()?;
        let SignedData { data, signature } = body.spec.hashed_rekord_v002;
        let decode = |text: &str| BASE64_STANDARD.decode(text).ok();
        let key = signature.verifier.key()?;
        let signature_is_bare = signature.verifier.public_key.is_some();
        let signature = decode(&signature.content)?;
        let digest = decode(&data.digest)?;
        let sha256 = (data.algorithm == SHA256).then(|| digest.try_into().ok()).flatten();
        // A certificate is never in that leaf. Most entries of the public log have one, and keys take long to parse.
        let bare = signature_is_bare.then(|| key.public_key()).flatten().filter(PublicKey::is_p256);
        let canonical = sha256.zip(bare).is_some_and(|(sha256, key)| leaf == Self::leaf(&sha256, &signature, &key));
        Some(Self { key, signature, sha256, canonical })
    }

    /// The leaf for a signature (ASN.1 DER) by a P-256 key over bytes with this sha256.
    pub(crate) fn leaf(sha256: &[u8; 32], signature: &[u8], key: &PublicKey) -> Vec<u8> {
        let body = Body {
            api_version: HASHEDREKORD_V2.to_owned(),
            kind: HASHEDREKORD.to_owned(),
            spec: Spec { hashed_rekord_v002: SignedData::new(sha256, signature, key) },
        };
        serde_json_canonicalizer::to_vec(&body).expect("structs of strings always serialise")
    }

    /// True if the leaf is, to the byte, the one that Rekor v2 makes of this signature by a bare P-256 key.
    pub fn is_canonical(&self) -> bool {
        self.canonical
    }
}

/// The request that uploads a signature (ASN.1 DER) by a P-256 key over bytes with this sha256: `CreateEntryRequest` of
/// `protos/rekor/v2/rekor_service.proto`.
pub(crate) fn proposed_entry(sha256: &[u8; 32], signature: &[u8], key: &PublicKey) -> Vec<u8> {
    let SignedData { data, signature } = SignedData::new(sha256, signature, key);
    let request = serde_json::json!({"hashedRekordRequestV002": {"digest": data.digest, "signature": signature}});
    request.to_string().into_bytes()
}

impl SignedData {
    fn new(sha256: &[u8; 32], signature: &[u8], key: &PublicKey) -> Self {
        let verifier = Verifier {
            key_details: P256.to_owned(),
            public_key: Some(RawBytes { raw_bytes: BASE64_STANDARD.encode(key.der()) }),
            x509_certificate: None,
        };
        Self {
            data: Data { algorithm: SHA256.to_owned(), digest: BASE64_STANDARD.encode(sha256) },
            signature: Signature { content: BASE64_STANDARD.encode(signature), verifier },
        }
    }
}

/// The leaf's JSON. All of Rekor v2's kinds share `Data`, `Signature` and what is in them.
pub(super) mod wire {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Serialize};

    use super::EntryKey;

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Body {
        pub api_version: String,
        pub kind: String,
        pub spec: Spec,
    }

    #[derive(Deserialize, Serialize)]
    pub(super) struct Spec {
        #[serde(rename = "hashedRekordV002")]
        pub hashed_rekord_v002: SignedData,
    }

    #[derive(Deserialize, Serialize)]
    pub(super) struct SignedData {
        pub data: Data,
        pub signature: Signature,
    }

    #[derive(Deserialize, Serialize)]
    pub(in super::super) struct Data {
        pub algorithm: String,
        pub digest: String,
    }

    #[derive(Deserialize, Serialize)]
    pub(in super::super) struct Signature {
        pub content: String,
        pub verifier: Verifier,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(in super::super) struct Verifier {
        pub key_details: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub public_key: Option<RawBytes>,
        #[serde(rename = "x509Certificate", skip_serializing_if = "Option::is_none")]
        pub x509_certificate: Option<RawBytes>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(in super::super) struct RawBytes {
        pub raw_bytes: String,
    }

    impl Verifier {
        /// The key, perhaps in a certificate.
        pub(in super::super) fn key(&self) -> Option<EntryKey> {
            let decode = |text: &str| BASE64_STANDARD.decode(text).ok();
            match (&self.public_key, &self.x509_certificate) {
                (Some(key), None) => EntryKey::from_spki(&decode(&key.raw_bytes)?),
                (None, Some(certificate)) => EntryKey::from_certificate(decode(&certificate.raw_bytes)?),
                _ => None,
            }
        }
    }
}
