//! The Merkle tree of RFC 6962 section 2.1: its hashes, its heads, and inclusion proofs.

use sha2::{Digest as _, Sha256};

/// The root of a tree without leaves: the sha256 of nothing.
pub(crate) const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The sha256 of a leaf or of an inner node.
pub type Hash = [u8; 32];

/// The head of a tree, which stands for all that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of leaves.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
}

/// The hash of a leaf: `sha256(0x00 || data)`.
pub(crate) fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(data).finalize().into()
}

/// The hash of an inner node: `sha256(0x01 || left || right)`.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right).finalize().into()
}

/// Checks that `path` leads from `leaf`, at `index` (from 0) in the tree, to the root of `head` (RFC 9162 section 2.1.3.2).
pub fn is_included(leaf: &Hash, index: u64, head: Head, path: &[Hash]) -> bool {
    if index >= head.size {
        return false;
    }
    let (mut node, mut last) = (index, head.size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == head.root
}
