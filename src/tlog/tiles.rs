//! Proofs made from the tiles of a log (<https://github.com/C2SP/C2SP/blob/main/tlog-tiles.md>).
//!
//! A tile holds up to 256 hashes of one level: level 0 the leaves', each next level the roots of full tiles of the one
//! below. Whatever tiles a log answers, a proof made from them is checked against a signed root.

use std::collections::{BTreeMap, BTreeSet};

use super::merkle::{Hash, node_hash};

/// Hashes in a full tile, and leaves in a full bundle of entries.
pub(crate) const TILE_WIDTH: u64 = 256;
/// Levels of the tree in a tile.
const TILE_HEIGHT: u32 = 8;

/// A tile of a tree with a certain size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    level: u32,
    index: u64,
    /// Hashes in it, from 1 to 256.
    width: u64,
}

impl Tile {
    /// The tile of this index on `level` in a tree of `size` leaves; `None` if the tree has none there.
    pub fn in_tree(level: u32, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(TILE_HEIGHT * level).unwrap_or(0);
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = hashes.checked_sub(before)?.min(TILE_WIDTH);
        (width > 0).then_some(Self { level, index, width })
    }

    /// The same tile once it is full.
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// Hashes in it, from 1 to 256.
    pub fn width(self) -> u64 {
        self.width
    }

    /// The path below the log's prefix.
    pub fn path(self) -> String {
        format!("tile/{}/{}", self.level, numbered(self.index, self.width))
    }
}

/// The path, below the log's prefix, of the bundle of entries with the leaf at `index`, as it is in a tree of `size`.
pub(crate) fn entries_path(index: u64, size: u64) -> String {
    format!("tile/entries/{}", numbered(index / TILE_WIDTH, bundle_width(index, size)))
}

/// Leaves in the bundle with the leaf at `index`, as it is in a tree of `size`.
pub(crate) fn bundle_width(index: u64, size: u64) -> u64 {
    let first = index / TILE_WIDTH * TILE_WIDTH;
    size.saturating_sub(first).min(TILE_WIDTH)
}

/// `x001/x234/067`, and `.p/<width>` behind it if it is not full.
fn numbered(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{path}.p/{width}") } else { path }
}

/// Leaves from `start` up to `end`.
#[derive(Debug, Clone, Copy)]
struct LeafRange {
    start: u64,
    end: u64,
}

impl LeafRange {
    fn len(self) -> u64 {
        self.end - self.start
    }

    /// The two parts that RFC 6962 section 2.1 splits at: the left one has the largest power of two.
    fn halves(self) -> (Self, Self) {
        let middle = self.start + (1 << (self.len() - 1).ilog2());
        (Self { end: middle, ..self }, Self { start: middle, ..self })
    }
}

/// A proof in a tree of a certain size, whose hashes are still to be read from tiles.
#[derive(Debug, Clone)]
pub struct TileProof {
    size: u64,
    /// The subtrees whose roots are the proof, in its order.
    subtrees: Vec<LeafRange>,
}

impl TileProof {
    /// The inclusion proof of the leaf at `index` (RFC 9162 section 2.1.3.1). It proves nothing unless `index` is
    /// smaller than `size`.
    pub fn inclusion(index: u64, size: u64) -> Self {
        let mut subtrees = Vec::new();
        let mut range = LeafRange { start: 0, end: size };
        while range.len() > 1 {
            let (left, right) = range.halves();
            let (with, beside) = if index < left.end { (left, right) } else { (right, left) };
            subtrees.push(beside);
            range = with;
        }
        subtrees.reverse();
        Self { size, subtrees }
    }

    /// The proof that a tree of `size` grew from one of `before` (RFC 9162 section 2.1.4.1). It is empty, and proves
    /// nothing, unless `before` is from 1 to `size`.
    pub fn consistency(before: u64, size: u64) -> Self {
        let mut subtrees = Vec::new();
        if !(1..=size).contains(&before) {
            return Self { size, subtrees };
        }
        let mut range = LeafRange { start: 0, end: size };
        let mut whole = true;
        while range.end != before {
            let (left, right) = range.halves();
            if before <= left.end {
                subtrees.push(right);
                range = left;
            } else {
                subtrees.push(left);
                range = right;
                whole = false;
            }
        }
        if !whole {
            subtrees.push(range);
        }
        subtrees.reverse();
        Self { size, subtrees }
    }

    /// The tiles that hold it.
    pub fn tiles(&self) -> BTreeSet<Tile> {
        let mut tiles = BTreeSet::new();
        let mut each = |height, start: u64| {
            let level = height / TILE_HEIGHT;
            tiles.extend(Tile::in_tree(level, (start >> (TILE_HEIGHT * level)) / TILE_WIDTH, self.size));
        };
        self.subtrees.iter().for_each(|range| visit(*range, &mut each));
        tiles
    }

    /// The proof, read from its tiles; `None` if one of them is not among `tiles`, or lacks a hash.
    pub fn read(&self, tiles: &BTreeMap<Tile, Vec<Hash>>) -> Option<Vec<Hash>> {
        self.subtrees.iter().map(|range| self.root(*range, tiles)).collect()
    }

    fn root(&self, range: LeafRange, tiles: &BTreeMap<Tile, Vec<Hash>>) -> Option<Hash> {
        if let Some(height) = height_if_full(range) {
            let level = height / TILE_HEIGHT;
            let first = range.start >> (TILE_HEIGHT * level);
            let tile = tiles.get(&Tile::in_tree(level, first / TILE_WIDTH, self.size)?)?;
            let at = usize::try_from(first % TILE_WIDTH).ok()?;
            return tile.get(at..at + (1 << (height % TILE_HEIGHT))).map(full_root);
        }
        let (left, right) = range.halves();
        Some(node_hash(&self.root(left, tiles)?, &self.root(right, tiles)?))
    }
}

/// Hands the height and the first leaf of each full subtree in `range` to `each`.
fn visit(range: LeafRange, each: &mut impl FnMut(u32, u64)) {
    match height_if_full(range) {
        Some(height) => each(height, range.start),
        None => {
            let (left, right) = range.halves();
            visit(left, each);
            visit(right, each);
        }
    }
}

/// The height of the subtree over `range`, if it is full.
fn height_if_full(range: LeafRange) -> Option<u32> {
    range.len().is_power_of_two().then(|| range.len().ilog2())
}

/// The root over a power of two of hashes.
fn full_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&full_root(left), &full_root(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::consistency::is_consistent;
    use super::super::merkle::is_included;
    use super::super::rfc6962::{head, leaves};
    use super::*;

    /// All tiles of a tree with these leaves.
    fn all_tiles(leaves: &[Hash]) -> BTreeMap<Tile, Vec<Hash>> {
        let size = leaves.len() as u64;
        let mut tiles = BTreeMap::new();
        let (mut level, mut hashes) = (0, leaves.to_vec());
        while !hashes.is_empty() {
            for (index, chunk) in hashes.chunks(256).enumerate() {
                tiles.insert(Tile::in_tree(level, index as u64, size).unwrap(), chunk.to_vec());
            }
            hashes = hashes.chunks_exact(256).map(full_root).collect();
            level += 1;
        }
        tiles
    }

    #[test]
    fn proofs_of_trees_of_all_shapes_are_read_from_their_tiles_alone() {
        let leaves = leaves(66_000);
        for size in [1, 2, 3, 7, 255, 256, 257, 511, 513, 5_000, 65_535, 65_536, 65_537, 66_000] {
            let (now, tiles) = (head(&leaves[..size]), all_tiles(&leaves[..size]));
            let read = |proof: TileProof| {
                let needed = proof.tiles().into_iter().map(|tile| (tile, tiles[&tile].clone())).collect();
                proof.read(&needed).unwrap()
            };
            for index in [0, 1, size / 3, size / 2, size.saturating_sub(2), size - 1] {
                let index = index.min(size - 1);
                let path = read(TileProof::inclusion(index as u64, size as u64));
                assert!(is_included(&leaves[index], index as u64, now, &path), "{index} of {size}");
            }
            for before in [1, 2, 255, 256, 257, 4_096, size - 1, size] {
                let before = before.clamp(1, size);
                let proof = read(TileProof::consistency(before as u64, size as u64));
                assert!(is_consistent(head(&leaves[..before]), now, &proof), "{before} to {size}");
            }
        }
    }

    #[test]
    fn no_tree_grew_from_nothing_or_from_a_larger_one() {
        for (before, size) in [(0, 5), (6, 5), (u64::MAX, 5), (0, 0), (1, 0)] {
            assert_eq!(
                TileProof::consistency(before, size).read(&BTreeMap::new()),
                Some(Vec::new()),
                "{before} to {size}"
            );
        }
    }

    #[test]
    fn a_tile_that_is_missing_or_short_makes_no_proof() {
        let leaves = leaves(600);
        let proof = TileProof::inclusion(300, 600);
        let tiles = all_tiles(&leaves);
        for tile in proof.tiles() {
            let mut without = tiles.clone();
            without.remove(&tile);
            assert_eq!(proof.read(&without), None);
            let mut short = tiles.clone();
            short.get_mut(&tile).unwrap().clear();
            assert_eq!(proof.read(&short), None);
        }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, index, size| Tile::in_tree(level, index, size).map(Tile::path);
        assert_eq!(tile(0, 0, 256).unwrap(), "tile/0/000");
        assert_eq!(tile(0, 273, 70_000).unwrap(), "tile/0/273.p/112");
        assert_eq!(tile(1, 1, 70_000).unwrap(), "tile/1/001.p/17");
        assert_eq!(tile(0, 1_234_067, u64::MAX).unwrap(), "tile/0/x001/x234/067");
        assert_eq!((tile(2, 0, 70_000).unwrap(), tile(2, 1, 70_000)), ("tile/2/000.p/1".to_owned(), None));
        assert_eq!((tile(0, 274, 70_000), tile(8, 0, u64::MAX), tile(0, u64::MAX, 1)), (None, None, None));
        assert_eq!(entries_path(69_999, 70_000), "tile/entries/273.p/112");
        assert_eq!(entries_path(255, 70_000), "tile/entries/000");
    }
}
