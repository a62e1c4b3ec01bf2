//! The checks of a log entry, which must hold before anything is believed because of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::body::{EntryBody, Form};
use super::checkpoint::Checkpoint;
use super::entry::{InclusionProof, LogEntry};
use super::fault::Fault;
use super::keys::LogKeys;
use super::merkle::is_included;
use crate::key::PublicKey;

/// An entry that the log holds. It can only be made by checking the timestamp, the inclusion proof and the checkpoint.
#[derive(Debug, Clone)]
pub struct VerifiedEntry(LogEntry);

impl VerifiedEntry {
    /// The one of the log's `keys` that the entry was checked with.
    pub fn log_key<'a>(&self, keys: &'a LogKeys) -> Option<&'a PublicKey> {
        keys.by_id(self.0.log_id())
    }
}

impl std::ops::Deref for VerifiedEntry {
    type Target = LogEntry;

    fn deref(&self) -> &LogEntry {
        &self.0
    }
}

impl LogEntry {
    /// Checks that the log with these keys holds this entry. All faults are found, not only the first.
    pub fn verify(self, keys: &LogKeys) -> Result<VerifiedEntry, Vec<Fault>> {
        let mut faults = Vec::new();
        let key = keys.by_id(self.log_id()).unwrap_or_else(|| {
            faults.push(Fault::LogId);
            keys.first()
        });
        if self.id.leaf_hash != self.leaf_hash() {
            faults.push(Fault::EntryId);
        }
        match &self.set {
            None => faults.push(Fault::NoSignedEntryTimestamp),
            Some(set) => match BASE64_STANDARD.decode(set) {
                Ok(set) if key.verifies(&self.fields.canonical(), &set) => {}
                _ => faults.push(Fault::SignedEntryTimestamp),
            },
        }
        match &self.proof {
            None => faults.push(Fault::NoInclusionProof),
            Some(proof) => self.verify_proof(proof, key, &mut faults),
        }
        if faults.is_empty() { Ok(VerifiedEntry(self)) } else { Err(faults) }
    }

    fn verify_proof(&self, proof: &InclusionProof, key: &PublicKey, faults: &mut Vec<Fault>) {
        if !is_included(&self.leaf_hash(), proof.log_index, proof.head, &proof.path) {
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
        if checkpoint.head() != proof.head {
            faults.push(Fault::CheckpointRoot);
        }
    }

    /// Checks the statement that the log keeps beside an `intoto` entry; nothing for other kinds.
    pub fn verify_attestation(&self) -> Result<(), Vec<Fault>> {
        match (&self.body, &self.attestation) {
            (EntryBody::UnreadableIntoto, _) => Err(vec![Fault::UnreadableIntoto]),
            (EntryBody::Envelope(envelope), attestation) => match (envelope.form, attestation) {
                (Form::DsseV001, _) => Ok(()),
                (Form::IntotoV001, _) => Err(vec![Fault::NoSignature]),
                (Form::IntotoV002, None) => Err(vec![Fault::NoAttestation]),
                (Form::IntotoV002, Some(attestation)) => envelope.verify(attestation),
            },
            (EntryBody::Artifact(_) | EntryBody::OtherForm(_) | EntryBody::Unreadable, _) => Ok(()),
        }
    }
}
