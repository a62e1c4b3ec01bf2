//! The log's signing key, ECDSA P-256 as the public Rekor's, and P-256 public keys as PEM.

use super::OpenError;
use super::tree::Hash;
use crate::key::PublicKey;
use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
use sigstore::crypto::signing_key::ecdsa::ec::{EcdsaKeys, EcdsaSigner};
use sigstore::crypto::signing_key::{KeyPair, Signer};
use sigstore::errors::SigstoreError;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// The key that signs entry timestamps and checkpoints.
pub(super) struct LogKey {
    signer: EcdsaSigner,
    public: PublicKey,
    /// `public.id()`: Rekor's `logID`, whose first four bytes are the key hint in a checkpoint.
    id: Hash,
}

impl LogKey {
    pub(super) fn generate() -> Result<Self, SigstoreError> {
        Self::new(&EcdsaKeys::new(EllipticCurve::P256)?)
    }

    /// Reads the key at `path` (PKCS#8 PEM), or makes one there that only its owner can read.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let key = |source| OpenError::Key { path: path.to_owned(), source };
        if path.try_exists().map_err(io)? {
            let pem = fs::read(path).map_err(io)?;
            return Self::new(&EcdsaKeys::from_pem(&pem).map_err(key)?).map_err(key);
        }
        let keys = EcdsaKeys::new(EllipticCurve::P256).map_err(key)?;
        let made = Self::new(&keys).map_err(key)?;
        let pem = keys.private_key_to_pem().map_err(key)?;
        // Written aside and renamed: a crash must not leave half a key under the key's name.
        let aside = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&aside).map_err(io)?;
        file.write_all(pem.as_bytes()).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&aside, path).map_err(io)?;
        Ok(made)
    }

    fn new(keys: &EcdsaKeys) -> Result<Self, SigstoreError> {
        let public = PublicKey::from_der(&keys.public_key_to_der()?).ok().filter(PublicKey::is_p256);
        let public =
            public.ok_or_else(|| SigstoreError::KeyParseError("the log's key must be ECDSA P-256".to_owned()))?;
        Ok(Self { signer: keys.to_signer()?, id: public.id(), public })
    }

    pub(super) fn public_pem(&self) -> &str {
        self.public.pem()
    }

    pub(super) fn id(&self) -> &Hash {
        &self.id
    }

    /// ECDSA over SHA-256 of the message, ASN.1 DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigstoreError> {
        self.signer.sign(message)
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
