//! RFC 6962's trees, straight from its text: for the unit tests of what computes them in other ways.

use super::merkle::{EMPTY_ROOT, Hash, Head, leaf_hash, node_hash};

/// The hashes of `count` leaves, all different.
pub(super) fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

/// Size and root of the tree of these leaves.
pub(super) fn head(leaves: &[Hash]) -> Head {
    Head { size: leaves.len() as u64, root: root(leaves) }
}

/// `MTH(D[n])` as RFC 6962 section 2.1 writes it.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two smaller than `n`.
pub(super) fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}
