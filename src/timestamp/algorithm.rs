//! The hashes and signatures that a time stamp may have.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use der::asn1::ObjectIdentifier;
use rustls::pki_types::{SignatureVerificationAlgorithm, alg_id};
use webpki::ALL_VERIFICATION_ALGS;

use super::asn1::AlgorithmIdentifier;
use super::fault::TimestampFault;

pub(super) const ID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const ID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A hash function that is fit for signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashFunction {
    Sha256,
    Sha384,
    Sha512,
}

impl HashFunction {
    /// `what` the hash is for goes into the fault.
    pub(super) fn of(algorithm: &AlgorithmIdentifier<'_>, what: &'static str) -> Result<Self, TimestampFault> {
        match algorithm.oid {
            ID_SHA256 => Ok(Self::Sha256),
            ID_SHA384 => Ok(Self::Sha384),
            ID_SHA512 => Ok(Self::Sha512),
            oid => Err(TimestampFault::Algorithm { what, oid: oid.to_string() }),
        }
    }

    pub(super) fn is_hash(self, hash: &[u8], data: &[u8]) -> bool {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest::digest(algorithm, data).as_ref() == hash
    }
}

/// For RFC 2634's name of a certificate, which knows no other hash. It is beside a signature, and carries no trust
/// alone.
pub(super) fn is_sha1(hash: &[u8], data: &[u8]) -> bool {
    digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, data).as_ref() == hash
}

/// The algorithms by which a signature may verify; the key decides among them. An algorithm without a hash in its name
/// uses that of the content, and one with a hash must have the same (RFC 5754 section 3).
pub(super) fn verifiers(
    algorithm: &AlgorithmIdentifier<'_>,
    hash: HashFunction,
) -> Result<impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm>, TimestampFault> {
    use HashFunction::{Sha256, Sha384, Sha512};
    let id = match (algorithm.oid, hash) {
        (EC_PUBLIC_KEY | ECDSA_WITH_SHA256, Sha256) => alg_id::ECDSA_SHA256,
        (EC_PUBLIC_KEY | ECDSA_WITH_SHA384, Sha384) => alg_id::ECDSA_SHA384,
        (EC_PUBLIC_KEY | ECDSA_WITH_SHA512, Sha512) => alg_id::ECDSA_SHA512,
        (RSA_ENCRYPTION | RSA_WITH_SHA256, Sha256) => alg_id::RSA_PKCS1_SHA256,
        (RSA_ENCRYPTION | RSA_WITH_SHA384, Sha384) => alg_id::RSA_PKCS1_SHA384,
        (RSA_ENCRYPTION | RSA_WITH_SHA512, Sha512) => alg_id::RSA_PKCS1_SHA512,
        // The salt must be as long as the hash.
        (RSA_PSS, Sha256) => alg_id::RSA_PSS_SHA256,
        (RSA_PSS, Sha384) => alg_id::RSA_PSS_SHA384,
        (RSA_PSS, Sha512) => alg_id::RSA_PSS_SHA512,
        (ED25519, _) => alg_id::ED25519,
        (oid, _) => return Err(TimestampFault::Algorithm { what: "the signature algorithm", oid: oid.to_string() }),
    };
    Ok(ALL_VERIFICATION_ALGS.iter().copied().filter(move |verifier| verifier.signature_alg_id() == id))
}
