//! A signing key in AWS KMS.

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::SignError;
use crate::deadline::Deadline;
use crate::key::PublicKey;
use crate::telemetry;

/// KMS's code for too many calls. It publishes no metric of them.
const THROTTLED: &str = "ThrottlingException";

/// A key of type `ECC_NIST_P256`, usage `SIGN_VERIFY`.
#[derive(Debug)]
pub struct KmsKey {
    client: Client,
    /// Key id, key ARN, alias name or alias ARN.
    id: String,
    /// Fetched once: the public half of a KMS key never changes.
    public_key: OnceCell<PublicKey>,
}

impl KmsKey {
    /// Takes a key id, key ARN, alias name or alias ARN. Nothing is asked yet.
    pub fn new(client: Client, id: String) -> Self {
        Self { client, id, public_key: OnceCell::new() }
    }

    pub(super) async fn public_key(&self, deadline: Deadline) -> Result<&PublicKey, SignError> {
        // Bounded again: another caller, with more time, may be fetching it.
        deadline.bound(self.public_key.get_or_try_init(|| self.fetch_public_key(deadline))).await?
    }

    /// Fetches the public half, which KMS refuses for a key that is disabled or gone.
    pub(super) async fn examine(&self, deadline: Deadline) -> Result<(), SignError> {
        let now = self.fetch_public_key(deadline).await?;
        match self.public_key.get() {
            Some(known) if known.fingerprint() != now.fingerprint() => Err(SignError::AnotherKey),
            Some(_) => Ok(()),
            None => {
                // It fails while another caller fetches the key: that one sets it.
                let _ = self.public_key.set(now);
                Ok(())
            }
        }
    }

    async fn fetch_public_key(&self, deadline: Deadline) -> Result<PublicKey, SignError> {
        let request = self.client.get_public_key().key_id(&self.id).send();
        let answer = deadline.bound_boxed(request).await?.map_err(failed)?;
        let of_type = answer.key_spec() == Some(&KeySpec::EccNistP256);
        if !of_type || answer.key_usage() != Some(&KeyUsageType::SignVerify) {
            return Err(SignError::KeySpec);
        }
        let der = answer.public_key().map(Blob::as_ref).unwrap_or_default();
        Ok(PublicKey::from_der(der)?)
    }

    /// ECDSA over the sha256 of `message`, ASN.1 DER. KMS takes at most 4096 bytes of message, so it is handed the
    /// digest.
    pub(super) async fn sign(&self, message: &[u8], deadline: Deadline) -> Result<Vec<u8>, SignError> {
        let request = self
            .client
            .sign()
            .key_id(&self.id)
            .message_type(MessageType::Digest)
            .message(Blob::new(Sha256::digest(message).to_vec()))
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send();
        let answer = deadline.bound_boxed(request).await?.map_err(failed)?;
        Ok(answer.signature.map(Blob::into_inner).unwrap_or_default())
    }
}

/// An error that the SDK's own attempts did not get past.
fn failed(error: impl std::error::Error + ProvideErrorMetadata) -> SignError {
    if error.code() == Some(THROTTLED) {
        telemetry::key_throttled();
    }
    SignError::Kms(DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[tokio::test]
    async fn a_request_that_kms_throttled_is_counted_as_such() {
        for (code, is_throttled) in [(THROTTLED, true), ("AccessDeniedException", false)] {
            let error = ErrorMetadata::builder().code(code).build();
            let (error, measured) = telemetry::measured(async { failed(error) }).await;
            assert!(matches!(error, SignError::Kms(_)));
            assert_eq!(measured.key_throttled(), is_throttled, "{code}");
        }
    }
}
