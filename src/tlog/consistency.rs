//! Consistency proofs: the later of two heads of a Merkle tree holds all leaves of the earlier one, in the same places
//! (RFC 6962 section 2.1.2, checked as RFC 9162 section 2.1.4.2 describes).

use super::merkle::{EMPTY_ROOT, Hash, Head, node_hash};

/// Checks that `proof` leads from the head `earlier` to the head `later` by appending alone.
///
/// The proof is empty between equal sizes and from a tree without leaves.
pub fn is_consistent(earlier: Head, later: Head, proof: &[Hash]) -> bool {
    // There is one empty tree.
    if earlier.size == 0 && earlier.root != EMPTY_ROOT {
        return false;
    }
    if earlier.size == later.size {
        return earlier.root == later.root && proof.is_empty();
    }
    if earlier.size > later.size {
        return false;
    }
    if earlier.size == 0 {
        return proof.is_empty();
    }
    // A complete earlier tree is a node of the later one, so the proof leaves out its root.
    let (start, path) = match proof.split_first() {
        None => return false,
        Some(_) if earlier.size.is_power_of_two() => (&earlier.root, proof),
        Some((first, rest)) => (first, rest),
    };
    let (mut node, mut last) = (earlier.size - 1, later.size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut earlier_root, mut later_root) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            earlier_root = node_hash(sibling, &earlier_root);
            later_root = node_hash(sibling, &later_root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            later_root = node_hash(&later_root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && earlier_root == earlier.root && later_root == later.root
}

#[cfg(test)]
mod tests {
    use super::super::merkle::leaf_hash;
    use super::super::rfc6962::{head, leaves, root, split};
    use super::*;

    /// `SUBPROOF(m, D[n], b)` as RFC 6962 section 2.1.2 writes it.
    fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut proof, sibling) =
            if m <= k { (subproof(m, left, whole), root(right)) } else { (subproof(m - k, right, false), root(left)) };
        proof.push(sibling);
        proof
    }

    fn changed(mut hash: Hash) -> Hash {
        let bit = fastrand::usize(..256);
        hash[bit / 8] ^= 1 << (bit % 8);
        hash
    }

    #[test]
    fn every_growth_of_a_tree_of_up_to_forty_leaves_is_proven_and_no_other() {
        let leaves = leaves(40);
        let heads: Vec<Head> = (0..=leaves.len()).map(|size| head(&leaves[..size])).collect();
        for later in 0..=leaves.len() {
            for earlier in 1..=later {
                let proof = subproof(earlier, &leaves[..later], true);
                let (old, new) = (heads[earlier], heads[later]);
                assert!(is_consistent(old, new, &proof), "{earlier} to {later}");
                let forged = |head: Head| Head { root: changed(head.root), ..head };
                assert!(!is_consistent(forged(old), new, &proof), "{earlier} to {later}: another old root");
                assert!(!is_consistent(old, forged(new), &proof), "{earlier} to {later}: another new root");
                for place in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[place] = changed(wrong[place]);
                    assert!(!is_consistent(old, new, &wrong), "{earlier} to {later}: another hash at {place}");
                    wrong.remove(place);
                    assert!(!is_consistent(old, new, &wrong), "{earlier} to {later}: no hash at {place}");
                }
                for place in 0..=proof.len() {
                    let mut wrong = proof.clone();
                    wrong.insert(place, leaf_hash(b"more"));
                    assert!(!is_consistent(old, new, &wrong), "{earlier} to {later}: a hash too many at {place}");
                }
            }
        }
    }

    /// A proof binds the sizes of the trees only by its shape.
    #[test]
    fn a_proof_is_of_no_other_sizes_with_other_roots() {
        let leaves = leaves(33);
        let heads: Vec<Head> = (0..=leaves.len()).map(|size| head(&leaves[..size])).collect();
        for _ in 0..5_000 {
            let later = fastrand::usize(1..heads.len());
            let earlier = fastrand::usize(1..=later);
            let proof = subproof(earlier, &leaves[..later], true);
            let (old, new) = (heads[fastrand::usize(..heads.len())], heads[fastrand::usize(..heads.len())]);
            if (old, new) == (heads[earlier], heads[later]) {
                continue;
            }
            // The empty proof holds between any equal sizes.
            let empty = proof.is_empty() && (old == new || old.size == 0);
            assert_eq!(is_consistent(old, new, &proof), empty, "{earlier} to {later} for {} to {}", old.size, new.size);
        }
    }

    #[test]
    fn a_tree_whose_past_was_changed_is_not_consistent_with_it() {
        for _ in 0..400 {
            let later = fastrand::usize(2..130);
            let earlier = fastrand::usize(1..later);
            let honest = leaves(later);
            let mut forged = honest.clone();
            let place = fastrand::usize(..earlier);
            forged[place] = changed(forged[place]);
            let (old, new) = (head(&honest[..earlier]), head(&forged));
            for history in [&honest, &forged] {
                let proof = subproof(earlier, history, true);
                assert!(!is_consistent(old, new, &proof), "leaf {place} changed, {earlier} to {later}");
            }
        }
    }

    #[test]
    fn a_larger_tree_is_never_the_earlier_one_and_the_empty_one_is_always() {
        let leaves = leaves(5);
        let (five, three, empty) = (head(&leaves), head(&leaves[..3]), head(&[]));
        assert!(!is_consistent(five, three, &subproof(3, &leaves, true)));
        assert!(is_consistent(empty, five, &[]));
        assert!(is_consistent(empty, empty, &[]));
        assert!(!is_consistent(empty, five, &[leaves[0]]));
        assert!(!is_consistent(Head { root: leaves[0], ..empty }, five, &[]));
        assert!(!is_consistent(three, five, &[]));
    }

    /// google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc: from the first to all eight of its leaves.
    #[test]
    fn the_reference_implementations_proof_holds() {
        let hash = |hex: &str| -> Hash { hex::decode(hex).unwrap().try_into().unwrap() };
        let first = Head { size: 1, root: hash("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d") };
        let all = Head { size: 8, root: hash("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328") };
        let proof = [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
        .map(hash);
        assert!(is_consistent(first, all, &proof));
    }

    /// The check of the largest sizes neither overflows nor runs on.
    #[test]
    fn sizes_up_to_the_largest_are_taken() {
        let (old, new) = (Head { size: u64::MAX - 1, root: [0; 32] }, Head { size: u64::MAX, root: [1; 32] });
        assert!(!is_consistent(old, new, &vec![[2; 32]; 200]));
        assert!(!is_consistent(Head { size: 1 << 63, ..old }, new, &[[2; 32]]));
    }
}
