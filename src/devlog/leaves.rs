//! The leaves of a log: their tree, and where each stands in it.

use std::collections::HashMap;

use super::tree::Tree;
use crate::tlog::Hash;

/// Kept in memory, and rebuilt from the records when a log is opened.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    tree: Tree,
    positions: HashMap<Hash, u64>,
}

impl Leaves {
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds a leaf and returns its position.
    pub(super) fn add(&mut self, leaf: Hash) -> u64 {
        let position = self.tree.size();
        self.tree.push(leaf);
        self.positions.insert(leaf, position);
        position
    }

    pub(super) fn position_of(&self, leaf: &Hash) -> Option<u64> {
        self.positions.get(leaf).copied()
    }
}
