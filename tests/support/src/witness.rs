//! A stand-in for a witness: it cosigns whatever checkpoint it is handed, at whatever time (C2SP tlog-cosignature, Ed25519).

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;

/// C2SP's number for these signatures.
const COSIGNATURE: u8 = 0x04;

#[derive(Clone)]
pub struct Witness {
    name: String,
    signer: Arc<SigStoreSigner>,
    /// 32 bytes.
    key: Vec<u8>,
}

impl Witness {
    /// One with a new key.
    pub fn new(name: &str) -> Self {
        let signer = SigningScheme::ED25519.create_signer().unwrap();
        let der = signer.to_sigstore_keypair().unwrap().public_key_to_der().unwrap();
        Self { name: name.to_owned(), signer: Arc::new(signer), key: der[der.len() - 32..].to_vec() }
    }

    /// Its verifier key.
    pub fn vkey(&self) -> String {
        vkey(&self.name, COSIGNATURE, &self.key)
    }

    /// The public key, 32 bytes.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The checkpoint with its cosignature as a last line.
    pub fn cosign(&self, note: &str, time: u64) -> String {
        format!("{note}{}", self.line(text(note), time))
    }

    /// The line with its cosignature of a note's text.
    pub fn line(&self, text: &str, time: u64) -> String {
        let signature = self.signer.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes()).unwrap();
        let bytes = [&key_id(&self.name, COSIGNATURE, &self.key)[..], &time.to_be_bytes(), &signature].concat();
        format!("— {} {}\n", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// The text that the signatures of a note cover.
pub fn text(note: &str) -> &str {
    &note[..note.rfind("\n\n").unwrap() + 1]
}

/// The verifier key for a name, a signature type and a bare key.
pub fn vkey(name: &str, kind: u8, key: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode([&[kind][..], key].concat());
    format!("{name}+{}+{encoded}", hex::encode(key_id(name, kind, key)))
}

fn key_id(name: &str, kind: u8, key: &[u8]) -> [u8; 4] {
    let id = Sha256::digest([name.as_bytes(), &[b'\n', kind], key].concat());
    id[..4].try_into().unwrap()
}
