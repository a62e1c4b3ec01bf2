//! Verifier keys: `<name>+<key id's first four bytes in hex>+<base64 of the signature type and the key>` (C2SP
//! signed-note, "Verifier keys").

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::note::KeyHint;
use crate::key::{KeyError, PublicKey};

/// Length of an Ed25519 public key.
const ED25519_LENGTH: usize = 32;
/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4) up to the key's 32 bytes.
pub(super) const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A verifier key whose parts have their form. Its id is not compared yet ([`VerifierKey::check_id`]).
#[derive(Debug, Clone)]
pub(super) struct VerifierKey<'a> {
    pub name: &'a str,
    /// The signature type.
    pub kind: u8,
    pub key: Vec<u8>,
    hint: &'a str,
}

impl<'a> VerifierKey<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, KeyError> {
        let fault = || KeyError::new("not a verifier key: <origin>+<key id>+<key>");
        let (name, rest) = text.split_once('+').ok_or_else(fault)?;
        let (hint, encoded) = rest.split_once('+').ok_or_else(fault)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| fault())?;
        let (kind, key) = bytes.split_first().ok_or_else(fault)?;
        Ok(Self { name, kind: *kind, key: key.to_vec(), hint })
    }

    /// The Ed25519 key, if the signature type is `kind`.
    pub(super) fn ed25519(&self, kind: u8) -> Option<Result<PublicKey, KeyError>> {
        let fits = self.kind == kind && self.key.len() == ED25519_LENGTH;
        fits.then(|| PublicKey::from_der(&[&ED25519_SPKI[..], &self.key].concat()))
    }

    /// Checks that the id is the key's.
    pub(super) fn check_id(&self) -> Result<KeyHint, KeyError> {
        let [a, b, c, d, ..] = key_id(self.name, self.kind, &self.key);
        let hint = [a, b, c, d];
        if hex::encode(hint) == self.hint {
            Ok(hint)
        } else {
            Err(KeyError::new("a verifier key's id is of another key"))
        }
    }
}

/// `sha256(name || 0x0A || signature type || key)`.
pub(super) fn key_id(name: &str, kind: u8, key: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key).finalize().into()
}

/// Returns whether signatures can be under this name: it is not empty, and has no white space and no plus sign.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
}
