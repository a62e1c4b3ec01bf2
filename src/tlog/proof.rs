//! Proofs that are kept and checked without asking anyone: an entry's place in a log, and the checkpoint that shows it.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>             [what the application needs to know the leaf]
//! index <decimal>
//! <hashes of the inclusion proof, base64, one a line>
//!
//! <the checkpoint, a signed note>
//! ```
//!
//! Format: <https://github.com/C2SP/C2SP/blob/main/tlog-proof.md>.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::checkpoint::{Checkpoint, parse_decimal};
use super::entry::{InclusionProof, LogEntry, SignedFields};
use super::entry_id::EntryId;
use super::keys::LogKeys;
use super::merkle::{Hash, leaf_hash};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A checkpoint may have 64 KiB, the extra data and the hashes have some.
pub(crate) const MAX_PROOF_BYTES: usize = 256 << 10;
/// A proof in a tree of 2^64 leaves.
const MAX_HASHES: usize = 64;

/// A proof. Nothing in it is verified.
#[derive(Debug, Clone)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: Checkpoint,
}

/// A text that is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Nothing of ours is so long.
    #[error("not a tlog-proof: it has more than {MAX_PROOF_BYTES} bytes")]
    TooLarge,
    /// Carries the first thing that is wrong.
    #[error("not a tlog-proof: {0}")]
    Form(&'static str),
}

impl TlogProof {
    /// Parses the text of a proof.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        use TlogProofError::Form;
        if text.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::TooLarge);
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(Form("its first line is not c2sp.org/tlog-proof@v1"))?;
        // No line before is empty, so the first empty one ends the proof.
        let (lines, note) = rest.split_once("\n\n").ok_or(Form("it has no checkpoint"))?;
        let mut lines = lines.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| &line["extra ".len()..]);
        let extra = extra.map(|extra| BASE64_STANDARD.decode(extra)).transpose();
        let extra = extra.map_err(|_| Form("its extra data is not base64"))?;
        let index = lines.next().and_then(|line| parse_decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(Form("it has no line 'index <decimal>'"))?;
        let hash = |line| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let path: Option<Vec<Hash>> = lines.by_ref().take(MAX_HASHES).map(hash).collect();
        let path = path.ok_or(Form("a line of its inclusion proof is not the base64 of 32 bytes"))?;
        if lines.next().is_some() {
            return Err(Form("its inclusion proof has more than 64 hashes"));
        }
        let checkpoint = Checkpoint::parse(note).ok_or(Form("it does not end in a checkpoint"))?;
        Ok(Self { extra, index, path, checkpoint })
    }

    /// The proof of an entry; `None` if the entry has none, or its checkpoint is of Rekor v1: those have another form.
    pub fn of_entry(entry: &LogEntry, extra: Option<Vec<u8>>) -> Option<Self> {
        let checkpoint = entry.checkpoint().filter(|checkpoint| checkpoint.tree_id().is_none())?;
        let proof = entry.inclusion_proof()?;
        Some(Self { extra, index: proof.log_index, path: proof.path.clone(), checkpoint })
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text += &format!("extra {}\n", BASE64_STANDARD.encode(extra));
        }
        text += &format!("index {}\n", self.index);
        for hash in &self.path {
            text += &BASE64_STANDARD.encode(hash);
            text += "\n";
        }
        text + "\n" + self.checkpoint.note()
    }

    /// The application's own data beside it. Nobody signed it.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The place in the log, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The hashes of the inclusion proof, the leaf's sibling first.
    pub fn hashes(&self) -> &[Hash] {
        &self.path
    }

    /// The checkpoint. Its signatures are not verified.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The entry that the proof is of, if it has this leaf; it is not verified yet. `None` if the checkpoint is of a
    /// log that `keys` do not name.
    pub(crate) fn entry_of(&self, leaf: Vec<u8>, keys: &LogKeys) -> Option<LogEntry> {
        let log = keys.iter().find(|key| key.origin() == Some(self.checkpoint.origin()))?;
        let proof = InclusionProof {
            log_index: self.index,
            head: self.checkpoint.head(),
            path: self.path.clone(),
            checkpoint: Some(self.checkpoint.note().to_owned()),
        };
        let id = EntryId { tree_id: None, leaf_hash: leaf_hash(&leaf) };
        let fields = SignedFields::of_leaf(leaf, 0, hex::encode(log.id()), self.index);
        Some(LogEntry::new(id, fields, None, Some(proof)))
    }
}
