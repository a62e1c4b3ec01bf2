//! The log itself: one tree, its records, and what finds them.

use super::checkpoint;
use super::entry::{Attestation, Entry, EntryId, InclusionProof, Stamped, Verification};
use super::folder::{self, Header, Opened};
use super::index::Index;
use super::key::LogKey;
use super::proposal::{Proposal, payload_hash};
use super::records::{Record, Records};
use super::tree::{Hash, Tree, leaf_hash};
use super::{Filing, OpenError, Options};
use sigstore::errors::SigstoreError;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

pub(super) struct Log {
    pub(super) key: LogKey,
    header: Header,
    attestations: bool,
    /// Appending holds it for writing, the write to disk included: entries get their positions
    /// in the order in which they reach the file.
    state: RwLock<State>,
    /// Held as long as the log is open, so that no second process appends to its files.
    _lock: Option<File>,
}

struct State {
    records: Records,
    found: Contents,
}

/// What is kept in memory, rebuilt from the records when the log is opened.
#[derive(Default)]
struct Contents {
    tree: Tree,
    positions: HashMap<Hash, u64>,
    index: Index,
    /// By payload hash, as in Rekor: entries with one payload share one attestation.
    attestations: HashMap<Hash, u64>,
}

/// What became of a proposal.
pub(super) enum Appended {
    New { position: u64, id: EntryId },
    Existing(EntryId),
}

/// The head of the tree and where the log stands.
pub(super) struct Head {
    pub(super) tree_id: u64,
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) checkpoint: String,
}

/// Why the log cannot answer: never the caller's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("the log's file: {0}")]
    Storage(#[from] io::Error),
    #[error("signing: {0}")]
    Signing(#[from] SigstoreError),
}

impl Log {
    pub(super) fn open(folder: Option<&Path>, options: &Options) -> Result<Self, OpenError> {
        let hostname = &options.hostname;
        // The name must survive as one word of a signature line.
        if hostname.is_empty() || hostname.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(OpenError::Hostname(hostname.clone()));
        }
        let Some(folder) = folder else {
            let key = LogKey::generate()?;
            let header = Header::new(options, &key);
            let state = State { records: Records::Memory(Vec::new()), found: Contents::default() };
            return Ok(Self::new(key, header, state, options, None));
        };
        let mut found = Contents::default();
        let Opened { key, header, journal, lock } = folder::open(folder, options, |record| found.replay(&record))?;
        let records = Records::Disk(journal);
        let state = State { records, found };
        Ok(Self::new(key, header, state, options, Some(lock)))
    }

    fn new(key: LogKey, header: Header, state: State, options: &Options, lock: Option<File>) -> Self {
        Self { key, header, attestations: options.attestations, state: RwLock::new(state), _lock: lock }
    }

    /// Appends an entry, unless its very leaf is there already. With [`Filing::After`] the
    /// caller is to call [`Log::file`] when the time has come.
    pub(super) fn append(&self, proposal: &Proposal, filing: Filing) -> Result<Appended, LogError> {
        let leaf = leaf_hash(proposal.leaf.as_bytes());
        let mut state = self.write();
        if state.found.positions.contains_key(&leaf) {
            return Ok(Appended::Existing(self.id(leaf)));
        }
        let mut record =
            Record { body: proposal.leaf.clone(), integrated_time: now(), index_keys: Vec::new(), attestation: None };
        if filing != Filing::Never {
            record.index_keys = proposal.index_keys.clone();
            record.attestation = proposal.attestation.clone().filter(|_| self.attestations);
        }
        state.records.append(&record)?;
        let position = state.found.add(leaf);
        if filing == Filing::AtOnce {
            state.found.file(position, &record);
        }
        let id = self.id(leaf);
        Ok(Appended::New { position, id })
    }

    /// Files an entry in the index and its attestation in the store.
    pub(super) fn file(&self, position: u64) -> Result<(), LogError> {
        let mut state = self.write();
        let record = state.records.get(position)?;
        state.found.file(position, &record);
        Ok(())
    }

    /// Where in the tree the leaf with this hash is.
    pub(super) fn position_of(&self, leaf: &Hash) -> Option<u64> {
        self.read().found.positions.get(leaf).copied()
    }

    /// Where in the tree the entry with this index over all trees is. Earlier trees are
    /// only counted: their entries are nowhere.
    pub(super) fn position_at(&self, log_index: u64) -> Option<u64> {
        let position = log_index.checked_sub(self.header.first_index.into())?;
        (position < self.read().found.tree.size()).then_some(position)
    }

    /// The entry at a position that is in the tree, with a proof to the tree's current head.
    pub(super) fn entry(&self, position: u64) -> Result<(EntryId, Entry), LogError> {
        let state = self.read();
        let record = state.records.get(position)?;
        let attestation = self.attestation(&state, position, &record)?;
        let tree = &state.found.tree;
        let (size, root) = (tree.size(), tree.root());
        let proof = tree.leaf(position).zip(tree.inclusion(position, size));
        let (leaf, path) = proof.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        // What is left is signing: it need not hold up who wants to append.
        drop(state);
        let log_index = u64::from(self.header.first_index) + position;
        let stamped = Stamped::new(&self.key, &record.body, record.integrated_time, log_index);
        let verification = Verification {
            inclusion_proof: InclusionProof {
                checkpoint: self.checkpoint(size, &root)?,
                hashes: path.iter().map(hex::encode).collect(),
                log_index: position,
                root_hash: hex::encode(root),
                tree_size: size,
            },
            signed_entry_timestamp: stamped.signature(&self.key)?,
        };
        let entry = Entry { attestation: attestation.map(|data| Attestation { data }), stamped, verification };
        Ok((self.id(leaf), entry))
    }

    /// The stored payload of an entry in base64, whichever entry it was stored with.
    fn attestation(&self, state: &State, position: u64, record: &Record) -> Result<Option<String>, LogError> {
        let stored = payload_hash(&record.body)
            .filter(|_| self.attestations)
            .and_then(|hash| state.found.attestations.get(&hash));
        Ok(match stored {
            None => None,
            Some(holder) if *holder == position => record.attestation.clone(),
            Some(holder) => state.records.get(*holder)?.attestation,
        })
    }

    /// The ids of the entries filed under any of `keys`, or under all of them.
    pub(super) fn search(&self, keys: &[String], all: bool) -> Vec<EntryId> {
        let state = self.read();
        let found = keys.iter().map(|key| state.found.index.find(key));
        let found = found.reduce(|one, other| match all {
            true => one.intersection(&other).copied().collect(),
            false => one.union(&other).copied().collect::<BTreeSet<u64>>(),
        });
        let positions = found.into_iter().flatten();
        let leaves = positions.filter_map(|position| state.found.tree.leaf(position));
        leaves.map(|leaf| self.id(leaf)).collect()
    }

    pub(super) fn head(&self) -> Result<Head, LogError> {
        let (size, root) = {
            let state = self.read();
            (state.found.tree.size(), state.found.tree.root())
        };
        Ok(Head { tree_id: self.header.tree_id, size, root, checkpoint: self.checkpoint(size, &root)? })
    }

    pub(super) fn tree_id(&self) -> u64 {
        self.header.tree_id
    }

    /// The proof that the tree of `first` leaves begins that of `last`, with the *current*
    /// root, as Rekor answers it. `Err` is the current size where `last` is beyond it.
    pub(super) fn consistency(&self, first: u64, last: u64) -> Result<(Hash, Vec<Hash>), u64> {
        let state = self.read();
        let tree = &state.found.tree;
        let proof = tree.consistency(first, last).ok_or(tree.size())?;
        Ok((tree.root(), proof))
    }

    fn checkpoint(&self, size: u64, root: &Hash) -> Result<String, SigstoreError> {
        let Header { hostname, tree_id, .. } = &self.header;
        checkpoint::signed(&self.key, hostname, *tree_id, size, root)
    }

    fn id(&self, leaf: Hash) -> EntryId {
        EntryId { tree_id: self.header.tree_id, leaf }
    }

    /// The lock is poisoned only by a panic in the middle of an append. Going on from half an
    /// append could fork the log, so every later request panics too, and is answered with 500.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("the log is whole")
    }

    /// See [`Log::read`].
    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("the log is whole")
    }
}

impl Contents {
    fn replay(&mut self, record: &Record) {
        let position = self.add(leaf_hash(record.body.as_bytes()));
        self.file(position, record);
    }

    fn add(&mut self, leaf: Hash) -> u64 {
        let position = self.tree.size();
        self.tree.push(leaf);
        self.positions.insert(leaf, position);
        position
    }

    fn file(&mut self, position: u64, record: &Record) {
        self.index.add(&record.index_keys, position);
        if record.attestation.is_some()
            && let Some(hash) = payload_hash(&record.body)
        {
            self.attestations.insert(hash, position);
        }
    }
}

fn now() -> u64 {
    // A clock before 1970 is wrong by more than this log can mend.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |elapsed| elapsed.as_secs())
}
