//! Entries as anyone can upload them to Rekor, and the leaves that Rekor makes of them.

pub mod copies;
pub mod der;
pub mod other_forms;
pub mod ours;
pub mod strangers;
pub mod written;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::image::{Digest, Tag};
use tlogistry::key::PublicKey;
use tlogistry::sighting::{statement, subject_hash};

use crate::tags::tag;

/// A key on P-256.
pub struct Key {
    signer: SigStoreSigner,
    pub public: PublicKey,
}

impl Key {
    pub fn generate() -> Self {
        let signer = SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().unwrap();
        let der = signer.to_sigstore_keypair().unwrap().public_key_to_der().unwrap();
        Self { signer, public: PublicKey::from_der(&der).unwrap() }
    }

    /// ASN.1 DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message).unwrap()
    }

    pub fn pem(&self) -> String {
        self.public.pem().to_owned()
    }

    /// PKCS#8.
    pub fn private_pem(&self) -> String {
        self.signer.to_sigstore_keypair().unwrap().private_key_to_pem().unwrap().to_string()
    }

    /// Uncompressed (SEC 1 section 2.3.3).
    pub fn point(&self) -> &[u8] {
        &self.public.der()[26..]
    }

    /// The two numbers of a signature, 32 bytes each.
    pub fn sign_in_numbers(&self, message: &[u8]) -> Vec<u8> {
        let [r, s] = numbers(&self.sign(message));
        [r, s].concat()
    }

    /// A signature over a DSSE envelope, in base64.
    pub fn seal(&self, kind: &str, payload: &[u8]) -> String {
        base64(self.sign(&pae(kind, payload)))
    }
}

/// The two numbers of a signature in DER.
pub fn numbers(der: &[u8]) -> [[u8; 32]; 2] {
    let (r, s) = der[4..].split_at(usize::from(der[3]));
    [r, &s[2..]].map(|number| {
        let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let mut padded = [0; 32];
        padded[32 - digits.len()..].copy_from_slice(digits);
        padded
    })
}

/// Two numbers as DER.
pub fn in_der(numbers: [[u8; 32]; 2]) -> Vec<u8> {
    let [r, s] = numbers.map(|number| {
        let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if digits[0] < 0x80 { &[] } else { &[0] };
        der::tlv(2, &[sign, digits].concat())
    });
    der::sequence(&[&r, &s])
}

/// A tag that was seen at `seen`, and a stranger beside our key.
pub struct Case {
    pub tag: Tag,
    pub seen: Digest,
    /// Another digest.
    pub other: Digest,
    pub ours: Key,
    pub theirs: Key,
}

impl Case {
    /// A tag that was seen at one of two digests, by a new key.
    pub fn new(seen: Digest, other: Digest) -> Self {
        Self { tag: tag("v0"), seen, other, ours: Key::generate(), theirs: Key::generate() }
    }

    pub fn seen(&self) -> Vec<u8> {
        statement(&self.tag, &self.seen)
    }

    pub fn other(&self) -> Vec<u8> {
        statement(&self.tag, &self.other)
    }

    /// An honest instance's entry.
    pub fn sighting(&self) -> Filed {
        intoto_2("a sighting", IN_TOTO, &self.seen(), &[self.ours.signer_of(IN_TOTO, &self.seen())])
    }

    /// The name in a certificate that has an entry listed under the tag.
    pub fn listing_name(&self) -> String {
        format!("sha256:{}", subject_hash(&self.tag))
    }
}

/// An entry.
#[derive(Clone)]
pub struct Filed {
    pub name: &'static str,
    /// The upload, where a test can make that, and Rekor lists the entry under the tag by itself.
    pub proposed: Option<Value>,
    /// Rekor's leaf of it.
    pub leaf: Value,
    /// The statement that Rekor keeps beside it.
    pub attestation: Option<Vec<u8>>,
}

impl Filed {
    /// The same entry where the log has lost the statement.
    pub fn without_attestation(mut self, name: &'static str) -> Self {
        (self.name, self.attestation, self.proposed) = (name, None, None);
        self
    }

    /// The same entry, which Rekor does not list under the tag by itself.
    pub fn listed_by_hand(mut self) -> Self {
        self.proposed = None;
        self
    }
}

/// A signature as it stands in an entry.
#[derive(Clone)]
pub struct Signature {
    /// PEM, as it is uploaded.
    pub key: Vec<u8>,
    /// The key as Go writes it.
    pub canonical_key: String,
    /// Base64.
    pub text: String,
}

impl Key {
    pub fn signer_of(&self, kind: &str, payload: &[u8]) -> Signature {
        Signature { key: self.pem().into(), canonical_key: self.pem(), text: self.seal(kind, payload) }
    }
}

impl Signature {
    pub fn with_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = key.into();
        self
    }

    /// With a certificate, or several.
    pub fn with_certificates(self, certificates: &[Vec<u8>]) -> Self {
        let pem: String = certificates.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect();
        Self { canonical_key: pem.clone(), ..self.with_key(pem) }
    }

    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}

pub fn intoto_2(name: &'static str, kind: &str, payload: &[u8], signatures: &[Signature]) -> Filed {
    let shown: Vec<Value> = signatures
        .iter()
        .map(|signature| json!({"publicKey": base64(&signature.key), "sig": base64(&signature.text)}))
        .collect();
    let hash = sha256(b"the envelope, which Rekor does not look at");
    let content = |envelope: Value| json!({"envelope": envelope, "hash": hash});
    let mut leaf = content(json!({"payloadType": kind, "signatures": shown}));
    leaf["payloadHash"] = sha256(payload);
    let proposed = content(json!({"payload": base64(base64(payload)), "payloadType": kind, "signatures": shown}));
    Filed {
        name,
        proposed: Some(entry("intoto", "0.0.2", json!({"content": proposed}))),
        leaf: entry("intoto", "0.0.2", json!({"content": leaf})),
        attestation: Some(payload.to_vec()),
    }
}

pub fn intoto_1(name: &'static str, kind: &str, payload: &[u8], signature: &Signature) -> Filed {
    let envelope = envelope(kind, payload, std::slice::from_ref(signature));
    let proposed = json!({"content": {"envelope": envelope}, "publicKey": base64(&signature.key)});
    let content = json!({"hash": sha256(envelope.as_bytes()), "payloadHash": sha256(payload)});
    let leaf = json!({"content": content, "publicKey": base64(&signature.canonical_key)});
    Filed {
        name,
        proposed: Some(entry("intoto", "0.0.1", proposed)),
        leaf: entry("intoto", "0.0.1", leaf),
        attestation: Some(payload.to_vec()),
    }
}

pub fn dsse(name: &'static str, kind: &str, payload: &[u8], signatures: &[Signature]) -> Filed {
    let envelope = envelope(kind, payload, signatures);
    let verifiers: Vec<String> = signatures.iter().map(|signature| base64(&signature.key)).collect();
    let mut sorted = signatures.to_vec();
    sorted.sort_by(|one, other| one.text.cmp(&other.text));
    let shown: Vec<Value> = sorted
        .iter()
        .map(|signature| json!({"signature": signature.text, "verifier": base64(&signature.canonical_key)}))
        .collect();
    let leaf =
        json!({"envelopeHash": sha256(envelope.as_bytes()), "payloadHash": sha256(payload), "signatures": shown});
    let proposed = json!({"proposedContent": {"envelope": envelope, "verifiers": verifiers}});
    Filed {
        name,
        proposed: Some(entry("dsse", "0.0.1", proposed)),
        leaf: entry("dsse", "0.0.1", leaf),
        attestation: None,
    }
}

/// `hash` is written in hexadecimal.
pub fn hashedrekord(name: &'static str, algorithm: &str, hash: &str, key: &str, signature: &[u8]) -> Filed {
    let signature = json!({"content": base64(signature), "publicKey": {"content": base64(key)}});
    let spec = json!({"data": {"hash": {"algorithm": algorithm, "value": hash}}, "signature": signature});
    let leaf = entry("hashedrekord", "0.0.1", spec);
    Filed { name, proposed: Some(leaf.clone()), leaf, attestation: None }
}

/// Key and signature are written as Rekor does.
pub fn rekord(name: &'static str, format: &str, content: &[u8], key: &[u8], signature: &[u8]) -> Filed {
    let signature = json!({"content": base64(signature), "format": format, "publicKey": {"content": base64(key)}});
    let spec = |data: Value| entry("rekord", "0.0.1", json!({"data": data, "signature": signature}));
    Filed {
        name,
        proposed: Some(spec(json!({"content": base64(content)}))),
        leaf: spec(json!({"hash": sha256(content)})),
        attestation: None,
    }
}

/// A leaf of any kind, which no test uploads.
pub fn leaf(name: &'static str, kind: &str, version: &str, spec: Value) -> Filed {
    Filed { name, proposed: None, leaf: entry(kind, version, spec), attestation: None }
}

fn entry(kind: &str, version: &str, spec: Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "spec": spec})
}

fn envelope(kind: &str, payload: &[u8], signatures: &[Signature]) -> String {
    let signatures: Vec<Value> = signatures.iter().map(|signature| json!({"sig": signature.text})).collect();
    json!({"payload": base64(payload), "payloadType": kind, "signatures": signatures}).to_string()
}

pub fn sha256(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(Sha256::digest(bytes))})
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub fn pem(kind: &str, contents: &[u8]) -> String {
    let text = base64(contents);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
