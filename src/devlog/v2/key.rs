//! The key that signs checkpoints.

use sha2::{Digest as _, Sha256};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use sigstore::crypto::signing_key::ed25519::Ed25519Keys;
use sigstore::errors::SigstoreError;

use crate::devlog::folder::SigningKey;
use crate::key::PublicKey;
use crate::local_key::{KeptKey, LocalKeyError};

/// C2SP's number for Ed25519 in the id of a key (signed-note).
const ED25519: u8 = 0x01;
/// Length of an Ed25519 public key: the end of its DER.
const KEY_LENGTH: usize = 32;

/// An Ed25519 key.
pub(in crate::devlog) struct CheckpointKey {
    signer: SigStoreSigner,
    public_key: PublicKey,
}

impl CheckpointKey {
    fn from_signer(signer: SigStoreSigner) -> Result<Self, SigstoreError> {
        let der = signer.to_sigstore_keypair()?.public_key_to_der()?;
        let public_key =
            PublicKey::from_der(&der).map_err(|error| SigstoreError::KeyParsingError(error.to_string()))?;
        Ok(Self { signer, public_key })
    }

    pub(in crate::devlog) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigstoreError> {
        self.signer.sign(message)
    }
}

impl KeptKey for CheckpointKey {
    const KIND: &'static str = "Ed25519";

    fn generate() -> Result<Self, LocalKeyError> {
        let key = SigningScheme::ED25519.create_signer().and_then(Self::from_signer);
        key.map_err(|error| LocalKeyError::New(error.to_string()))
    }

    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let signer = Ed25519Keys::from_pem(pem).and_then(|keys| keys.to_sigstore_signer());
        signer.and_then(Self::from_signer).map_err(|error| error.to_string())
    }

    fn to_pem(&self) -> Result<String, String> {
        let pem = self.signer.to_sigstore_keypair().and_then(|pair| pair.private_key_to_pem());
        pem.map(|pem| pem.to_string()).map_err(|error| error.to_string())
    }
}

impl SigningKey for CheckpointKey {
    /// The key's id in signed notes, whole: `sha256(<origin> || 0x0A || 0x01 || <key>)`.
    fn log_id(&self, origin: &str) -> [u8; 32] {
        let der = self.public_key.der();
        let key = &der[der.len() - KEY_LENGTH..];
        Sha256::new().chain_update(origin).chain_update([b'\n', ED25519]).chain_update(key).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_id_is_that_of_a_real_server_with_this_key() {
        // A log of rekor-tiles 2.3.0, origin `localhost`: its key, and the id in its answers.
        let der = "302a300506032b6570032100a796befdb53c5c6e201bc5902b17534b59027b0d064f0aaeaf9df5389892731c";
        let signer = SigningScheme::ED25519.create_signer().unwrap();
        let public_key = PublicKey::from_der(&hex::decode(der).unwrap()).unwrap();
        let key = CheckpointKey { signer, public_key };
        let expected = "5ba08e53ac12c1588233776fe7e9f65f1005a22be749d88b15e1557ad6304ec0";
        assert_eq!(hex::encode(key.log_id("localhost")), expected);
        assert_ne!(key.log_id("localhost"), key.log_id("127.0.0.1"));
    }
}
