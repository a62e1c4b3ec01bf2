//! The checks of a log entry, which must hold before anything is believed because of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::body::{EntryBody, Form};
use super::checkpoint::Checkpoint;
use super::entry::{InclusionProof, LogEntry};
use super::fault::Fault;
use super::keys::LogKeys;
use super::log_key::{LogKey, RekorApi};

/// An entry that the log holds. It can only be made by checking the inclusion proof and the checkpoint, and with Rekor v1
/// the timestamp.
#[derive(Debug, Clone)]
pub struct VerifiedEntry(LogEntry);

impl VerifiedEntry {
    /// The one of the log's `keys` that the entry was checked with.
    pub fn log_key<'a>(&self, keys: &'a LogKeys) -> Option<&'a LogKey> {
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
        match key.api() {
            RekorApi::V1 => self.verify_timestamp(key, &mut faults),
            RekorApi::V2 => self.verify_unsigned_fields(&mut faults),
        }
        match &self.proof {
            None => faults.push(Fault::NoInclusionProof),
            Some(proof) => self.verify_proof(proof, key, &mut faults),
        }
        if faults.is_empty() { Ok(VerifiedEntry(self)) } else { Err(faults) }
    }

    fn verify_timestamp(&self, key: &LogKey, faults: &mut Vec<Fault>) {
        match &self.set {
            None => faults.push(Fault::NoSignedEntryTimestamp),
            Some(set) => match BASE64_STANDARD.decode(set) {
                Ok(set) if key.public_key().verifies(&self.fields.canonical(), &set) => {}
                _ => faults.push(Fault::SignedEntryTimestamp),
            },
        }
    }

    /// Rekor v2 signs neither a time nor the index: a time must not be claimed, and the index is the proof's.
    fn verify_unsigned_fields(&self, faults: &mut Vec<Fault>) {
        if self.set.is_some() || self.fields.integrated_time() != 0 {
            faults.push(Fault::UnsignedTime);
        }
        if self.proof.as_ref().is_some_and(|proof| proof.log_index != self.fields.log_index()) {
            faults.push(Fault::LogIndex);
        }
        if !matches!(self.body, EntryBody::SignedDigest(_)) {
            faults.push(Fault::Body);
        }
    }

    fn verify_proof(&self, proof: &InclusionProof, key: &LogKey, faults: &mut Vec<Fault>) {
        if !proof.leads_from(&self.leaf_hash()) {
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
        if self.id.tree_id.is_some_and(|tree_id| Some(tree_id) != checkpoint.tree_id()) {
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
            (
                EntryBody::Artifact(_) | EntryBody::SignedDigest(_) | EntryBody::OtherForm(_) | EntryBody::Unreadable,
                _,
            ) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::SignedFields;
    use super::super::entry_id::EntryId;
    use super::*;

    #[test]
    fn where_the_log_signs_no_time_neither_a_time_nor_a_signature_over_one_is_taken() {
        let claims_time = |time, set: Option<&str>| {
            let id = EntryId { tree_id: None, leaf_hash: [0; 32] };
            let fields = SignedFields::of_leaf(Vec::new(), time, String::new(), 0);
            let mut faults = Vec::new();
            LogEntry::new(id, fields, set.map(str::to_owned), None).verify_unsigned_fields(&mut faults);
            faults.contains(&Fault::UnsignedTime)
        };
        assert!(!claims_time(0, None));
        assert!(claims_time(1, None), "a time alone");
        assert!(claims_time(0, Some("")), "a signature alone");
        assert!(claims_time(1, Some("")));
    }
}
