//! A signing key in a file: for the command line, and for the embedded log.

use std::fmt;
use std::path::{Path, PathBuf};

use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use sigstore::crypto::signing_key::ecdsa::ECDSAKeys;
use sigstore::errors::SigstoreError;

use crate::key::PublicKey;
use crate::private::{self, PrivateError};

/// Bytes. A key has some 240.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// An ECDSA P-256 key, kept as PKCS#8 PEM.
pub struct LocalKey {
    signer: SigStoreSigner,
    public_key: PublicKey,
}

/// Reasons why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum LocalKeyError {
    /// The file is missing or unreadable, or somebody else could have written it.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Comes from a file of another kind of key, an encrypted one, or one cut short.
    #[error("{}: not a usable {kind} key in PKCS#8 PEM: {fault}", .path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// The kind of key that is wanted.
        kind: &'static str,
        /// The library's words.
        fault: String,
    },
    /// Carries the library's words. No file was written.
    #[error("no key could be made: {0}")]
    New(String),
}

impl LocalKey {
    /// A new key that is kept nowhere.
    pub fn generate() -> Result<Self, LocalKeyError> {
        let signer = SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().map_err(text);
        signer.and_then(Self::from_signer).map_err(LocalKeyError::New)
    }

    /// The key in `path`, which others must not be able to write.
    pub fn open(path: &Path) -> Result<Self, LocalKeyError> {
        let pem = private::read(path, MAX_KEY_BYTES)?.ok_or_else(|| PrivateError::missing(path))?;
        parsed(path, &pem)
    }

    /// The key in `path`. A missing one is made, readable by its owner alone, and so is a missing folder. Others must not be
    /// able to write either. Processes that make a key at once all get the same.
    pub fn open_or_generate(path: &Path) -> Result<Self, LocalKeyError> {
        open_or_generate(path)
    }

    fn from_signer(signer: SigStoreSigner) -> Result<Self, String> {
        if !matches!(signer, SigStoreSigner::ECDSA_P256_SHA256_ASN1(_)) {
            return Err("another kind of key".to_owned());
        }
        let der = signer.to_sigstore_keypair().and_then(|pair| pair.public_key_to_der()).map_err(text)?;
        Ok(Self { signer, public_key: PublicKey::from_der(&der).map_err(text)? })
    }

    /// The half that signatures are checked with.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// ECDSA over the sha256 of `message`, ASN.1 DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigstoreError> {
        self.signer.sign(message)
    }
}

impl KeptKey for LocalKey {
    const KIND: &'static str = "ECDSA P-256";

    fn generate() -> Result<Self, LocalKeyError> {
        Self::generate()
    }

    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let signer = ECDSAKeys::from_pem(pem).and_then(|keys| keys.to_sigstore_signer()).map_err(text);
        signer.and_then(Self::from_signer)
    }

    fn to_pem(&self) -> Result<String, String> {
        let pem = self.signer.to_sigstore_keypair().and_then(|pair| pair.private_key_to_pem()).map_err(text)?;
        Ok(pem.to_string())
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// A kind of signing key that is kept in a file, as PKCS#8 PEM.
pub(crate) trait KeptKey: Sized {
    /// The kind, for messages.
    const KIND: &'static str;

    fn generate() -> Result<Self, LocalKeyError>;

    /// The error is the fault of the PEM.
    fn from_pem(pem: &[u8]) -> Result<Self, String>;

    /// PKCS#8.
    fn to_pem(&self) -> Result<String, String>;
}

/// See [`LocalKey::open_or_generate`].
pub(crate) fn open_or_generate<K: KeptKey>(path: &Path) -> Result<K, LocalKeyError> {
    let folder = private::folder(private::parent(path))?;
    let path = path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name));
    if let Some(pem) = private::read_own(&path, MAX_KEY_BYTES)? {
        return parsed(&path, &pem);
    }
    let key = K::generate()?;
    if private::create(&path, key.to_pem().map_err(LocalKeyError::New)?.as_bytes())? {
        return Ok(key);
    }
    let pem = private::read_own(&path, MAX_KEY_BYTES)?.ok_or_else(|| PrivateError::missing(&path))?;
    parsed(&path, &pem)
}

fn parsed<K: KeptKey>(path: &Path, pem: &[u8]) -> Result<K, LocalKeyError> {
    K::from_pem(pem).map_err(|fault| LocalKeyError::Key { path: path.to_owned(), kind: K::KIND, fault })
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_make_a_key_at_once_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(round.to_string()).join("key.pem");
            let start = std::sync::Barrier::new(8);
            let open = || {
                start.wait();
                LocalKey::open_or_generate(&path).unwrap().public_key().id()
            };
            let ids: Vec<[u8; 32]> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(ids.iter().all(|id| *id == LocalKey::open(&path).unwrap().public_key().id()));
        }
    }

    #[test]
    fn half_a_key_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        LocalKey::open_or_generate(&path).unwrap();
        let pem = std::fs::read(&path).unwrap();
        for half in [&pem[..pem.len() / 2], b""] {
            std::fs::write(&path, half).unwrap();
            assert!(matches!(LocalKey::open_or_generate(&path), Err(LocalKeyError::Key { .. })));
            assert_eq!(std::fs::read(&path).unwrap(), half);
        }
    }
}
