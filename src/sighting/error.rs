//! Errors of signing.

use crate::deadline::Elapsed;
use crate::key::KeyError;

/// Failures to sign or to fetch the key.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The role lacks the permission, the key is disabled, or KMS failed. Carries the SDK's words.
    #[error("KMS refused or failed: {0}")]
    Kms(String),
    /// The request's time is over. The next request asks again.
    #[error("no answer from KMS in time")]
    Timeout,
    /// KMS broke its interface, which promises SubjectPublicKeyInfo in DER.
    #[error("KMS answered no usable public key: {0}")]
    PublicKey(#[from] KeyError),
    /// The operator's fault: `KMS_KEY_ID` names a key of another type or usage.
    #[error("the key in KMS is not of type ECC_NIST_P256 for signing and verifying")]
    KeySpec,
    /// `KMS_KEY_ID` is an alias, and leads to another key by now.
    #[error("the key in KMS is another one by now than when this process first asked for it")]
    AnotherKey,
    /// Carries the library's words. Nothing outside this process takes part.
    #[error("signing with the local key failed: {0}")]
    Local(String),
    /// The signer changed its key, or computed wrongly. The signature is not used.
    #[error("the signature does not verify with the signing key's own public key")]
    BadSignature,
}

impl From<Elapsed> for SignError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}
