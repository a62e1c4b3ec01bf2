//! Log entries as Rekor's API answers them: `{"<entry id>": {body, integratedTime, logID, logIndex, verification}}`. The
//! ledger keeps them so too.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::wire;
use crate::foreign::shown;
use crate::tlog::{EntryError, Hash, Head, InclusionProof, LogEntry, SignedFields};

impl LogEntry {
    /// Parses the answer for one entry.
    pub fn parse(json: &[u8]) -> Result<Self, EntryError> {
        let map: BTreeMap<String, wire::Entry> =
            serde_json::from_slice(json).map_err(|e| EntryError::new(shown(&e.to_string())))?;
        let mut entries = map.into_iter();
        match (entries.next(), entries.next()) {
            (Some((id, entry)), None) => from_wire(&id, entry),
            _ => Err(EntryError::new("expected exactly one")),
        }
    }

    /// The same JSON that [`LogEntry::parse`] takes, without the attestation.
    pub fn to_json(&self) -> String {
        let verification = wire::Verification {
            inclusion_proof: self.inclusion_proof().map(wire::Proof::from),
            signed_entry_timestamp: self.signed_timestamp().map(str::to_owned),
        };
        let entry = wire::Entry::new(self.signed_fields(), verification);
        serde_json::to_string(&BTreeMap::from([(self.id().to_string(), entry)]))
            .expect("strings, numbers and maps with string keys always serialise")
    }
}

fn from_wire(id: &str, entry: wire::Entry) -> Result<LogEntry, EntryError> {
    let wire::Entry { attestation, body, integrated_time, log_id, log_index, verification } = entry;
    let fields = SignedFields::new(body, integrated_time, log_id, log_index)?;
    let verification = verification.unwrap_or_default();
    let proof = verification.inclusion_proof.map(inclusion_proof).transpose()?;
    let decode = |data| BASE64_STANDARD.decode(data).map_err(|_| EntryError::new("its attestation is not base64"));
    let attestation = attestation.and_then(|attestation| attestation.data).map(decode).transpose()?;
    let entry = LogEntry::new(id.parse()?, fields, verification.signed_entry_timestamp, proof);
    Ok(entry.with_attestation(attestation))
}

fn inclusion_proof(proof: wire::Proof) -> Result<InclusionProof, EntryError> {
    let hash = |text: &String| -> Result<Hash, EntryError> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| EntryError::new("a hash of its inclusion proof is not 64 hexadecimal digits"))
    };
    Ok(InclusionProof {
        log_index: proof.log_index,
        head: Head { size: proof.tree_size, root: hash(&proof.root_hash)? },
        path: proof.hashes.iter().map(hash).collect::<Result<_, _>>()?,
        checkpoint: proof.checkpoint.filter(|checkpoint| !checkpoint.is_empty()),
    })
}
