//! The folder of a log: its lock, its key, and the journal's first line, which says what log this is.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::journal::{Journal, PREFIX};
use super::{OpenError, Options};
use crate::local_key::{self, KeptKey, LocalKey};
use crate::private;
use crate::tlog::RekorApi;

/// The layout of the journal's lines.
const FORMAT: u32 = 1;
/// The journal.
pub(super) const ENTRIES: &str = "entries.jsonl";
/// Bytes. The first line has some 200.
const MAX_HEADER: u64 = 64 << 10;

/// A child that a process is just starting holds the lock of a log that was closed meanwhile, until it runs its own program.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The journal's first line: facts that stay the same as long as the log exists.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    format: u32,
    /// Left out for v1: its logs are older than v2.
    #[serde(default, skip_serializing_if = "is_v1")]
    api: RekorApi,
    pub(super) hostname: String,
    log_id: String,
    /// Of v1 alone.
    #[serde(flatten)]
    pub(super) numbering: Option<Numbering>,
}

/// The tree's id, and the number of entries before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Numbering {
    pub(super) tree_id: u64,
    pub(super) first_index: u32,
}

/// The kind of key that a log of one API signs with.
pub(super) trait SigningKey: KeptKey {
    /// The id of a log with this key and name.
    fn log_id(&self, hostname: &str) -> [u8; 32];
}

impl SigningKey for LocalKey {
    fn log_id(&self, _hostname: &str) -> [u8; 32] {
        self.public_key().id()
    }
}

/// The contents of an open folder.
pub(super) struct OpenFolder<K> {
    pub(super) key: K,
    pub(super) header: Header,
    pub(super) journal: Journal,
    /// Lets the next process in when it is dropped.
    pub(super) lock: File,
}

/// Opens the log in `folder`, or makes a new one there, and shows `replay` its records in order.
pub(super) fn open<K: SigningKey, R: DeserializeOwned>(
    folder: &Path,
    options: &Options,
    mut replay: impl FnMut(R),
) -> Result<OpenFolder<K>, OpenError> {
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    let folder = &private::folder(folder)?;
    let lock = locked(folder)?;
    let (key_path, path) = (folder.join("key.pem"), folder.join(ENTRIES));
    let length = if private::exists(&path)? { fs::metadata(&path).map_err(io)?.len() } else { 0 };
    // The other API's key and records cannot be read.
    if length > 0
        && let Some(kept) = kept_api(&path).map_err(io)?
        && kept != options.api
    {
        return Err(changed(folder, "the API", kept, options.api));
    }
    if length > 0 && !private::exists(&key_path)? {
        return Err(OpenError::KeyMissing(key_path));
    }
    let key: K = local_key::open_or_generate(&key_path)?;
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
    Ok(OpenFolder { key, header, journal, lock })
}

impl Header {
    pub(super) fn new(options: &Options, key: &impl SigningKey) -> Self {
        Self {
            format: FORMAT,
            api: options.api,
            hostname: options.hostname.clone(),
            log_id: hex::encode(key.log_id(&options.hostname)),
            numbering: is_v1(&options.api).then(|| Numbering::new(options.first_index)),
        }
    }

    /// Refuses to continue a log under another name, key or numbering.
    fn checked(self, folder: &Path, asked: Self) -> Result<Self, OpenError> {
        let first_index = |header: &Self| header.numbering.map_or_else(String::new, |one| one.first_index.to_string());
        for (what, kept, asked) in [
            ("format", self.format.to_string(), asked.format.to_string()),
            ("the API", self.api.to_string(), asked.api.to_string()),
            ("the hostname", self.hostname.clone(), asked.hostname.clone()),
            ("the first index", first_index(&self), first_index(&asked)),
            ("the log id", self.log_id.clone(), asked.log_id.clone()),
        ] {
            if kept != asked {
                return Err(changed(folder, what, kept, asked));
            }
        }
        Ok(self)
    }
}

impl Numbering {
    pub(super) fn new(first_index: u32) -> Self {
        // Trillian's are random too: positive, of 63 bits.
        Self { tree_id: fastrand::u64(1..=i64::MAX as u64), first_index }
    }
}

/// The API that the first line at `path` names. `None` if it cannot be read: opening the journal says what is wrong.
fn kept_api(path: &Path) -> io::Result<Option<RekorApi>> {
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        api: RekorApi,
    }
    let mut line = Vec::new();
    BufReader::new(File::open(path)?.take(MAX_HEADER)).read_until(b'\n', &mut line)?;
    let kept = line.get(PREFIX..).and_then(|json| serde_json::from_slice::<Kept>(json).ok());
    Ok(kept.map(|kept| kept.api))
}

fn changed(folder: &Path, what: &'static str, kept: impl ToString, asked: impl ToString) -> OpenError {
    OpenError::Changed { folder: folder.to_owned(), what, kept: kept.to_string(), asked: asked.to_string() }
}

fn is_v1(api: &RekorApi) -> bool {
    *api == RekorApi::V1
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

fn locked(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let file = File::create(&path).map_err(io)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    Err(OpenError::InUse(folder.to_owned()))
}
