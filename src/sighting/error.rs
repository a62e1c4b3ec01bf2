//! Errors of signing.

use crate::deadline::Elapsed;
use crate::key::KeyError;

/// Failures to sign or to fetch the key.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("KMS refused or failed: {0}")]
    Kms(String),
    #[error("no answer from KMS in time")]
    Timeout,
    #[error("KMS answered no usable public key: {0}")]
    PublicKey(#[from] KeyError),
    #[error("the key in KMS is not of type ECC_NIST_P256 for signing and verifying")]
    KeySpec,
    #[error("signing with the local key failed: {0}")]
    Local(String),
    #[error("the signature does not verify with the signing key's own public key")]
    BadSignature,
}

impl From<Elapsed> for SignError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}
