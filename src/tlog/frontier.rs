//! The right edge of a Merkle tree: the roots of its full subtrees, from which any later tree is computed by appending.
//!
//! A tree whose root was computed by appending to a frontier has, by the collision resistance of SHA-256, the tree of that
//! frontier at its beginning, and after it the appended leaves in this order. So a signed root proves both at once, and no
//! tile of hashes is needed.

use super::merkle::{EMPTY_ROOT, Hash, Head, node_hash};

/// The full subtrees of a tree, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, the highest first.
    roots: Vec<Hash>,
}

impl Frontier {
    /// `None` if a tree of this size has another number of full subtrees.
    pub(crate) fn new(size: u64, roots: Vec<Hash>) -> Option<Self> {
        let fits = u32::try_from(roots.len()) == Ok(size.count_ones());
        fits.then_some(Self { size, roots })
    }

    /// The number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the full subtrees, the largest first.
    pub(crate) fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf, by its hash.
    pub(crate) fn append(&mut self, leaf: Hash) {
        let (mut hash, mut rest) = (leaf, self.size);
        while rest & 1 == 1 {
            // There is one for each bit that is set.
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
            rest >>= 1;
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Size and root of the tree.
    pub(crate) fn head(&self) -> Head {
        let join = |right: Hash, left: &Hash| node_hash(left, &right);
        let mut smallest_first = self.roots.iter().rev();
        let root = smallest_first.next().map_or(EMPTY_ROOT, |smallest| smallest_first.fold(*smallest, join));
        Head { size: self.size, root }
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::leaf_hash;
    use super::super::rfc6962::{leaves, root};
    use super::*;

    #[test]
    fn every_tree_is_reached_from_every_earlier_one_and_its_stored_form() {
        let leaves = leaves(70);
        let mut frontier = Frontier::default();
        assert_eq!(frontier.head(), Head { size: 0, root: EMPTY_ROOT });
        for (before, leaf) in leaves.iter().enumerate() {
            let mut stored = Frontier::new(frontier.size(), frontier.roots().to_vec()).unwrap();
            leaves[before..].iter().for_each(|leaf| stored.append(*leaf));
            assert_eq!(stored.head(), Head { size: 70, root: root(&leaves) }, "from {before}");
            frontier.append(*leaf);
            assert_eq!(frontier.head().root, root(&leaves[..=before]));
        }
        assert_eq!(Frontier::new(5, vec![EMPTY_ROOT]), None);
    }

    #[test]
    fn another_leaf_or_order_is_another_root() {
        let leaf = |number: u8| leaf_hash(&[number]);
        let head = |numbers: &[u8]| {
            let mut frontier = Frontier::default();
            numbers.iter().for_each(|number| frontier.append(leaf(*number)));
            frontier.head()
        };
        assert_ne!(head(&[1, 2, 3]), head(&[1, 2, 4]));
        assert_ne!(head(&[1, 2, 3]), head(&[2, 1, 3]));
    }
}
