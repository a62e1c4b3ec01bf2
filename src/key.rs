//! Public keys, which signatures are checked with, and their names.

use std::fmt;
use std::sync::Arc;

use pem::{EncodeConfig, LineEnding, Pem};
use sha2::{Digest as _, Sha256};
use sigstore::crypto::{CosignVerificationKey, Signature};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// A public key of any kind that Sigstore uses, with its encodings. Every known tag has one, so cloning shares it.
#[derive(Debug, Clone)]
pub struct PublicKey(Arc<Encodings>);

#[derive(Debug)]
struct Encodings {
    /// SubjectPublicKeyInfo, DER (RFC 5280 section 4.1.2.7). The other parts are made from it, so they agree.
    der: Vec<u8>,
    pem: String,
    id: [u8; 32],
    key: CosignVerificationKey,
}

/// Bytes that are not a usable public key.
#[derive(Debug, thiserror::Error)]
#[error("not a usable public key: {0}")]
pub struct KeyError(String);

impl KeyError {
    pub(crate) fn new(fault: &str) -> Self {
        Self(fault.to_owned())
    }
}

impl PublicKey {
    /// Parses a SubjectPublicKeyInfo in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoOwned::from_der(der).map_err(|e| KeyError(e.to_string()))?;
        Self::from_spki(&spki)
    }

    /// Parses one PEM block, `PUBLIC KEY` or `CERTIFICATE` (whose subject's key is taken; the certificate itself is
    /// not checked).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        match &Self::all_from_pem(pem)?[..] {
            [key] => Ok(key.clone()),
            keys => Err(KeyError(format!("expected one PEM block, found {}", keys.len()))),
        }
    }

    /// Parses every PEM block of `pem`, in order, as [`PublicKey::from_pem`] does. Text between them is passed over,
    /// and lines may be of any length: Rekor holds keys that were written on one.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>, KeyError> {
        let blocks = pem::parse_many(pem).map_err(|e| KeyError(e.to_string()))?;
        blocks.iter().map(Self::from_block).collect()
    }

    fn from_block(block: &Pem) -> Result<Self, KeyError> {
        match block.tag() {
            "PUBLIC KEY" => Self::from_der(block.contents()),
            "CERTIFICATE" => {
                let certificate = Certificate::from_der(block.contents()).map_err(|e| KeyError(e.to_string()))?;
                Self::from_spki(certificate.tbs_certificate().subject_public_key_info())
            }
            other => Err(KeyError(format!("expected PUBLIC KEY or CERTIFICATE, found {other}"))),
        }
    }

    fn from_spki(spki: &SubjectPublicKeyInfoOwned) -> Result<Self, KeyError> {
        let key = CosignVerificationKey::try_from(spki).map_err(|e| KeyError(e.to_string()))?;
        let der = spki.to_der().map_err(|e| KeyError(e.to_string()))?;
        let line_feeds = EncodeConfig::new().set_line_ending(LineEnding::LF);
        let pem = pem::encode_config(&Pem::new("PUBLIC KEY", der.clone()), line_feeds);
        let id = Sha256::digest(&der).into();
        Ok(Self(Arc::new(Encodings { der, pem, id, key })))
    }

    /// Returns whether `signature` (ASN.1 DER for ECDSA) is by this key over `message`, hashed as the key's scheme has
    /// it.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.key.verify_signature(Signature::Raw(signature), message).is_ok()
    }

    /// Returns whether this is an ECDSA key on the curve P-256.
    pub fn is_p256(&self) -> bool {
        matches!(self.0.key, CosignVerificationKey::ECDSA_P256_SHA256_ASN1(_))
    }

    /// The name of the kind of key and signature in Sigstore's trusted roots (`PublicKeyDetails` in
    /// `protos/sigstore_common.proto`), if there is one.
    pub fn details(&self) -> Option<&'static str> {
        Some(match self.0.key {
            CosignVerificationKey::ECDSA_P256_SHA256_ASN1(_) => "PKIX_ECDSA_P256_SHA_256",
            CosignVerificationKey::ECDSA_P384_SHA384_ASN1(_) => "PKIX_ECDSA_P384_SHA_384",
            CosignVerificationKey::ECDSA_P521_SHA512_ASN1(_) => "PKIX_ECDSA_P521_SHA_512",
            CosignVerificationKey::ED25519(_) => "PKIX_ED25519",
            // Their names hold the key's length too.
            CosignVerificationKey::RSA_PSS_SHA256(_) | CosignVerificationKey::RSA_PKCS1_SHA256(_) => return None,
        })
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SubjectPublicKeyInfo, PEM, lines of 64 characters and a final newline.
    pub fn pem(&self) -> &str {
        &self.0.pem
    }

    /// The sha256 of the DER encoding: Rekor's log ID (RFC 6962 section 3.2), and what keys are compared by.
    pub fn id(&self) -> [u8; 32] {
        self.0.id
    }

    /// The key's name for people and for the ledger.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.id)
    }
}

/// The sha256 of a public key's DER encoding. Its text is lower-case hexadecimal, as
/// `openssl pkey -pubin -outform der | sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// `None` unless `text` is as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let fingerprint = Self(hex::decode(text).ok()?.try_into().ok()?);
        (fingerprint.to_string() == text).then_some(fingerprint)
    }
}

impl From<&PublicKey> for Fingerprint {
    fn from(key: &PublicKey) -> Self {
        key.fingerprint()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}
