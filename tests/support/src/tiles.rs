//! A reader of a log's tiles and checkpoints that believes nothing (C2SP tlog-tiles, tlog-checkpoint, signed-note).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};
use sigstore::crypto::{CosignVerificationKey, Signature, SigningScheme};

use super::client::{self, Answer};
use super::merkle::{Hash, leaf_hash, root};

/// Hashes, or entries, in a full tile.
const WIDTH: usize = 256;

/// The facts about a log that a reader begins with.
#[derive(Debug, Clone)]
pub struct TileReader {
    /// Tiles and checkpoint are below this.
    pub prefix: String,
    /// The name in its checkpoints.
    pub origin: String,
    /// PEM.
    pub public_key: String,
}

impl TileReader {
    /// The log's key: 32 bytes.
    fn key(&self) -> Vec<u8> {
        let lines = self.public_key.lines().filter(|line| !line.starts_with('-'));
        let der = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
        assert_eq!(hex::encode(&der[..12]), "302a300506032b6570032100", "an Ed25519 key");
        der[12..].to_vec()
    }

    /// `sha256(<origin> || 0x0A || 0x01 || <key>)`.
    pub fn log_id(&self) -> Hash {
        Sha256::digest([self.origin.as_bytes(), b"\n\x01", &self.key()].concat()).into()
    }

    /// Checks a checkpoint to the byte, and its signature. Returns size and root.
    #[track_caller]
    pub fn check(&self, checkpoint: &str) -> (u64, Hash) {
        let (text, signature) = checkpoint.split_once("\n\n").unwrap_or_else(|| panic!("{checkpoint}"));
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root] = lines[..] else { panic!("{checkpoint}") };
        assert_eq!(origin, self.origin);
        let line = signature.strip_prefix(&format!("— {origin} ")).unwrap_or_else(|| panic!("{checkpoint}"));
        let signature = BASE64_STANDARD.decode(line.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(signature[..4], self.log_id()[..4], "the key's hint");
        let key = CosignVerificationKey::from_pem(self.public_key.as_bytes(), &SigningScheme::ED25519).unwrap();
        let verified = key.verify_signature(Signature::Raw(&signature[4..]), format!("{text}\n").as_bytes());
        verified.expect("the checkpoint's signature verifies");
        let number: u64 = size.parse().unwrap();
        assert_eq!(number.to_string(), size);
        (number, BASE64_STANDARD.decode(root).unwrap().try_into().unwrap())
    }

    /// The current checkpoint's size and root.
    pub async fn head(&self) -> (u64, Hash) {
        let answer = client::get(&format!("{}/checkpoint", self.prefix)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.check(answer.text())
    }

    pub async fn tile(&self, path: &str) -> Answer {
        client::get(&format!("{}/tile/{path}", self.prefix)).await
    }

    /// Reads the whole log as it is now, and checks each tile of hashes against the entries, and all against the checkpoint.
    /// Returns the leaves.
    pub async fn all(&self) -> Vec<Vec<u8>> {
        let (size, expected) = self.head().await;
        let mut leaves = Vec::new();
        for path in paths("entries", size as usize) {
            let mut bundle = &self.read(&path).await[..];
            while let Some((length, rest)) = bundle.split_first_chunk() {
                let (leaf, rest) = rest.split_at(u16::from_be_bytes(*length).into());
                leaves.push(leaf.to_vec());
                bundle = rest;
            }
        }
        assert_eq!(leaves.len() as u64, size);
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        assert_eq!(root(&hashes), expected, "the checkpoint's root");
        let mut level = hashes;
        for number in 0.. {
            let mut tiles = Vec::new();
            for path in paths(&number.to_string(), level.len()) {
                tiles.push(self.read(&path).await);
            }
            assert_eq!(tiles.concat(), level.concat(), "the tiles of level {number}");
            if level.len() < WIDTH {
                break;
            }
            level = level.chunks_exact(WIDTH).map(root).collect();
        }
        leaves
    }

    async fn read(&self, path: &str) -> Vec<u8> {
        let answer = self.tile(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.bytes.into()
    }
}

/// The paths of the tiles of a level with so many hashes.
fn paths(kind: &str, count: usize) -> Vec<String> {
    let full = (0..count / WIDTH).map(|number| format!("{kind}/{}", grouped(number)));
    let rest = count % WIDTH;
    let partial = (rest > 0).then(|| format!("{kind}/{}.p/{rest}", grouped(count / WIDTH)));
    full.chain(partial).collect()
}

fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => format!("{number:03}"),
        thousands => format!("{}/{:03}", grouped_with_x(thousands), number % 1000),
    }
}

fn grouped_with_x(number: usize) -> String {
    match number / 1000 {
        0 => format!("x{number:03}"),
        thousands => format!("{}/x{:03}", grouped_with_x(thousands), number % 1000),
    }
}
