//! The log itself: one tree, its records, and the indexes that lead to them.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base64::prelude::{BASE64_STANDARD, Engine};
use sigstore::errors::SigstoreError;

use super::index::Index;
use super::proposal::{Proposal, payload_hash};
use super::record::Record;
use crate::clock::since_epoch;
use crate::devlog::error::StorageError;
use crate::devlog::folder::{self, Numbering, OpenFolder};
use crate::devlog::leaves::Leaves;
use crate::devlog::records::Records;
use crate::devlog::{Indexing, OpenError, Options};
use crate::local_key::LocalKey;
use crate::rekor::wire;
use crate::tlog::{Checkpoint, EntryId, Hash, Head, InclusionProof, SignedFields, leaf_hash};

pub(in crate::devlog) struct MerkleLog {
    /// Signs entry timestamps and checkpoints.
    pub(in crate::devlog) key: LocalKey,
    hostname: String,
    numbering: Numbering,
    attestations: bool,
    indexing: Mutex<Indexing>,
    /// Appending holds it for writing, the write to disk included: entries get their positions in the order in which they
    /// reach the file.
    state: RwLock<LogState>,
    /// Held as long as the log is open, so that no second process appends to its files.
    _lock: Option<File>,
}

struct LogState {
    records: Records<Record>,
    memory: InMemory,
}

/// The part that is rebuilt from the records when the log is opened.
#[derive(Default)]
struct InMemory {
    leaves: Leaves,
    index: Index,
    /// By payload hash, as in Rekor: entries with one payload share one attestation.
    attestations: HashMap<Hash, u64>,
}

/// The outcome of a proposal.
pub(super) enum Appended {
    New { position: u64, id: EntryId },
    Existing(EntryId),
}

impl MerkleLog {
    pub(in crate::devlog) fn open(folder: Option<&Path>, options: &Options) -> Result<Self, OpenError> {
        let new_numbering = || Numbering::new(options.first_index);
        let Some(folder) = folder else {
            let state = LogState { records: Records::Memory(Vec::new()), memory: InMemory::default() };
            return Ok(Self::new(LocalKey::generate()?, new_numbering(), state, options, None));
        };
        let mut memory = InMemory::default();
        let OpenFolder { key, header, journal, lock } =
            folder::open(folder, options, |record: Record| memory.replay(&record))?;
        let numbering = header.numbering.ok_or_else(|| OpenError::Corrupt {
            path: folder.join(folder::ENTRIES),
            line: 1,
            why: "no tree id".to_owned(),
        })?;
        let state = LogState { records: Records::Disk(journal), memory };
        Ok(Self::new(key, numbering, state, options, Some(lock)))
    }

    fn new(key: LocalKey, numbering: Numbering, state: LogState, options: &Options, lock: Option<File>) -> Self {
        Self {
            key,
            hostname: options.hostname.clone(),
            numbering,
            attestations: options.attestations,
            indexing: Mutex::new(options.indexing),
            state: RwLock::new(state),
            _lock: lock,
        }
    }

    pub(super) fn indexing(&self) -> Indexing {
        // A value that is copied whole cannot be left half written.
        *self.indexing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::devlog) fn set_indexing(&self, indexing: Indexing) {
        *self.indexing.lock().unwrap_or_else(PoisonError::into_inner) = indexing;
    }

    /// Appends an entry, unless its very leaf is there already. With [`Indexing::After`] the caller calls
    /// [`MerkleLog::index`] when the time has come.
    pub(super) fn append(&self, proposal: &Proposal, indexing: Indexing) -> Result<Appended, StorageError> {
        let leaf = leaf_hash(proposal.leaf.as_bytes());
        let mut state = self.write();
        if state.memory.leaves.position_of(&leaf).is_some() {
            return Ok(Appended::Existing(self.id(leaf)));
        }
        let mut record = Record {
            body: proposal.leaf.clone(),
            integrated_time: since_epoch().as_secs(),
            index_keys: Vec::new(),
            attestation: None,
        };
        if indexing != Indexing::Never {
            record.index_keys = proposal.index_keys.clone();
            record.attestation = proposal.attestation.clone().filter(|_| self.attestations);
        }
        state.records.append(&record)?;
        let position = state.memory.leaves.add(leaf);
        if indexing == Indexing::AtOnce {
            state.memory.index(position, &record);
        }
        let id = self.id(leaf);
        Ok(Appended::New { position, id })
    }

    /// Puts an entry into the search index and its attestation into the store.
    pub(super) fn index(&self, position: u64) -> Result<(), StorageError> {
        let mut state = self.write();
        let record = state.records.get(position)?;
        state.memory.index(position, &record);
        Ok(())
    }

    /// The position in the tree of the leaf with this hash.
    pub(super) fn position_of(&self, leaf: &Hash) -> Option<u64> {
        self.read().memory.leaves.position_of(leaf)
    }

    /// The position in the tree of the entry with this index over all trees. Earlier trees are only counted: their entries
    /// are nowhere.
    pub(super) fn position_at(&self, log_index: u64) -> Option<u64> {
        let position = log_index.checked_sub(self.numbering.first_index.into())?;
        (position < self.read().memory.leaves.tree().size()).then_some(position)
    }

    /// The entry at a position that is in the tree, with a proof to the tree's current head.
    pub(super) fn entry(&self, position: u64) -> Result<(EntryId, wire::Entry), StorageError> {
        let state = self.read();
        let record = state.records.get(position)?;
        let attestation = self.attestation(&state, position, &record)?;
        let tree = state.memory.leaves.tree();
        let head = tree.head();
        let proof = tree.leaf(position).zip(tree.inclusion(position, head.size));
        let (leaf, path) = proof.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        // Only the signatures are left: they need not hold up appending.
        drop(state);
        let log_index = u64::from(self.numbering.first_index) + position;
        let log_id = hex::encode(self.key.public_key().id());
        let fields = SignedFields::of_leaf(record.body.into_bytes(), record.integrated_time, log_id, log_index);
        let checkpoint = Some(self.checkpoint(head)?.note().to_owned());
        let proof = InclusionProof { log_index: position, head, path, checkpoint };
        let verification = wire::Verification {
            inclusion_proof: Some(wire::Proof::from(&proof)),
            signed_entry_timestamp: Some(BASE64_STANDARD.encode(self.key.sign(&fields.canonical())?)),
        };
        let mut entry = wire::Entry::new(&fields, verification);
        entry.attestation = attestation.map(|data| wire::Attestation { data: Some(data) });
        Ok((self.id(leaf), entry))
    }

    /// The stored payload of an entry in base64, whichever entry it was stored with.
    fn attestation(&self, state: &LogState, position: u64, record: &Record) -> Result<Option<String>, StorageError> {
        let stored = payload_hash(&record.body)
            .filter(|_| self.attestations)
            .and_then(|hash| state.memory.attestations.get(&hash));
        Ok(match stored {
            None => None,
            Some(holder) if *holder == position => record.attestation.clone(),
            Some(holder) => state.records.get(*holder)?.attestation,
        })
    }

    /// The ids of the entries that are in the index under any of `keys`, or under all of them.
    pub(super) fn search(&self, keys: &[String], all: bool) -> Vec<EntryId> {
        let state = self.read();
        let found = keys.iter().map(|key| state.memory.index.find(key));
        let found = found.reduce(|one, other| match all {
            true => one.intersection(&other).copied().collect(),
            false => one.union(&other).copied().collect::<BTreeSet<u64>>(),
        });
        let positions = found.into_iter().flatten();
        let leaves = positions.filter_map(|position| state.memory.leaves.tree().leaf(position));
        leaves.map(|leaf| self.id(leaf)).collect()
    }

    /// The current head, signed.
    pub(super) fn head(&self) -> Result<Checkpoint, StorageError> {
        let head = self.read().memory.leaves.tree().head();
        Ok(self.checkpoint(head)?)
    }

    pub(in crate::devlog) fn hostname(&self) -> &str {
        &self.hostname
    }

    pub(super) fn tree_id(&self) -> u64 {
        self.numbering.tree_id
    }

    /// The proof that the tree of `first` leaves begins that of `last`, with the *current* root, as Rekor answers it.
    /// `Err` is the current size where `last` is beyond it.
    pub(super) fn consistency(&self, first: u64, last: u64) -> Result<(Hash, Vec<Hash>), u64> {
        let state = self.read();
        let tree = state.memory.leaves.tree();
        let proof = tree.consistency(first, last).ok_or(tree.size())?;
        Ok((tree.root(), proof))
    }

    fn checkpoint(&self, head: Head) -> Result<Checkpoint, SigstoreError> {
        Checkpoint::sign(&self.hostname, self.numbering.tree_id, head, &self.key)
    }

    fn id(&self, leaf_hash: Hash) -> EntryId {
        EntryId { tree_id: Some(self.numbering.tree_id), leaf_hash }
    }

    /// The lock is poisoned only by a panic in the middle of an append. Going on from half an append could fork the log, so
    /// every later request panics too, and is answered with 500.
    fn read(&self) -> RwLockReadGuard<'_, LogState> {
        self.state.read().expect("the log is whole")
    }

    /// See [`MerkleLog::read`].
    fn write(&self) -> RwLockWriteGuard<'_, LogState> {
        self.state.write().expect("the log is whole")
    }
}

impl InMemory {
    fn replay(&mut self, record: &Record) {
        let position = self.leaves.add(leaf_hash(record.body.as_bytes()));
        self.index(position, record);
    }

    fn index(&mut self, position: u64, record: &Record) {
        self.index.add(&record.index_keys, position);
        if record.attestation.is_some()
            && let Some(hash) = payload_hash(&record.body)
        {
            self.attestations.insert(hash, position);
        }
    }
}
