//! The search index: from a digest to the entries that name it, as Rekor keeps in Redis or
//! MySQL (`pkg/indexstorage`). Keys are lower-cased on the way in and on the way out.

use std::collections::{BTreeSet, HashMap};

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

    /// The leaves filed under `key`, each once.
    pub(super) fn find(&self, key: &str) -> BTreeSet<u64> {
        let found = self.positions.get(&key.to_lowercase());
        found.into_iter().flatten().copied().collect()
    }
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
