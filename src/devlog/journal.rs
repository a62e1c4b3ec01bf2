//! The file that a log is kept in: lines that are only ever appended.
//!
//! ```text
//! <64 hex> <JSON>\n
//! ```
//!
//! The hex is sha256 of the line before's hash (32 zero bytes before the first) and the JSON, so that a changed, missing or
//! reordered line shows when the file is read. A line is whole when its line feed is there: it is written last, in the same
//! write, and nothing is answered before that. Bytes behind the last line feed are therefore the remains of a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::OpenError;
use crate::tlog::Hash;

/// Length of a line's hash in hex and the space behind it.
pub(super) const PREFIX: usize = 65;

/// An open file of lines. All lines up to the last are whole and chained.
#[derive(Debug)]
pub(super) struct Journal {
    appender: File,
    /// A handle of its own, so that its position is not the appender's.
    reader: Mutex<File>,
    /// The end of each line, its line feed included.
    ends: Vec<u64>,
    /// The last line's hash.
    last: Hash,
    /// Set by a failed write: the file may then end with half a line, and appending behind it would corrupt the file.
    stopped: bool,
}

impl Journal {
    /// Opens the file at `path`, or makes it, and hands the JSON of each line to `replay`, which returns the fault of a
    /// line as an error.
    pub(super) fn open(path: &Path, mut replay: impl FnMut(&[u8]) -> Result<(), String>) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let appender = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        let mut lines = BufReader::new(File::open(path).map_err(io)?);
        let (mut ends, mut last, mut end) = (Vec::new(), Hash::default(), 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line).map_err(io)? as u64;
            if length == 0 {
                break;
            }
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                tracing::warn!(
                    path = %path.display(),
                    bytes = length,
                    "dropped the incomplete last line of the log, which no one was answered for"
                );
                appender.set_len(end).map_err(io)?;
                break;
            }
            let corrupt = |why| OpenError::Corrupt { path: path.to_owned(), line: ends.len() + 1, why };
            let (hash, json) = unframed(&last, &line).ok_or_else(|| corrupt("its hash does not match".to_owned()))?;
            replay(json).map_err(corrupt)?;
            last = hash;
            end += length;
            ends.push(end);
        }
        Ok(Self { appender, reader: Mutex::new(lines.into_inner()), ends, last, stopped: false })
    }

    /// Appends one line of JSON, which holds no line feed. It counts once this returns `Ok`; after an error nothing is
    /// appended until the file is opened again.
    pub(super) fn append(&mut self, json: &[u8]) -> io::Result<()> {
        if self.stopped {
            return Err(io::Error::other("stopped by an earlier failure to write"));
        }
        let hash = chained(&self.last, json);
        let line = [hex::encode(hash).as_bytes(), b" ", json, b"\n"].concat();
        let written = self.appender.write_all(&line);
        // A crash of the machine must not take an entry that was answered for.
        let written = written.and_then(|()| self.appender.sync_data());
        self.stopped = written.is_err();
        written?;
        self.ends.push(self.end() + line.len() as u64);
        self.last = hash;
        Ok(())
    }

    /// The JSON of the line at `index`.
    pub(super) fn read(&self, index: usize) -> io::Result<Vec<u8>> {
        let end = *self.ends.get(index).ok_or(io::ErrorKind::NotFound)?;
        let begin = match index {
            0 => 0,
            _ => self.ends[index - 1],
        };
        // Every line has a prefix and a line feed: `open` and `append` saw to it.
        let mut json = vec![0; (end - begin) as usize - PREFIX - 1];
        // A panic while reading leaves a file position behind, which the next read replaces.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.seek(SeekFrom::Start(begin + PREFIX as u64))?;
        reader.read_exact(&mut json)?;
        Ok(json)
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

fn chained(last: &Hash, json: &[u8]) -> Hash {
    Sha256::new().chain_update(last).chain_update(json).finalize().into()
}

/// The hash and the JSON of a line, if they match.
fn unframed<'a>(last: &Hash, line: &'a [u8]) -> Option<(Hash, &'a [u8])> {
    let (prefix, json) = line.split_at_checked(PREFIX)?;
    let hash = chained(last, json);
    (prefix == format!("{} ", hex::encode(hash)).as_bytes()).then_some((hash, json))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_appended_after_a_failure_to_write() {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut journal = Journal {
            appender: full(),
            reader: Mutex::new(full()),
            ends: Vec::new(),
            last: Hash::default(),
            stopped: false,
        };
        let error = journal.append(b"{}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        journal.appender = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let error = journal.append(b"{}").unwrap_err();
        assert_eq!(error.to_string(), "stopped by an earlier failure to write");
        assert!(journal.ends.is_empty());
    }
}
