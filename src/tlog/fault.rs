//! Faults: the checks of an entry that can fail.

use std::fmt;

/// A check that failed, or a missing part that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// The log returned another leaf than the one asked for, or changed it.
    #[error("the entry id is not the hash of the entry")]
    EntryId,
    /// Comes from another log, or from one whose new key is not configured yet.
    #[error("the log id is not that of the trusted key")]
    LogId,
    /// The body, the index, the time or the log id is not as the log signed it.
    #[error("the signed entry timestamp does not verify")]
    SignedEntryTimestamp,
    /// Rekor v2 signs no time, so whoever wrote one into the entry made it up.
    #[error("the entry claims a time, which this log signs for none")]
    UnsignedTime,
    /// Rekor v2 has one index, which the inclusion proof shows.
    #[error("the log index is not that of the inclusion proof")]
    LogIndex,
    /// Rekor v2 has one kind of entry.
    #[error("the entry is not a hashedrekord 0.0.2 as Rekor v2 writes them")]
    Body,
    /// The entry is not at this place in a tree with this root (RFC 9162 section 2.1.3.2).
    #[error("the inclusion proof does not lead from the entry to the root hash")]
    InclusionProof,
    /// Nothing says who signed it, or over what (C2SP tlog-checkpoint).
    #[error("the checkpoint is not a signed note")]
    CheckpointForm,
    /// Anyone could have made this checkpoint.
    #[error("the checkpoint is not signed by the trusted key")]
    CheckpointSignature,
    /// The start of a key id beside the signature (C2SP signed-note). It proves nothing by itself.
    #[error("the checkpoint's key hint is not that of the trusted key")]
    CheckpointKeyHint,
    /// The host name in the origin and the name on the signature line have to be the same.
    #[error("the checkpoint is signed under another name than its origin's")]
    CheckpointOrigin,
    /// A sharded log has several trees: the proof may hold, but not for the shard that the id names.
    #[error("the checkpoint is of another tree than the entry id")]
    CheckpointTree,
    /// The log signed another head than the one that the proof leads to.
    #[error("the checkpoint's size or root is not that of the inclusion proof")]
    CheckpointRoot,
    /// The statement that came beside the entry is not the one that was uploaded.
    #[error("the attestation does not have the recorded hash")]
    Attestation,
    /// A signature is not by the key beside it over the DSSE encoding of the statement.
    #[error("the signature in the entry is not over the attestation")]
    DsseSignature,
    /// Rekor writes keys and signatures in one way. Another encoding may mean something else to another reader.
    #[error("the intoto entry is not as Rekor writes them")]
    UnreadableIntoto,
    /// Rekor sends one with every entry.
    #[error("incomplete: no signed entry timestamp")]
    NoSignedEntryTimestamp,
    /// The timestamp alone is a promise, which the log may not have kept.
    #[error("incomplete: no inclusion proof")]
    NoInclusionProof,
    /// The proof leads to a root that nobody signed.
    #[error("incomplete: no checkpoint")]
    NoCheckpoint,
    /// Rekor stores the statement some time after the entry. Later than that, the log keeps none or withholds it.
    #[error("incomplete: no attestation")]
    NoAttestation,
    /// Concerns `intoto` 0.0.1.
    #[error("incomplete: the intoto entry is of a version that holds no signature")]
    NoSignature,
    /// Shows no fault of the log: kinds other than `intoto` are kept so.
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
