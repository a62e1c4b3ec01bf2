//! A signing key in a file, for the command line.

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use sigstore::crypto::signing_key::ecdsa::ECDSAKeys;

use super::signer::SignError;
use crate::key::PublicKey;

/// An ECDSA P-256 key, kept as PKCS#8 PEM.
pub struct LocalKey {
    signer: SigStoreSigner,
    public_key: PublicKey,
}

#[derive(Debug, thiserror::Error)]
pub enum LocalKeyError {
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("not a usable ECDSA P-256 key in PKCS#8 PEM: {0}")]
    Key(String),
}

impl LocalKey {
    /// A new key that is kept nowhere.
    pub fn generate() -> Result<Self, LocalKeyError> {
        Self::from_signer(SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().map_err(key_error)?)
    }

    /// The key in `path`.
    pub fn open(path: &Path) -> Result<Self, LocalKeyError> {
        let pem = std::fs::read(path).map_err(|error| LocalKeyError::Io { path: path.to_owned(), error })?;
        Self::from_pem(&pem)
    }

    /// The key in `path`; a new one is made there if there is no such file, readable by its owner alone.
    pub fn open_or_generate(path: &Path) -> Result<Self, LocalKeyError> {
        let io_error = |error| LocalKeyError::Io { path: path.to_owned(), error };
        match std::fs::read(path) {
            Ok(pem) => Self::from_pem(&pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                let mut file = std::fs::OpenOptions::new();
                let file = file.write(true).create_new(true).mode(0o600).open(path);
                file.and_then(|mut file| file.write_all(key.to_pem()?.as_bytes())).map_err(io_error)?;
                Ok(key)
            }
            Err(error) => Err(io_error(error)),
        }
    }

    fn from_pem(pem: &[u8]) -> Result<Self, LocalKeyError> {
        let keys = ECDSAKeys::from_pem(pem).map_err(key_error)?;
        Self::from_signer(keys.to_sigstore_signer().map_err(key_error)?)
    }

    fn from_signer(signer: SigStoreSigner) -> Result<Self, LocalKeyError> {
        if !matches!(signer, SigStoreSigner::ECDSA_P256_SHA256_ASN1(_)) {
            return Err(LocalKeyError::Key("another kind of key".to_owned()));
        }
        let pair = signer.to_sigstore_keypair().map_err(key_error)?;
        let public_key = PublicKey::from_der(&pair.public_key_to_der().map_err(key_error)?).map_err(key_error)?;
        Ok(Self { signer, public_key })
    }

    fn to_pem(&self) -> io::Result<String> {
        let pair = self.signer.to_sigstore_keypair().map_err(io::Error::other)?;
        Ok(pair.private_key_to_pem().map_err(io::Error::other)?.to_string())
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// ECDSA over the sha256 of `message`, ASN.1 DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.signer.sign(message).map_err(|e| SignError::Local(e.to_string()))
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

fn key_error(error: impl fmt::Display) -> LocalKeyError {
    LocalKeyError::Key(error.to_string())
}
