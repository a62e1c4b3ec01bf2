//! The log's signing key, ECDSA P-256 as the public Rekor's, and P-256 public keys as PEM.

use super::tree::Hash;
use crate::key::PublicKey;
use crate::local_key::{LocalKey, LocalKeyError};
use sigstore::errors::SigstoreError;
use std::path::Path;

/// The key that signs entry timestamps and checkpoints.
pub(super) struct LogKey {
    key: LocalKey,
    /// Rekor's `logID`, whose first four bytes are the key hint in a checkpoint.
    id: Hash,
}

impl LogKey {
    pub(super) fn generate() -> Result<Self, LocalKeyError> {
        LocalKey::generate().map(Self::from)
    }

    /// Reads the key at `path` (PKCS#8 PEM), or makes one there that only its owner can read.
    pub(super) fn open(path: &Path) -> Result<Self, LocalKeyError> {
        LocalKey::open_or_generate(path).map(Self::from)
    }

    pub(super) fn public_pem(&self) -> &str {
        self.key.public_key().pem()
    }

    pub(super) fn id(&self) -> &Hash {
        &self.id
    }

    /// ECDSA over SHA-256 of the message, ASN.1 DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigstoreError> {
        self.key.sign(message)
    }
}

impl From<LocalKey> for LogKey {
    fn from(key: LocalKey) -> Self {
        Self { id: key.public_key().id(), key }
    }
}

/// Takes one `PUBLIC KEY` block that holds a P-256 key, and nothing else.
pub(super) fn signing_key(pem: &[u8]) -> Option<PublicKey> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    // A PEM parser passes over what surrounds the blocks.
    if !text.starts_with("-----BEGIN PUBLIC KEY-----") || !text.ends_with("-----END PUBLIC KEY-----") {
        return None;
    }
    PublicKey::from_pem(text).ok().filter(PublicKey::is_p256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigstore::crypto::signing_key::KeyPair;
    use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
    use sigstore::crypto::signing_key::ecdsa::ec::EcdsaKeys;

    #[test]
    fn one_key_has_one_pem_however_it_was_spelt() {
        let pem = LogKey::generate().unwrap().public_pem().to_owned();
        let spelt = format!("\n{}  ", pem.trim_end().replace('\n', "\r\n"));
        assert_eq!(signing_key(spelt.as_bytes()).unwrap().pem(), pem);
    }

    #[test]
    fn only_a_single_p256_public_key_is_taken() {
        let pem = LogKey::generate().unwrap().public_pem().to_owned();
        assert!(signing_key(pem.as_bytes()).is_some());
        let p384 = EcdsaKeys::new(EllipticCurve::P384).unwrap();
        for refused in [
            String::new(),
            "no PEM".to_owned(),
            format!("{pem}{pem}"),
            pem.replace("PUBLIC", "PRIVATE"),
            pem.replace("PUBLIC KEY", "CERTIFICATE"),
            pem.replace("MFkw", "MFkx"),
            p384.public_key_to_pem().unwrap(),
        ] {
            assert!(signing_key(refused.as_bytes()).is_none(), "{refused}");
        }
    }
}
