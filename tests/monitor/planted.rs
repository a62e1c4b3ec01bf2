//! Logs with entries that readers may judge differently, and what a complete audit says of them.

use std::os::unix::fs::PermissionsExt as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testing::client;
use testing::filed::der::Certificate;
use testing::filed::written::{negated, with_more_elements};
use testing::filed::{Key, in_der, numbers};
use testing::process::{Ended, Process, cli};
use testing::sightings_list::SightingsList;
use testing::tags::tag;
use tlogistry::deadline::Deadline;
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, SignedStatement, Signer, statement};

use crate::shard::Shard;

pub const DETAILS: &str = "PKIX_ECDSA_P256_SHA_256";

/// The entries of the newest shard, by their index.
pub mod at {
    /// A sighting that is listed. No other entry is below its index.
    pub const FIRST: u64 = 0;
    pub const STRANGER: u64 = 1;
    /// A sighting that is listed.
    pub const SEEN: u64 = 2;
    /// The same, with the other form of its signature: anyone can make that.
    pub const COPY: u64 = 3;
    /// The same, with a certificate around the key: anyone can make that.
    pub const COPY_CERTIFIED: u64 = 4;
    /// A second digest of that tag. Nobody lists it.
    pub const SECOND: u64 = 5;
    /// The same fault, with a certificate around the key.
    pub const SECOND_CERTIFIED: u64 = 6;
    /// A signature over something that is no sighting.
    pub const NO_SIGHTING: u64 = 7;
    /// A second digest, with the key in another encoding, which Rekor takes.
    pub const KEY_ENCODED_OTHERWISE: u64 = 8;
    pub const COUNT: u64 = 9;
}

/// The entries that name the bare key.
pub const BY_BARE_KEY: [u64; 6] =
    [at::FIRST, at::SEEN, at::COPY, at::SECOND, at::NO_SIGHTING, at::KEY_ENCODED_OTHERWISE];
/// Those that hold it in a certificate.
pub const BY_CERTIFICATE: [u64; 2] = [at::COPY_CERTIFIED, at::SECOND_CERTIFIED];
/// Those that no sighting explains.
pub const UNEXPLAINED: [u64; 4] = [at::SECOND, at::SECOND_CERTIFIED, at::NO_SIGHTING, at::KEY_ENCODED_OTHERWISE];

pub struct Planted {
    /// The log that is written, with what [`at`] names.
    pub newest: Shard,
    /// A shard before. Its one entry is by the key, and nobody lists it.
    pub older: Shard,
    pub list: SightingsList,
    pub key: Key,
    pub stranger: Key,
    signer: Signer,
    pub folder: tempfile::TempDir,
}

impl Planted {
    /// In real Rekors v2.
    pub async fn plant() -> Self {
        let planted = Self::unplanted(Shard::real().await, Shard::real().await).await;
        let [first, seen] = [planted.sign("v0", "0").await, planted.sign("v1", "1").await];
        let second = |number: u8| pae(IN_TOTO, &statement(&tag("v1"), &Digest::sha256(&[number])));
        let (key, stranger) = (&planted.key, &planted.stranger);
        let bare = |of: &Key| verifier("publicKey", of.public.der());
        let certificate = verifier(
            "x509Certificate",
            &Certificate { subject: "anyone", ..Default::default() }.around(key.public.der(), stranger),
        );
        let encoded = verifier("publicKey", &with_more_elements(key.public.der()));
        let seen_message = pae(IN_TOTO, &statement(seen.tag(), seen.digest()));
        let [r, s] = numbers(seen.signature());
        let entries = [
            (pae(IN_TOTO, &statement(first.tag(), first.digest())), first.signature().to_vec(), bare(key)),
            (b"theirs".to_vec(), stranger.sign(b"theirs"), bare(stranger)),
            (seen_message.clone(), seen.signature().to_vec(), bare(key)),
            (seen_message.clone(), in_der([r, negated(s)]), bare(key)),
            (seen_message, seen.signature().to_vec(), certificate.clone()),
            (second(1), key.sign(&second(1)), bare(key)),
            (second(2), key.sign(&second(2)), certificate),
            (b"a file".to_vec(), key.sign(b"a file"), bare(key)),
            (second(3), key.sign(&second(3)), encoded),
        ];
        for (index, (message, signature, verifier)) in entries.into_iter().enumerate() {
            assert_eq!(planted.newest.add(&message, &signature, &verifier).await, index as u64);
        }
        for (signed, index) in [(&first, at::FIRST), (&seen, at::SEEN)] {
            planted.list.add(signed, &planted.newest.log_id(), index);
        }
        assert_eq!(planted.older.add(&second(4), &key.sign(&second(4)), &bare(key)).await, 0);
        planted
    }

    pub async fn unplanted(newest: Shard, older: Shard) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::generate();
        let file = folder.path().join("key");
        std::fs::write(&file, key.private_pem()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let signer = Signer::Local(LocalKey::open(&file).unwrap());
        std::fs::write(folder.path().join("key.pem"), key.pem()).unwrap();
        std::fs::write(folder.path().join("newest.pem"), &newest.public_key).unwrap();
        let keys = [newest.vkey(), older.vkey()].map(|key| format!("{key}\n"));
        std::fs::write(folder.path().join("logs"), keys.concat()).unwrap();
        Self { newest, older, list: SightingsList::start().await, key, stranger: Key::generate(), signer, folder }
    }

    pub async fn sign(&self, name: &str, content: &str) -> SignedStatement {
        let soon = Deadline::after(std::time::Duration::from_secs(60));
        self.signer.sign(&tag(name), &Digest::sha256(content.as_bytes()), soon).await.unwrap()
    }

    /// The key's fingerprint: the sha256 of its SubjectPublicKeyInfo, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.key.public.der()))
    }

    /// From now on the newest shard shows the stranger's key where it has the bare key, under the checkpoints that it signed.
    pub fn exchange_the_key(&self) {
        let [key, theirs] = [&self.key, &self.stranger].map(|key| key.public.der().to_vec());
        self.newest.alter(move |path, response| match path.contains("/tile/entries/") {
            true => response.map(|bundle| replaced(&bundle, &key, &theirs)),
            false => response,
        });
    }

    /// A complete audit of the newest shard, as JSON lines. Its exit code, and they.
    pub fn audit(&self) -> (Option<i32>, Vec<Value>) {
        let ended = self.run(&["--json"]);
        let lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ended:?}")));
        (ended.code, lines.collect())
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = cli();
        command.args(["audit", "--complete", "--rekor-api", "v2", "--rekor", &self.newest.url, "--rekor-key", "logs"]);
        command.args(["--key", "key.pem", "--instance", &self.list.url, "--wait", "0"]).args(arguments);
        Process::start(command.current_dir(self.folder.path())).finish()
    }
}

/// The bundle with one key in place of another, in base64: both have the same length.
fn replaced(bundle: &[u8], from: &[u8], to: &[u8]) -> Bytes {
    let [from, to] = [from, to].map(|key| BASE64_STANDARD.encode(key).into_bytes());
    let mut bytes = bundle.to_vec();
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(&from) {
            bytes[at..at + to.len()].copy_from_slice(&to);
        }
    }
    bytes.into()
}

/// A complete audit's findings on the planted entries.
pub fn assert_audited(planted: &Planted) {
    let (code, lines) = planted.audit();
    assert_eq!(code, Some(1), "{lines:?}");
    let about = |index: u64| format!("log {} index {index}", planted.newest.origin);
    let mut found = findings(&lines);
    found.sort();
    assert_eq!(found, UNEXPLAINED.map(|index| (about(index), "unexplained".to_owned())), "{lines:?}");
    let end = lines.last().unwrap();
    assert_eq!(end["byKeys"], BY_BARE_KEY.len() + BY_CERTIFICATE.len(), "{end}");
    let said = planted.run(&[]).stdout;
    assert!(said.contains(&format!("Not read: the log {}", planted.older.log_id())), "{said}");
}

/// The findings: what each is about, and its kind.
pub fn findings(lines: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.iter().filter(|line| line["type"] == "tag").map(|line| (text(&line["tag"]), text(&line["issue"]))).collect()
}

/// A verifier as Rekor v2 wants it: `publicKey` or `x509Certificate`.
pub fn verifier(kind: &str, der: &[u8]) -> Value {
    json!({"keyDetails": DETAILS, kind: {"rawBytes": BASE64_STANDARD.encode(der)}})
}

/// A leaf as Rekor v2 made them of envelopes. Nobody checks the signatures of entries that are in a log.
pub fn dsse(payload: &[u8], verifiers: &[&Value]) -> String {
    let hash = json!({"algorithm": "SHA2_256", "digest": BASE64_STANDARD.encode(Sha256::digest(payload))});
    let signatures: Vec<Value> =
        verifiers.iter().map(|verifier| json!({"content": "AA==", "verifier": verifier})).collect();
    let spec = json!({"dsseV002": {"payloadHash": hash, "signatures": signatures}});
    json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}).to_string()
}

impl Shard {
    /// Adds an entry of signed bytes, and returns its index.
    pub async fn add(&self, message: &[u8], signature: &[u8], verifier: &Value) -> u64 {
        let signature = json!({"content": BASE64_STANDARD.encode(signature), "verifier": verifier});
        let digest = BASE64_STANDARD.encode(Sha256::digest(message));
        let request = json!({"hashedRekordRequestV002": {"digest": digest, "signature": signature}});
        let post = client::client().post(format!("{}/api/v2/log/entries", self.url));
        let answer = client::send(post.header("content-type", "application/json").body(request.to_string())).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let entry: Value = serde_json::from_slice(&answer.bytes).unwrap();
        entry["logIndex"].as_str().unwrap().parse().unwrap()
    }
}
