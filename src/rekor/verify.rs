//! What must hold of a log entry before anything is believed because of it.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::body::{Body, Form};
use super::checkpoint::Checkpoint;
use super::entry::{InclusionProof, LogEntry};
use super::inclusion::is_included;
use crate::key::PublicKey;

/// A check that failed, or that could not be made for want of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    #[error("the entry id is not the hash of the entry")]
    EntryId,
    #[error("the log id is not that of the trusted key")]
    LogId,
    #[error("the signed entry timestamp does not verify")]
    SignedEntryTimestamp,
    #[error("the inclusion proof does not lead from the entry to the root hash")]
    InclusionProof,
    #[error("the checkpoint is not a signed note")]
    CheckpointForm,
    #[error("the checkpoint is not signed by the trusted key")]
    CheckpointSignature,
    #[error("the checkpoint's key hint is not that of the trusted key")]
    CheckpointKeyHint,
    #[error("the checkpoint is signed in another name than its origin's")]
    CheckpointOrigin,
    #[error("the checkpoint is of another tree than the entry id")]
    CheckpointTree,
    #[error("the checkpoint's size or root is not that of the inclusion proof")]
    CheckpointRoot,
    #[error("the attestation does not have the recorded hash")]
    Attestation,
    #[error("the signature in the entry is not over the attestation")]
    DsseSignature,
    #[error("the intoto entry is not as Rekor writes them")]
    UnreadableIntoto,
    #[error("incomplete: no signed entry timestamp")]
    NoSignedEntryTimestamp,
    #[error("incomplete: no inclusion proof")]
    NoInclusionProof,
    #[error("incomplete: no checkpoint")]
    NoCheckpoint,
    #[error("incomplete: no attestation")]
    NoAttestation,
    #[error("incomplete: the intoto entry is of a version that holds no signature")]
    NoSignature,
    #[error("the log keeps nothing but the hash of what was signed")]
    HashOnly,
}

/// What does not hold of one thing, as one line.
#[derive(Debug, Clone, Copy)]
pub struct Faults<'a>(pub &'a [Fault]);

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// An entry that the log holds: the timestamp, the inclusion proof and the checkpoint were all checked. There is no
/// other way to make one.
#[derive(Debug, Clone)]
pub struct VerifiedEntry(LogEntry);

impl std::ops::Deref for VerifiedEntry {
    type Target = LogEntry;

    fn deref(&self) -> &LogEntry {
        &self.0
    }
}

/// The public keys of the log that entries are checked with: the log's own, and those of earlier keys.
#[derive(Debug, Clone)]
pub struct LogKeys {
    first: PublicKey,
    others: Vec<PublicKey>,
}

impl LogKeys {
    /// `None` if there are no keys.
    pub fn new(keys: Vec<PublicKey>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self { first: keys.next()?, others: keys.collect() })
    }

    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Checks that the checkpoint is signed by one of the keys.
    pub fn verify_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Vec<Fault>> {
        let first = checkpoint.verify(&self.first);
        if self.others.iter().any(|key| checkpoint.verify(key).is_ok()) { Ok(()) } else { first }
    }

    /// The key that a verified entry was checked with.
    pub fn of(&self, entry: &VerifiedEntry) -> Option<&PublicKey> {
        self.by_id(&entry.fields.log_id)
    }

    /// The key with this log id.
    fn by_id(&self, log_id: &str) -> Option<&PublicKey> {
        self.iter().find(|key| hex::encode(key.id()) == log_id)
    }
}

impl LogEntry {
    /// Checks that the log whose `keys` are given holds this entry. All faults are found, not only the first.
    pub fn verify(self, keys: &LogKeys) -> Result<VerifiedEntry, Vec<Fault>> {
        let mut faults = Vec::new();
        let key = keys.by_id(&self.fields.log_id).unwrap_or_else(|| {
            faults.push(Fault::LogId);
            &keys.first
        });
        if self.id.leaf_hash != self.leaf_hash() {
            faults.push(Fault::EntryId);
        }
        match &self.set {
            None => faults.push(Fault::NoSignedEntryTimestamp),
            Some(set) => match BASE64_STANDARD.decode(set) {
                Ok(set) if key.verifies(&self.signed_fields(), &set) => {}
                _ => faults.push(Fault::SignedEntryTimestamp),
            },
        }
        match &self.proof {
            None => faults.push(Fault::NoInclusionProof),
            Some(proof) => self.verify_proof(proof, key, &mut faults),
        }
        if faults.is_empty() { Ok(VerifiedEntry(self)) } else { Err(faults) }
    }

    /// The canonical JSON (RFC 8785) that the signed entry timestamp covers: keys sorted, as [`super::entry::SignedFields`]
    /// declares them, and no character in need of escaping.
    fn signed_fields(&self) -> Vec<u8> {
        serde_json::to_vec(&self.fields).expect("strings and numbers always serialise")
    }

    fn verify_proof(&self, proof: &InclusionProof, key: &PublicKey, faults: &mut Vec<Fault>) {
        if !is_included(&self.leaf_hash(), proof.log_index, proof.tree_size, &proof.path, &proof.root) {
            faults.push(Fault::InclusionProof);
        }
        let Some(note) = &proof.checkpoint else {
            faults.push(Fault::NoCheckpoint);
            return;
        };
        let Some(checkpoint) = Checkpoint::parse(note) else {
            faults.push(Fault::CheckpointForm);
            return;
        };
        if let Err(found) = checkpoint.verify(key) {
            faults.extend(found);
        }
        if self.id.tree_id.is_some_and(|tree_id| tree_id != checkpoint.tree_id()) {
            faults.push(Fault::CheckpointTree);
        }
        if (checkpoint.size(), *checkpoint.root()) != (proof.tree_size, proof.root) {
            faults.push(Fault::CheckpointRoot);
        }
    }

    /// Checks the statement that the log keeps beside an `intoto` entry; nothing for other kinds.
    pub fn verify_attestation(&self) -> Result<(), Vec<Fault>> {
        match (&self.body, &self.attestation) {
            (Body::UnreadableIntoto, _) => Err(vec![Fault::UnreadableIntoto]),
            (Body::Envelope(envelope), attestation) => match (envelope.form, attestation) {
                (Form::DsseV001, _) => Ok(()),
                (Form::IntotoV001, _) => Err(vec![Fault::NoSignature]),
                (Form::IntotoV002, None) => Err(vec![Fault::NoAttestation]),
                (Form::IntotoV002, Some(attestation)) => envelope.verify(attestation),
            },
            (Body::Artifact(_) | Body::OtherForm(_) | Body::Unreadable, _) => Ok(()),
        }
    }
}
