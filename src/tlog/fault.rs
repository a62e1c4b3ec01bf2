//! Faults: the checks of an entry that can fail.

use std::fmt;

/// A check that failed, or a missing part that it needs.
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
    #[error("the checkpoint is signed under another name than its origin's")]
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
    #[error("the log keeps only the hash of the signed bytes")]
    HashOnly,
}

/// Faults of one thing, as one line.
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
