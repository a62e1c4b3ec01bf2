//! The folder of a log: its lock, its key, and the journal's first line, which says what log this is.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::records::Record;
use super::{OpenError, Options};
use crate::local_key::LocalKey;
use crate::private;

/// The layout of the journal's lines.
const FORMAT: u32 = 1;

/// The journal's first line: facts that stay the same as long as the log exists.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    format: u32,
    pub(super) hostname: String,
    pub(super) tree_id: u64,
    pub(super) first_index: u32,
    log_id: String,
}

/// The contents of an open folder.
pub(super) struct Opened {
    pub(super) key: LocalKey,
    pub(super) header: Header,
    pub(super) journal: Journal,
    /// Lets the next process in when it is dropped.
    pub(super) lock: File,
}

/// Opens the log in `folder`, or makes a new one there, and shows `replay` its records in order.
pub(super) fn open(folder: &Path, options: &Options, mut replay: impl FnMut(Record)) -> Result<Opened, OpenError> {
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    let folder = &private::folder(folder)?;
    let lock = locked(folder)?;
    let (key_path, path) = (folder.join("key.pem"), folder.join("entries.jsonl"));
    let length = if private::exists(&path)? { fs::metadata(&path).map_err(io)?.len() } else { 0 };
    if length > 0 && !private::exists(&key_path)? {
        return Err(OpenError::KeyMissing(key_path));
    }
    let key = LocalKey::open_or_generate(&key_path)?;
    let mut header: Option<Header> = None;
    let mut journal = Journal::open(&path, |json| {
        match header {
            None => header = Some(parsed(json)?),
            Some(_) => replay(parsed(json)?),
        }
        Ok(())
    })?;
    let asked = Header::new(options, &key);
    let header = match header {
        Some(kept) => kept.checked(folder, asked)?,
        None => {
            let json = serde_json::to_vec(&asked).map_err(|error| io(error.into()))?;
            journal.append(&json).map_err(io)?;
            asked
        }
    };
    Ok(Opened { key, header, journal, lock })
}

impl Header {
    pub(super) fn new(options: &Options, key: &LocalKey) -> Self {
        Self {
            format: FORMAT,
            hostname: options.hostname.clone(),
            // Trillian's are random too: positive, of 63 bits.
            tree_id: fastrand::u64(1..=i64::MAX as u64),
            first_index: options.first_index,
            log_id: hex::encode(key.public_key().id()),
        }
    }

    /// Refuses to continue a log under another name, key or numbering.
    fn checked(self, folder: &Path, asked: Self) -> Result<Self, OpenError> {
        let (kept_first, asked_first) = (self.first_index, asked.first_index);
        for (what, kept, asked) in [
            ("format", self.format.to_string(), asked.format.to_string()),
            ("the hostname", self.hostname.clone(), asked.hostname),
            ("the first index", kept_first.to_string(), asked_first.to_string()),
            ("the log id", self.log_id.clone(), asked.log_id),
        ] {
            if kept != asked {
                return Err(OpenError::Changed { folder: folder.to_owned(), what, kept, asked });
            }
        }
        Ok(self)
    }
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

fn locked(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = File::create(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}
