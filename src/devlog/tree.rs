//! The Merkle tree of RFC 6962 §2.1, kept so that appending, a root and a proof each cost O(log n) hashes.
//!
//! `levels[h][i]` is the hash of the *complete* subtree over leaves `i·2^h .. (i+1)·2^h`. A complete subtree never changes,
//! so every node is hashed once; the ragged right edge is computed at each request, along one path. Two hashes, 64 bytes,
//! are kept per leaf.

use std::ops::Range;

use crate::tlog::{EMPTY_ROOT, Hash, Head, node_hash};

/// An append-only tree of leaf hashes.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Level `h` holds `size >> h` hashes, and no level is empty.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    pub(super) fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The hash of the leaf at `position`, or `None` past the end.
    pub(super) fn leaf(&self, position: u64) -> Option<Hash> {
        let position = usize::try_from(position).ok()?;
        self.levels.first()?.get(position).copied()
    }

    /// Appends a leaf and hashes the subtrees that it completes.
    pub(super) fn push(&mut self, leaf: Hash) {
        let mut carried = leaf;
        for level in &mut self.levels {
            level.push(carried);
            let [.., left, right] = level.as_slice() else {
                return;
            };
            if level.len() % 2 == 1 {
                return;
            }
            carried = node_hash(left, right);
        }
        self.levels.push(vec![carried]);
    }

    pub(super) fn head(&self) -> Head {
        Head { size: self.size(), root: self.root() }
    }

    /// The root of the whole tree.
    pub(super) fn root(&self) -> Hash {
        match self.size() {
            0 => EMPTY_ROOT,
            size => self.range(0, size),
        }
    }

    /// The hashes of the complete subtrees of `2^height` leaves with these numbers, counted from the left. `None` unless all
    /// of them are complete.
    pub(super) fn complete(&self, height: usize, numbers: Range<u64>) -> Option<&[Hash]> {
        let (begin, end) = (usize::try_from(numbers.start).ok()?, usize::try_from(numbers.end).ok()?);
        self.levels.get(height)?.get(begin..end)
    }

    /// `PATH(position, D[size])`, RFC 6962 §2.1.1, from the leaf upwards. `None` unless
    /// `position < size <= self.size()`.
    pub(super) fn inclusion(&self, position: u64, size: u64) -> Option<Vec<Hash>> {
        if position >= size || size > self.size() {
            return None;
        }
        let (mut begin, mut end) = (0, size);
        let mut path = Vec::new();
        while end - begin > 1 {
            let middle = begin + split(end - begin);
            if position < middle {
                path.push(self.range(middle, end));
                end = middle;
            } else {
                path.push(self.range(begin, middle));
                begin = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// `PROOF(first, D[last])`, RFC 6962 §2.1.2. `None` unless `0 < first <= last <= self.size()`.
    pub(super) fn consistency(&self, first: u64, last: u64) -> Option<Vec<Hash>> {
        if first == 0 || first > last || last > self.size() {
            return None;
        }
        let (mut begin, mut end) = (0, last);
        let mut proof = Vec::new();
        while first != end {
            let middle = begin + split(end - begin);
            if first <= middle {
                proof.push(self.range(middle, end));
                end = middle;
            } else {
                proof.push(self.range(begin, middle));
                begin = middle;
            }
        }
        // A verifier knows the old root already when the old tree is a subtree of its own.
        if begin > 0 {
            proof.push(self.range(begin, end));
        }
        proof.reverse();
        Some(proof)
    }

    /// `MTH(D[begin:end])`. The callers pass ranges that arise by splitting `0..n` for some `n <= size` as RFC 6962 does:
    /// `begin` is then a multiple of every power of two up to the length, so the look-up is valid.
    fn range(&self, begin: u64, end: u64) -> Hash {
        let length = end - begin;
        if length.is_power_of_two() {
            let height = length.trailing_zeros();
            return self.levels[height as usize][(begin >> height) as usize];
        }
        let middle = begin + split(length);
        node_hash(&self.range(begin, middle), &self.range(middle, end))
    }
}

/// The largest power of two smaller than `length`, for `length >= 2` (RFC 6962 §2.1's `k`).
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::{is_consistent, is_included, leaf_hash};

    /// The leaves that the certificate-transparency reference implementation tests with
    /// (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc), and the roots
    /// it publishes for the first 1 to 8 of them.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn reference_tree(size: usize) -> Tree {
        let mut tree = Tree::default();
        for leaf in &LEAVES[..size] {
            tree.push(leaf_hash(&hex::decode(leaf).unwrap()));
        }
        tree
    }

    fn numbered_tree(size: u64) -> Tree {
        let mut tree = Tree::default();
        for number in 0..size {
            tree.push(leaf_hash(&number.to_be_bytes()));
        }
        tree
    }

    fn hexes(hashes: Option<Vec<Hash>>) -> Vec<String> {
        hashes.unwrap().iter().map(hex::encode).collect()
    }

    #[test]
    fn the_empty_tree_has_the_hash_of_nothing() {
        assert_eq!(
            hex::encode(Tree::default().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        for size in 1..=8 {
            assert_eq!(hex::encode(reference_tree(size).root()), ROOTS[size - 1]);
        }
    }

    #[test]
    fn proofs_are_those_of_the_reference_implementation() {
        let tree = reference_tree(8);
        assert_eq!(hexes(tree.inclusion(0, 1)), Vec::<String>::new());
        assert_eq!(
            hexes(tree.inclusion(0, 8)),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            hexes(tree.inclusion(5, 8)),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(hexes(tree.inclusion(2, 3)), [ROOTS[1]]);
        assert_eq!(hexes(tree.consistency(1, 1)), Vec::<String>::new());
        assert_eq!(
            hexes(tree.consistency(6, 8)),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hexes(tree.consistency(2, 5)),
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ]
        );
    }

    #[test]
    fn every_proof_up_to_65_leaves_verifies_and_no_altered_one_does() {
        const SIZE: u64 = 65;
        let tree = numbered_tree(SIZE);
        let heads: Vec<Head> = (0..=SIZE).map(|n| numbered_tree(n).head()).collect();
        for size in 1..=SIZE {
            let head = heads[size as usize];
            for position in 0..size {
                let leaf = tree.leaf(position).unwrap();
                let mut path = tree.inclusion(position, size).unwrap();
                assert!(is_included(&leaf, position, head, &path));
                if let Some(hash) = path.last_mut() {
                    hash[0] ^= 1;
                    assert!(!is_included(&leaf, position, head, &path));
                }
            }
            for first in 1..=size {
                let old = heads[first as usize];
                let mut proof = tree.consistency(first, size).unwrap();
                assert!(is_consistent(old, head, &proof));
                if let Some(hash) = proof.last_mut() {
                    hash[0] ^= 1;
                    assert!(!is_consistent(old, head, &proof));
                }
            }
        }
    }

    #[test]
    fn no_proof_is_given_beyond_the_tree() {
        let tree = numbered_tree(3);
        assert!(tree.inclusion(3, 3).is_none());
        assert!(tree.inclusion(0, 4).is_none());
        assert!(tree.inclusion(0, 0).is_none());
        assert!(tree.consistency(0, 3).is_none());
        assert!(tree.consistency(2, 1).is_none());
        assert!(tree.consistency(1, 4).is_none());
    }
}
