//! A log of tiles of any size, made up as it is asked for: bundles of other people's entries that repeat, and our own among
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tlogistry::cli::listen;
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::sighting::{SignedStatement, statement};

use super::merkle::{Hash, leaf_hash, root};

const WIDTH: u64 = 256;
/// Different bundles of other people's entries.
const POOL: u64 = 16;
const ORIGIN: &str = "127.0.0.1";

/// A log that is served until the test ends.
pub struct TileServer {
    pub url: String,
    /// PEM.
    pub public_key: String,
    /// In hexadecimal.
    pub log_id: String,
}

struct Log {
    size: u64,
    pool: Vec<Vec<String>>,
    own: BTreeMap<u64, String>,
    checkpoint: String,
}

impl TileServer {
    /// A log of `size` entries, `own` at their indexes.
    pub async fn start(size: u64, own: &BTreeMap<u64, SignedStatement>) -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let own: BTreeMap<u64, String> = own.iter().map(|(index, signed)| (*index, leaf_of(signed))).collect();
        let pool: Vec<Vec<String>> = (0..POOL).map(bundle_of_others).collect();
        let pool_hashes: Vec<Vec<Hash>> =
            pool.iter().map(|bundle| bundle.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect()).collect();
        let mut hashes: Vec<Hash> =
            (0..size).map(|index| pool_hashes[(index / WIDTH % POOL) as usize][(index % WIDTH) as usize]).collect();
        own.iter().for_each(|(index, leaf)| hashes[*index as usize] = leaf_hash(leaf.as_bytes()));
        let text = format!("{ORIGIN}\n{size}\n{}\n", BASE64_STANDARD.encode(root(&hashes)));
        drop(hashes);
        let spki = BASE64_STANDARD.encode(key.subject_public_key_info());
        let public_key = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        let raw = key.public_key_raw();
        let id: Hash = Sha256::digest([ORIGIN.as_bytes(), b"\n\x01", raw].concat()).into();
        let signature = BASE64_STANDARD.encode([&id[..4], &key.sign(text.as_bytes()).unwrap()].concat());
        let checkpoint = format!("{text}\n\u{2014} {ORIGIN} {signature}\n");
        let log = Arc::new(Log { size, pool, own, checkpoint });
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let handler = move |request: Request<hyper::body::Incoming>| {
            let answer = log.answer(request.uri().path());
            async move { answer.map(Full::new) }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        Self { url: format!("http://{address}"), public_key, log_id: hex::encode(id) }
    }
}

impl Log {
    fn answer(&self, path: &str) -> Response<Bytes> {
        let body = match path.strip_prefix("/api/v2/") {
            Some("checkpoint") => Some(self.checkpoint.clone().into()),
            Some(path) => path.strip_prefix("tile/entries/").and_then(|path| self.bundle(path)),
            None => None,
        };
        let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let mut response = Response::new(Bytes::from(body.unwrap_or_default()));
        *response.status_mut() = status;
        response
    }

    fn bundle(&self, path: &str) -> Option<Vec<u8>> {
        let (number, width) = path.split_once(".p/").unwrap_or((path, "256"));
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let (number, width): (u64, u64) = (digits.parse().ok()?, width.parse().ok()?);
        let first = number * WIDTH;
        if first + width > self.size {
            return None;
        }
        let mut bytes = Vec::new();
        for index in first..first + width {
            let other = &self.pool[(number % POOL) as usize][(index % WIDTH) as usize];
            let leaf = self.own.get(&index).unwrap_or(other);
            bytes.extend(u16::try_from(leaf.len()).unwrap().to_be_bytes());
            bytes.extend(leaf.as_bytes());
        }
        Some(bytes)
    }
}

/// Entries as most are in the public log: each with a certificate. One in four has a bare key.
fn bundle_of_others(number: u64) -> Vec<String> {
    let certificates: Vec<(Vec<u8>, Vec<u8>)> = (0..4)
        .map(|_| {
            let certified = rcgen::generate_simple_self_signed(["somebody.example".to_owned()]).unwrap();
            (certified.cert.der().to_vec(), certified.signing_key.subject_public_key_info())
        })
        .collect();
    let leaf = |index: u64| {
        let (certificate, key) = &certificates[(index % 4) as usize];
        let verifier = match index % 4 {
            0 => json!({"publicKey": {"rawBytes": BASE64_STANDARD.encode(key)}}),
            _ => json!({"x509Certificate": {"rawBytes": BASE64_STANDARD.encode(certificate)}}),
        };
        let digest = Sha256::digest([number.to_be_bytes(), index.to_be_bytes()].concat());
        leaf(&digest, &[7; 71], verifier)
    };
    (0..WIDTH).map(leaf).collect()
}

fn leaf_of(signed: &SignedStatement) -> String {
    let digest = Sha256::digest(pae(IN_TOTO, &statement(signed.tag(), signed.digest())));
    let verifier = json!({"publicKey": {"rawBytes": BASE64_STANDARD.encode(signed.key().der())}});
    leaf(&digest, signed.signature(), verifier)
}

fn leaf(digest: &[u8], signature: &[u8], mut verifier: Value) -> String {
    verifier["keyDetails"] = json!("PKIX_ECDSA_P256_SHA_256");
    let signature = json!({"content": BASE64_STANDARD.encode(signature), "verifier": verifier});
    let data = json!({"algorithm": "SHA2_256", "digest": BASE64_STANDARD.encode(digest)});
    let spec = json!({"hashedRekordV002": {"data": data, "signature": signature}});
    let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec});
    String::from_utf8(serde_json_canonicalizer::to_vec(&body).unwrap()).unwrap()
}
