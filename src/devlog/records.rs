//! The records of a log, one for each entry: in memory, or on disk and read at each request.

use std::io;

use serde::{Deserialize, Serialize};

use super::journal::Journal;

/// One entry, as a line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The leaf's bytes: canonical JSON, and so text.
    pub(super) body: String,
    /// Seconds since 1970.
    pub(super) integrated_time: u64,
    /// The keys of the search index that lead to the entry: derived from the payload, which is not always kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) index_keys: Vec<String>,
    /// The payload in base64, as it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attestation: Option<String>,
}

#[derive(Debug)]
pub(super) enum Records {
    Memory(Vec<Record>),
    /// The journal's first line is the log's header, so entry `n` is line `n + 1`.
    Disk(Journal),
}

impl Records {
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Memory(records) => records.push(record.clone()),
            Self::Disk(journal) => journal.append(&serde_json::to_vec(record)?)?,
        }
        Ok(())
    }

    /// The record at `position`, which must be in the tree.
    pub(super) fn get(&self, position: u64) -> io::Result<Record> {
        let position = position as usize;
        match self {
            Self::Memory(records) => {
                let record = records.get(position).ok_or(io::ErrorKind::NotFound)?;
                Ok(record.clone())
            }
            Self::Disk(journal) => Ok(serde_json::from_slice(&journal.read(position + 1)?)?),
        }
    }
}
