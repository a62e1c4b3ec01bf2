//! The records of a log, one for each entry: in memory, or on disk and read at each request.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::journal::Journal;

/// Records of the kind `R`, which each API has its own of.
#[derive(Debug)]
pub(super) enum Records<R> {
    Memory(Vec<R>),
    /// The journal's first line is the log's header, so entry `n` is line `n + 1`.
    Disk(Journal),
}

impl<R: Clone + Serialize + DeserializeOwned> Records<R> {
    pub(super) fn append(&mut self, record: &R) -> io::Result<()> {
        match self {
            Self::Memory(records) => records.push(record.clone()),
            Self::Disk(journal) => journal.append(&serde_json::to_vec(record)?)?,
        }
        Ok(())
    }

    /// The record at `position`, which must be in the tree.
    pub(super) fn get(&self, position: u64) -> io::Result<R> {
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
