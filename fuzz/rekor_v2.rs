//! The answers of a log of tiles, read from fuzzed bytes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};
use tlogistry::tlog::{
    Hash, Head, LogEntry, LogKey, Tile, TileProof, TransparencyLogEntry, is_consistent, is_included,
};
use tlogistry::trusted_material::TrustedRoot;

use super::LOG_KEYS;

/// The key of the corpus' sightings.
pub const SIGNER: &str = include_str!("../tests/data/rekor-v2/ours/key.pem");
/// All that it signed.
pub const SIGHTING: (&str, &str) = (
    "index.docker.io/library/alpine:3.16.0",
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);
/// The checkpoints of the corpus by logs of tiles: another that verifies was not signed by its log.
pub const HEADS: [(&str, u64); 3] =
    [("localhost", 1), ("log2025-alpha1.rekor.sigstage.dev", 736), ("log2025-alpha3.rekor.sigstage.dev", 4_026_479)];
/// The leaves of the corpus: another that verifies is in no log.
const LEAVES: [&str; 4] = [
    "95d3181a2882d82a4d24becb1013c1dd86a2e5eb8befa1c8dca5ece3412c8021",
    "3eb277d2bd3a1ba8a99762e0a096974f383ccf7ce36ec1c639840e7b2213de3d",
    "78470eff2921878c2141726b650bf349099c37850a731f287a6accf35d40441f",
    "fe40655a0f968947de630c778c0f68bd52c68a40c5a25fc1a3a4edd6ab3c2f99",
];
const ROOTS: [&str; 3] = [
    include_str!("../tests/data/rekor-v2/ours/trusted-root.json"),
    include_str!("../tests/data/rekor-v2/trusted-roots/staging-2025.json"),
    include_str!("../tests/data/rekor-v2/trusted-roots/staging-2026.json"),
];
/// More than one tile.
const TREE_SIZE: u64 = 300;
const TILE_WIDTH: u64 = 256;
/// Trees whose tiles are filled; of larger ones, that takes long.
const MAX_FILLED: u64 = 1 << 9;

/// The keys of the logs of tiles that the corpus has entries of.
pub fn log_keys() -> Vec<LogKey> {
    let roots = ROOTS.map(|root| TrustedRoot::parse(root.as_bytes()).unwrap());
    roots
        .iter()
        .flat_map(TrustedRoot::logs)
        .map(|log| log.log_key().unwrap())
        .filter(|k| k.origin().is_some())
        .collect()
}

/// An entry that verifies is one that its log has.
pub fn assert_genuine(entry: &LogEntry) {
    let leaf: String = entry.leaf_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(LEAVES.contains(&leaf.as_str()), "{leaf}");
}

/// Entries as an upload is answered, and as bundles and rows hold them: what is written of one is the same entry, and is judged
/// alike.
pub fn bundle_entry(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<TransparencyLogEntry>(data) else { return };
    let Ok(entry) = read.entry() else { return };
    let written = serde_json::to_vec(&TransparencyLogEntry::of_sighting(&entry)).unwrap();
    let again: TransparencyLogEntry = serde_json::from_slice(&written).expect("what was written can be read");
    let again = again.entry().expect("what was written is an entry");
    assert_eq!((again.id(), again.to_json()), (entry.id(), entry.to_json()));
    match (entry.verify(&LOG_KEYS), again.verify(&LOG_KEYS)) {
        (Ok(entry), Ok(_)) => assert_genuine(&entry),
        (entry, again) => assert_eq!(entry.err(), again.err()),
    }
}

/// Keys of logs, in PEM or as verifier keys, which bind the key to its log's name.
pub fn log_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for origin in [None, Some("log.example")] {
        for key in LogKey::all_from_text(text, origin).unwrap_or_default() {
            assert!(key.origin().is_none_or(|name| !name.is_empty() && !name.contains(['+', ' ', '\n'])), "{key:?}");
        }
    }
    let Ok(key) = LogKey::from_vkey(text) else { return };
    let origin = key.origin().expect("a verifier key names its log");
    let hint: String = key.id()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(text.starts_with(&format!("{origin}+{hint}+")), "{text}");
    let of_another = LogKey::v2(key.public_key().clone(), &format!("{origin}x")).unwrap();
    assert_ne!(of_another.id(), key.id());
    assert!(LogKey::all_from_text(text, None).unwrap().contains(&key), "{text}");
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(1 << (hashes.len() - 1).ilog2());
            node(&root(left), &root(right))
        }
    }
}

/// A tree whose log is honest.
struct Tree {
    leaves: Vec<Hash>,
    root: Hash,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let leaves: Vec<Hash> = (0..TREE_SIZE).map(|number| Sha256::digest(number.to_be_bytes()).into()).collect();
    let tile = |level, index| Tile::in_tree(level, index, TREE_SIZE).unwrap();
    let tiles = BTreeMap::from([
        (tile(0, 0), leaves[..256].to_vec()),
        (tile(0, 1), leaves[256..].to_vec()),
        (tile(1, 0), vec![root(&leaves[..256])]),
    ]);
    Tree { root: root(&leaves), leaves, tiles }
});

/// Proofs made from whatever a log answers for its tiles: an index, a size, and what is changed in the tiles.
pub fn tiles(data: &[u8]) {
    let Some((index, rest)) = data.split_first_chunk() else { return };
    let Some((size, changes)) = rest.split_first_chunk() else { return };
    let (index, size) = (u64::from_le_bytes(*index), u64::from_le_bytes(*size));
    let proofs = [TileProof::inclusion(index, size), TileProof::consistency(index, size)];
    for proof in &proofs {
        let tiles = proof.tiles();
        assert!(tiles.len() <= 2 * 8 && tiles.iter().all(|tile| (1..=256).contains(&tile.width())), "{proof:?}");
        assert!(proof.read(&BTreeMap::new()).is_none_or(|path| path.is_empty() && tiles.is_empty()));
        if size < MAX_FILLED {
            let filled = tiles.into_iter().map(|tile| (tile, filled(tile, changes)));
            let path = proof.read(&filled.collect()).expect("each tile is as long as it is wide");
            let head = |size| Head { size, root: [0; 32] };
            assert!(!is_included(&[1; 32], index, head(size), &path));
            assert!(index == size || index == 0 || !is_consistent(head(index), head(size), &path));
        }
    }
    // In the last tile, whose paths are short.
    altered(TILE_WIDTH + index % (TREE_SIZE - TILE_WIDTH), changes);
}

/// The hashes of a tile, from these bytes over and over.
fn filled(tile: Tile, bytes: &[u8]) -> Vec<Hash> {
    let mut bytes = bytes.iter().chain(&[1]).copied().cycle();
    (0..tile.width()).map(|_| std::array::from_fn(|_| bytes.next().unwrap_or_default())).collect()
}

/// Of a path that was read from altered tiles, only the genuine one leads to the root.
fn altered(index: u64, changes: &[u8]) {
    let (proof, head) = (TileProof::inclusion(index, TREE_SIZE), Head { size: TREE_SIZE, root: TREE.root });
    let genuine = proof.read(&TREE.tiles).expect("all tiles are there");
    let mut tiles = TREE.tiles.clone();
    for change in changes.chunks_exact(3) {
        let hashes = tiles.values_mut().nth(usize::from(change[0]) % TREE.tiles.len()).unwrap();
        match hashes.get_mut(usize::from(change[1])) {
            Some(hash) => hash[usize::from(change[2]) % 32] ^= change[2],
            None => hashes.truncate(usize::from(change[2])),
        }
    }
    let Some(path) = proof.read(&tiles) else { return };
    let leaf = TREE.leaves[usize::try_from(index).unwrap()];
    assert_eq!(is_included(&leaf, index, head, &path), path == genuine);
    assert!(!is_included(&Sha256::digest(leaf).into(), index, head, &path));
}
