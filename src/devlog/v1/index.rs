//! The search index: from a digest to the entries that name it, as Rekor keeps it in Redis or MySQL (`pkg/indexstorage`).
//! Keys are lower-cased on the way in and on the way out.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use super::wire::{Provenance, Statement};
use crate::dsse;
use crate::key::PublicKey;

/// Positions of leaves by index key.
#[derive(Debug, Default)]
pub(super) struct Index {
    positions: HashMap<String, Vec<u64>>,
}

impl Index {
    pub(super) fn add(&mut self, keys: &[String], position: u64) {
        for key in keys {
            self.positions.entry(key.to_lowercase()).or_default().push(position);
        }
    }

    /// The leaves under `key`, each once.
    pub(super) fn find(&self, key: &str) -> BTreeSet<u64> {
        let found = self.positions.get(&key.to_lowercase());
        found.into_iter().flatten().copied().collect()
    }
}

/// Rekor's `IndexKeys`: the canonical key, the payload, and each digest that an in-toto statement names. A payload that is
/// not the statement its type says it is gets no key at all. The envelope's own hash is left out: a client can send any.
pub(super) fn index_keys(signers: &[PublicKey], payload_type: &str, payload: &[u8], payload_hash: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        signers.iter().map(|key| format!("sha256:{}", hex::encode(Sha256::digest(key.pem())))).collect();
    keys.push(format!("sha256:{payload_hash}"));
    if payload_type == dsse::IN_TOTO {
        let Ok(statement) = serde_json::from_slice::<Statement>(payload) else {
            return Vec::new();
        };
        let mut named = statement.subject.unwrap_or_default();
        if let Ok(provenance) = serde_json::from_slice::<Provenance>(payload) {
            named.extend(provenance.predicate.materials);
        }
        let digests = named.into_iter().filter_map(|one| one.digest).flatten();
        keys.extend(digests.map(|(algorithm, value)| format!("{algorithm}:{value}")));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_found_once_under_each_key_in_any_case() {
        let mut index = Index::default();
        let key = "sha256:ABC".to_owned();
        index.add(&[key.clone(), key], 7);
        index.add(&["sha256:abc".to_owned()], 3);
        assert_eq!(index.find("SHA256:abc"), BTreeSet::from([3, 7]));
        assert!(index.find("abc").is_empty());
    }
}
