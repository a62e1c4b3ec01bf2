//! Cosignatures of checkpoints by Ed25519 keys (<https://github.com/C2SP/C2SP/blob/main/tlog-cosignature.md>).
//!
//! The signature line holds the time, 8 bytes, big-endian, and the signature, over
//!
//! ```text
//! cosignature/v1
//! time <seconds since the Unix epoch, decimal>
//! <the checkpoint's text>
//! ```

use super::super::note::{KeyHint, SignedNote};
use super::super::vkey::{VerifierKey, is_key_name};
use crate::key::{KeyError, PublicKey};

/// The signature types (C2SP signed-note, "Signature types").
const ED25519_COSIGNATURE: u8 = 0x04;
const ML_DSA_44_COSIGNATURE: u8 = 0x06;
/// Length of an ML-DSA-44 public key (FIPS 204).
const ML_DSA_44_LENGTH: usize = 1312;
/// The specification's limit.
const MAX_TIME: u64 = i64::MAX as u64;

/// A witness, by its key.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    name: String,
    hint: KeyHint,
    /// `None` for ML-DSA-44, which is not checked here.
    key: Option<PublicKey>,
    /// The bare public key: what witnesses are told apart by.
    bytes: Vec<u8>,
}

/// A witness's cosignature in a note, or its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cosignature {
    /// Seconds since the Unix epoch; `None` if the witness signed 0.
    Valid(Option<u64>),
    /// No line is under the witness's name and key id.
    Missing,
    /// The line is not the witness's signature of this checkpoint.
    Invalid,
    /// The witness's key is of a kind that is not checked here.
    Unchecked,
}

impl Witness {
    /// Parses a verifier key.
    pub(super) fn from_vkey(text: &str) -> Result<Self, KeyError> {
        let vkey = VerifierKey::parse(text)?;
        let key = match vkey.ed25519(ED25519_COSIGNATURE) {
            Some(key) => Some(key?),
            None if vkey.kind == ML_DSA_44_COSIGNATURE && vkey.key.len() == ML_DSA_44_LENGTH => None,
            None => return Err(KeyError::new("a witness's verifier key is of type 4, Ed25519, or 6, ML-DSA-44")),
        };
        if !is_key_name(vkey.name) {
            return Err(KeyError::new("a witness's name has no white space and no plus sign"));
        }
        Ok(Self { hint: vkey.check_id()?, name: vkey.name.to_owned(), key, bytes: vkey.key })
    }

    /// Returns whether both have one public key, under whatever name.
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }

    /// The cosignature in a note. The first line under the witness's name and key id decides, as in Go's `note`
    /// package: a witness counts once.
    pub(super) fn cosignature(&self, note: &SignedNote) -> Cosignature {
        let is_own = |hint: &KeyHint, name: &str| *hint == self.hint && name == self.name;
        let Some(line) = note.signatures().iter().find(|line| is_own(&line.hint, &line.name)) else {
            return Cosignature::Missing;
        };
        let Some(key) = &self.key else { return Cosignature::Unchecked };
        let Some((time, signature)) = line.signature.split_first_chunk() else { return Cosignature::Invalid };
        let time = u64::from_be_bytes(*time);
        let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
        if time <= MAX_TIME && key.verifies(message.as_bytes(), signature) {
            Cosignature::Valid((time != 0).then_some(time))
        } else {
            Cosignature::Invalid
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::super::super::vkey::key_id;
    use super::*;

    const VKEYS: &str = include_str!("../../../tests/data/rekor-v2/ours/vkeys.txt");

    /// A verifier key with the right id.
    fn vkey(kind: u8, length: usize) -> String {
        let key = vec![7; length];
        let id = hex::encode(key_id("w.test", kind, &key));
        format!("w.test+{}+{}", &id[..8], BASE64_STANDARD.encode([&[kind], &key[..]].concat()))
    }

    #[test]
    fn a_witness_has_a_key_of_either_type_and_of_its_length() {
        let ed25519 = VKEYS.lines().nth(1).unwrap().to_owned();
        for (vkey, is_checked) in [(ed25519, true), (vkey(ML_DSA_44_COSIGNATURE, ML_DSA_44_LENGTH), false)] {
            assert_eq!(Witness::from_vkey(&vkey).unwrap().key.is_some(), is_checked, "{vkey}");
        }
        for (kind, length) in [
            (ML_DSA_44_COSIGNATURE, 0),
            (ML_DSA_44_COSIGNATURE, 32),
            (ML_DSA_44_COSIGNATURE, ML_DSA_44_LENGTH - 1),
            (ML_DSA_44_COSIGNATURE, ML_DSA_44_LENGTH + 1),
            (ED25519_COSIGNATURE, 31),
            (ED25519_COSIGNATURE, 33),
            (ED25519_COSIGNATURE, ML_DSA_44_LENGTH),
            (0, ML_DSA_44_LENGTH),
            (1, ML_DSA_44_LENGTH),
            (5, ML_DSA_44_LENGTH),
            (255, ML_DSA_44_LENGTH),
            (1, 32),
            (5, 32),
        ] {
            let error = Witness::from_vkey(&vkey(kind, length)).unwrap_err().to_string();
            assert!(error.contains("is of type 4, Ed25519, or 6, ML-DSA-44"), "{kind}, {length} bytes: {error}");
        }
    }
}
