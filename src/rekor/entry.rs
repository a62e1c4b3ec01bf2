//! Log entries as Rekor's API answers them: `{"<entry id>": {body, integratedTime, logID, logIndex, verification}}`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use super::body::{Body, holds};
use super::checkpoint::Checkpoint;
use super::inclusion::{Hash, leaf_hash};
use crate::foreign::shown;
use crate::key::PublicKey;

/// Integers up to here are the same in JSON everywhere (RFC 8785 section 3.2.2.3); the signed entry timestamp covers
/// JSON.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Why an answer is not a log entry.
#[derive(Debug, thiserror::Error)]
#[error("not a log entry: {0}")]
pub struct EntryError(String);

impl EntryError {
    pub(super) fn new(fault: &str) -> Self {
        Self(fault.to_owned())
    }
}

/// The id of an entry: its leaf hash, after the id of its tree where that is given (64 or 80 hexadecimal digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryId {
    pub tree_id: Option<u64>,
    pub leaf_hash: Hash,
}

impl FromStr for EntryId {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        let fault = || EntryError("its id is not 64 or 80 hexadecimal digits".to_owned());
        let bytes = hex::decode(text).map_err(|_| fault())?;
        let (tree_id, leaf) = match bytes.len() {
            32 => (None, &bytes[..]),
            40 => (bytes.first_chunk().map(|tree| u64::from_be_bytes(*tree)), &bytes[8..]),
            _ => return Err(fault()),
        };
        Ok(Self { tree_id, leaf_hash: leaf.try_into().map_err(|_| fault())? })
    }
}

/// From a JSON string. A list that holds anything else is not read to its end.
impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = EntryId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry id")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EntryId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tree_id) = self.tree_id {
            write!(f, "{tree_id:016x}")?;
        }
        f.write_str(&hex::encode(self.leaf_hash))
    }
}

/// One entry, parsed and not yet verified (see [`super::verify`]).
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub(super) id: EntryId,
    /// The leaf. `fields.body` is its base64, which is what the signed entry timestamp covers.
    pub(super) leaf: Vec<u8>,
    pub(super) body: Body,
    /// The signed entry timestamp, base64.
    pub(super) set: Option<String>,
    pub(super) proof: Option<InclusionProof>,
    pub(super) attestation: Option<Vec<u8>>,
    pub(super) fields: SignedFields,
}

/// What the signed entry timestamp covers, in the order of its canonical JSON (RFC 8785).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedFields {
    pub(super) body: String,
    /// Seconds since the Unix epoch.
    pub(super) integrated_time: u64,
    #[serde(rename = "logID")]
    pub(super) log_id: String,
    /// The position over all shards of the log, from 0.
    pub(super) log_index: u64,
}

#[derive(Debug, Clone)]
pub struct InclusionProof {
    /// The position in this tree, from 0: not the entry's `logIndex`.
    pub(super) log_index: u64,
    pub(super) root: Hash,
    pub(super) tree_size: u64,
    pub(super) path: Vec<Hash>,
    pub(super) checkpoint: Option<String>,
}

impl LogEntry {
    /// Parses the answer for one entry.
    pub fn parse(json: &[u8]) -> Result<Self, EntryError> {
        let map: BTreeMap<String, wire::Entry> =
            serde_json::from_slice(json).map_err(|e| EntryError(shown(&e.to_string()).into_owned()))?;
        let mut entries = map.into_iter();
        match (entries.next(), entries.next()) {
            (Some((id, entry)), None) => Self::from_wire(&id, entry),
            _ => Err(EntryError("expected exactly one".to_owned())),
        }
    }

    pub(super) fn from_wire(id: &str, entry: wire::Entry) -> Result<Self, EntryError> {
        let wire::Entry { body, integrated_time, log_id, log_index, verification, attestation } = entry;
        let fields = SignedFields { body, integrated_time, log_id, log_index };
        let fault = |what: &str| EntryError(format!("its {what}"));
        let decode = |text: &str, what| BASE64_STANDARD.decode(text).map_err(|_| fault(what));
        let leaf = decode(&fields.body, "body is not base64")?;
        if fields.log_index.max(fields.integrated_time) > MAX_SAFE_INTEGER {
            return Err(fault("index or time is out of range"));
        }
        // Printed into the JSON that the log signed: nothing in it may need escaping.
        if !fields.log_id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fault("logID is not hexadecimal"));
        }
        let verification = verification.unwrap_or_default();
        let set = verification.signed_entry_timestamp;
        let proof = verification.inclusion_proof.map(InclusionProof::from_wire).transpose()?;
        let attestation = attestation.and_then(|attestation| attestation.data);
        let attestation = attestation.map(|data| decode(&data, "attestation is not base64")).transpose()?;
        Ok(Self { id: id.parse()?, body: Body::parse(&leaf), leaf, set, proof, attestation, fields })
    }

    /// The same JSON that [`LogEntry::parse`] takes, without the attestation.
    pub fn to_json(&self) -> String {
        let verification = wire::Verification {
            inclusion_proof: self.proof.as_ref().map(InclusionProof::to_wire),
            signed_entry_timestamp: self.set.clone(),
        };
        let entry = wire::Entry::new(self.fields.clone(), verification);
        serde_json::to_string(&BTreeMap::from([(self.id.to_string(), entry)]))
            .expect("strings, numbers and maps with string keys always serialise")
    }

    /// Bytes that are held of it, nearly: its leaf in all forms, and its proof.
    pub fn size(&self) -> usize {
        let proof = self
            .proof
            .as_ref()
            .map_or(0, |proof| proof.path.len() * size_of::<Hash>() + proof.checkpoint.as_ref().map_or(0, String::len));
        let texts = self.set.as_ref().map_or(0, String::len) + self.fields.log_id.len();
        // The leaf's base64, and what was parsed of it, which is no longer than it.
        2 * self.leaf.len() + self.fields.body.len() + self.attestation.as_ref().map_or(0, Vec::len) + proof + texts
    }

    pub fn id(&self) -> EntryId {
        self.id
    }

    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Whether the entry holds `key`, in whatever encoding and for whatever reason. For entries that cannot be understood.
    pub fn mentions(&self, key: &PublicKey) -> bool {
        holds(&self.leaf, key)
    }

    /// The statement that the log keeps beside the entry. Nothing the log signs covers it.
    pub fn attestation(&self) -> Option<&[u8]> {
        self.attestation.as_deref()
    }

    /// The position over all shards of the log, from 0.
    pub fn log_index(&self) -> u64 {
        self.fields.log_index
    }

    /// When the log took the entry in: seconds since the Unix epoch.
    pub fn integrated_time(&self) -> u64 {
        self.fields.integrated_time
    }

    /// The same in RFC 3339, in UTC.
    pub fn integrated_at(&self) -> String {
        let seconds = self.fields.integrated_time;
        let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
        // The time is one of JSON's safe integers, and chrono's range is not much smaller.
        time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_else(|| seconds.to_string())
    }

    /// The checkpoint that the inclusion proof leads to, if there is one.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        Checkpoint::parse(self.proof.as_ref()?.checkpoint.as_deref()?)
    }

    /// RFC 6962 section 2.1. It is the entry's id, once that is verified.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.leaf)
    }
}

impl InclusionProof {
    fn from_wire(proof: wire::InclusionProof) -> Result<Self, EntryError> {
        let hash = |text: &String| {
            let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or_else(|| EntryError("a hash of its inclusion proof is not 64 hexadecimal digits".to_owned()))
        };
        Ok(Self {
            log_index: proof.log_index,
            root: hash(&proof.root_hash)?,
            tree_size: proof.tree_size,
            path: proof.hashes.iter().map(hash).collect::<Result<_, _>>()?,
            checkpoint: proof.checkpoint.filter(|checkpoint| !checkpoint.is_empty()),
        })
    }

    fn to_wire(&self) -> wire::InclusionProof {
        wire::InclusionProof {
            checkpoint: self.checkpoint.clone(),
            hashes: self.path.iter().map(hex::encode).collect(),
            log_index: self.log_index,
            root_hash: hex::encode(self.root),
            tree_size: self.tree_size,
        }
    }
}

/// The JSON of Rekor's API. Serde refuses a key of these that stands twice.
pub(super) mod wire {
    use serde::{Deserialize, Serialize};

    use super::SignedFields;

    /// [`SignedFields`], and what stands beside them. They are not flattened: serde would keep every field that it does not
    /// know, as a tree.
    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Entry {
        pub body: String,
        pub integrated_time: u64,
        #[serde(rename = "logID")]
        pub log_id: String,
        pub log_index: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub verification: Option<Verification>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub attestation: Option<Attestation>,
    }

    impl Entry {
        pub fn new(fields: SignedFields, verification: Verification) -> Self {
            let SignedFields { body, integrated_time, log_id, log_index } = fields;
            Self { body, integrated_time, log_id, log_index, verification: Some(verification), attestation: None }
        }
    }

    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Verification {
        pub inclusion_proof: Option<InclusionProof>,
        pub signed_entry_timestamp: Option<String>,
    }

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "camelCase")]
    pub struct InclusionProof {
        pub checkpoint: Option<String>,
        pub hashes: Vec<String>,
        pub log_index: u64,
        pub root_hash: String,
        pub tree_size: u64,
    }

    #[derive(Deserialize, Serialize)]
    pub struct Attestation {
        pub data: Option<String>,
    }
}
