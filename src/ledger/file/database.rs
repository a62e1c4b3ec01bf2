//! The database that a ledger file is: redb's, with one table of items by key, as JSON.
//!
//! Every commit is durable, in two phases: after a crash the last one that was confirmed is there, and a file whose
//! last commit does not verify is damaged. Opening reads the whole file and checks every page's checksum.

use std::io;
use std::ops::RangeInclusive;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use redb::{
    Builder, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _, StorageError, Table,
    TableDefinition, TableError, WriteTransaction,
};

use super::{Change, Store};
use crate::ledger::LedgerError;
use crate::ledger::item::{StoredItem, from_json, to_json};
use crate::ledger::place::Place;
use crate::ledger::scan::ItemPage;
use crate::private::{self, PrivateError};

/// Items as JSON, by key.
const ITEMS: TableDefinition<&str, &[u8]> = TableDefinition::new("items");
/// The log, log index and key of each item that has a place. It is made of the items, and changes with them.
const BY_LOG: TableDefinition<(&str, u64, &str), ()> = TableDefinition::new("by-log");
/// The facts about the file, by name.
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
const FORMAT: &str = "format";
/// Changes when an older version could no longer read the file, or would spoil it.
const CURRENT_FORMAT: u64 = 1;
/// Pages kept in memory: some thousand rows.
const CACHE_BYTES: usize = 16 << 20;
/// Items read at once: about 8 KiB each.
const PAGE: usize = 100;

/// Reasons not to use a ledger file. None of them changes the file.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// Others can write it, or it cannot be read.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The file belongs to one process at a time.
    #[error("{}: another process has this ledger open", .0.display())]
    InUse(PathBuf),
    /// An older version does not know what else the file means.
    #[error(
        "{}: a later version of tlogistry wrote this ledger (its format is {found}, and this version knows \
         {CURRENT_FORMAT}): use that version", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A disk failed, or somebody changed the file.
    #[error(
        "{}: this ledger file is damaged ({fault}). It was left as it is. Put a copy of it there, or import an export \
         into a new one: docs/runbook.md, 'A ledger file'", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The database's words.
        fault: String,
    },
    /// The disk is full, or fails.
    #[error("{}: {fault}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        fault: String,
    },
}

#[derive(Debug)]
pub(super) struct Database(redb::Database);

impl Database {
    pub(super) fn open_or_create(path: &Path) -> Result<Self, LedgerFileError> {
        if !private::exists(path)? {
            private::folder(private::parent(path))?;
            // Whole before it has its name: a file without its tables would be one that was damaged.
            private::create_by(path, |file| fill(file.path()))?;
        }
        Self::open(path)
    }

    pub(super) fn open(path: &Path) -> Result<Self, LedgerFileError> {
        if !private::exists(path)? {
            return Err(PrivateError::missing(path).into());
        }
        // The database trusts what it reads of its own pages, and may panic over others.
        let opened = catch_unwind(|| {
            let database = builder().open(path).map_err(|error| opening(path, error))?;
            check_format(&database, path)?;
            add_index(&database).map_err(|error| io_fault(path, error))?;
            Ok(Self(database))
        });
        opened.unwrap_or_else(|_| Err(damaged(path, "its pages make no sense")))
    }
}

#[cfg(test)]
impl Database {
    /// The database on any storage: made if that is empty, and opened if not.
    pub(super) fn create_on(storage: impl redb::StorageBackend) -> Result<Self, LedgerFileError> {
        let path = Path::new("storage");
        let database = builder().create_with_backend(storage).map_err(|error| opening(path, error))?;
        prepare(&database).map_err(|error| io_fault(path, error))?;
        Ok(Self(database))
    }
}

impl Store for Database {
    fn get(&self, key: &str) -> Result<Option<StoredItem>, LedgerError> {
        let items = self.0.begin_read().map_err(failed)?.open_table(ITEMS).map_err(failed)?;
        let found = items.get(key).map_err(failed)?;
        found.map(|json| parse(json.value())).transpose()
    }

    fn update(&self, key: &str, change: Change<'_>) -> Result<(), LedgerError> {
        let transaction = begin_write(&self.0)?;
        let is_changed = {
            let mut items = transaction.open_table(ITEMS).map_err(failed)?;
            let found = items.get(key).map_err(failed)?.map(|json| parse(json.value())).transpose()?;
            let before = found.as_ref().and_then(Place::read);
            match change(found)? {
                Some(item) => {
                    let now = Place::read(&item);
                    if before != now {
                        let mut by_log = transaction.open_table(BY_LOG).map_err(failed)?;
                        if let Some(place) = before {
                            by_log.remove((&*place.log, place.index, key)).map_err(failed)?;
                        }
                        insert_place(&mut by_log, now.as_ref(), key)?;
                    }
                    items.insert(key, to_json(&item).to_string().as_bytes()).map_err(failed)?;
                    true
                }
                None => false,
            }
        };
        if is_changed { transaction.commit().map_err(failed) } else { transaction.abort().map_err(failed) }
    }

    fn page(&self, after: Option<&str>) -> Result<ItemPage, LedgerError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let items = self.0.begin_read().map_err(failed)?.open_table(ITEMS).map_err(failed)?;
        let range = items.range::<&str>((after.map_or(Unbounded, Excluded), Unbounded)).map_err(failed)?;
        let mut page = ItemPage { items: Vec::new(), next: None };
        for found in range.take(PAGE) {
            let (key, json) = found.map_err(failed)?;
            page.next = Some(key.value().to_owned());
            page.items.push(parse(json.value())?);
        }
        if page.items.len() < PAGE {
            page.next = None;
        }
        Ok(page)
    }

    fn by_log(
        &self,
        log: &str,
        indexes: RangeInclusive<u64>,
        most: usize,
    ) -> Result<(Vec<StoredItem>, bool), LedgerError> {
        let transaction = self.0.begin_read().map_err(failed)?;
        let (items, by_log) =
            (transaction.open_table(ITEMS).map_err(failed)?, transaction.open_table(BY_LOG).map_err(failed)?);
        let mut found = Vec::new();
        for place in by_log.range((log, *indexes.start(), "")..).map_err(failed)? {
            let (place, _) = place.map_err(failed)?;
            let (of, index, key) = place.value();
            if of != log || index > *indexes.end() {
                break;
            }
            if found.len() == most {
                return Ok((found, true));
            }
            if let Some(json) = items.get(key).map_err(failed)? {
                found.push(parse(json.value())?);
            }
        }
        Ok((found, false))
    }
}

fn insert_place(
    by_log: &mut Table<'_, (&'static str, u64, &'static str), ()>,
    place: Option<&Place>,
    key: &str,
) -> Result<(), LedgerError> {
    match place {
        Some(place) => by_log.insert((&*place.log, place.index, key), ()).map(drop).map_err(failed),
        None => Ok(()),
    }
}

/// Makes the index by log in a file of a version that had none. Such a version may write the file again: it gives no
/// item a place, and takes none away.
fn add_index(database: &redb::Database) -> Result<(), LedgerError> {
    match database.begin_read().map_err(failed)?.open_table(BY_LOG) {
        Ok(_) => return Ok(()),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(failed(error)),
    }
    let transaction = begin_write(database)?;
    {
        let items = transaction.open_table(ITEMS).map_err(failed)?;
        let mut by_log = transaction.open_table(BY_LOG).map_err(failed)?;
        for item in items.iter().map_err(failed)? {
            let (key, json) = item.map_err(failed)?;
            insert_place(&mut by_log, Place::read(&parse(json.value())?).as_ref(), key.value())?;
        }
    }
    transaction.commit().map_err(failed)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Makes an empty ledger of an empty file.
fn fill(path: &Path) -> Result<(), LedgerFileError> {
    let database = builder().create(path).map_err(|error| opening(path, error))?;
    prepare(&database).map_err(|error| io_fault(path, error))
}

fn prepare(database: &redb::Database) -> Result<(), LedgerError> {
    let transaction = begin_write(database)?;
    transaction.open_table(ITEMS).map_err(failed)?;
    transaction.open_table(BY_LOG).map_err(failed)?;
    transaction.open_table(ABOUT).map_err(failed)?.insert(FORMAT, CURRENT_FORMAT).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn begin_write(database: &redb::Database) -> Result<WriteTransaction, LedgerError> {
    let mut transaction = database.begin_write().map_err(failed)?;
    transaction.set_durability(Durability::Immediate).map_err(failed)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn check_format(database: &redb::Database, path: &Path) -> Result<(), LedgerFileError> {
    let transaction = database.begin_read().map_err(|error| io_fault(path, error))?;
    let no_table = |error: TableError| damaged(path, error);
    let about = transaction.open_table(ABOUT).map_err(no_table)?;
    let format = about.get(FORMAT).map_err(|error| io_fault(path, error))?.map(|format| format.value());
    match format {
        None => return Err(damaged(path, "it says no format")),
        Some(found) if found > CURRENT_FORMAT => return Err(LedgerFileError::Newer { path: path.to_owned(), found }),
        Some(_) => {}
    }
    transaction.open_table(ITEMS).map(drop).map_err(no_table)
}

fn opening(path: &Path, error: DatabaseError) -> LedgerFileError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            LedgerFileError::InUse(path.to_owned())
        }
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => damaged(path, error),
        // It ends before its header does.
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            damaged(path, error)
        }
        // The disk is full or fails, or the file system has no locks.
        error => io_fault(path, error),
    }
}

fn damaged(path: &Path, fault: impl ToString) -> LedgerFileError {
    LedgerFileError::Damaged { path: path.to_owned(), fault: fault.to_string() }
}

fn io_fault(path: &Path, fault: impl ToString) -> LedgerFileError {
    LedgerFileError::Io { path: path.to_owned(), fault: fault.to_string() }
}

fn failed(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unavailable(format!("the ledger file: {error}"))
}

fn parse(json: &[u8]) -> Result<StoredItem, LedgerError> {
    let item = serde_json::from_slice(json).ok().and_then(from_json);
    item.ok_or_else(|| LedgerError::Unavailable("the ledger file holds an item that cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ends_too_soon_is_told_from_a_disk_that_fails() {
        let fault = |kind: io::ErrorKind| opening(Path::new("ledger.redb"), StorageError::Io(kind.into()).into());
        for damage in [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof] {
            assert!(matches!(fault(damage), LedgerFileError::Damaged { .. }), "{damage}");
        }
        for failure in [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied] {
            assert!(matches!(fault(failure), LedgerFileError::Io { .. }), "{failure}");
        }
    }
}
