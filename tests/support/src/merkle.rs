//! RFC 6962's trees, straight from its text: for the tests of what computes them in other ways.

use sha2::{Digest as _, Sha256};

pub type Hash = [u8; 32];

pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// `MTH(leaves)`, of the leaves' hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// `PATH(index, leaves)`.
pub fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = match index < middle {
        true => (path(index, left), root(right)),
        false => (path(index - middle, right), root(left)),
    };
    path.push(other);
    path
}

/// `PROOF(size, leaves)`: that the tree of all leaves grew from that of the first `size`.
pub fn consistency(size: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(size, leaves, true)
}

fn subproof(size: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if size == leaves.len() {
        return if is_known { Vec::new() } else { vec![root(leaves)] };
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, other) = match size <= middle {
        true => (subproof(size, left, is_known), root(right)),
        false => (subproof(size - middle, right, false), root(left)),
    };
    proof.push(other);
    proof
}

/// The largest power of two smaller than `length`.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}
