//! A ledger in a file, for one process at a time.
//!
//! It keeps the items that a table would (see [`super::dynamodb`]), and its writes have the same conditions. A write
//! counts once it is on the disk.

#[cfg(test)]
mod crash;
mod database;

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue::{Bool, N, S, Ss};

pub use database::LedgerFileError;

use super::by_log::{ListedRow, LogPage};
use super::dynamodb::{PENDING, RECORDED, new_row, read_digest_tags, read_row};
use super::entry::entry_text;
use super::instance::{self, UsedKeys};
use super::item::{StoredItem, text};
use super::place::Place;
use super::scan::ItemPage;
use super::{Completion, DigestTags, Lease, LedgerError, Moves, NewMove, RefusedMove, Row, RowState, index, moves};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository, Tag};
use crate::sighting::Sighting;
use database::Database;

/// Items by key. It is a trait so that the function, which opens no file, is linked without the database.
trait Store: Debug + Send + Sync {
    fn get(&self, key: &str) -> Result<Option<StoredItem>, LedgerError>;

    /// Replaces the item under `key` by the one that `change` makes of it, if it makes one. No other change comes
    /// between. What is returned is on the disk.
    fn update(&self, key: &str, change: Change<'_>) -> Result<(), LedgerError>;

    /// Items after the key `after`, in the order of their keys.
    fn page(&self, after: Option<&str>) -> Result<ItemPage, LedgerError>;

    /// Items whose place is in this log at these indexes, in their order and at most `most`, and whether there are
    /// more.
    fn by_log(
        &self,
        log: &str,
        indexes: RangeInclusive<u64>,
        most: usize,
    ) -> Result<(Vec<StoredItem>, bool), LedgerError>;
}

type Change<'a> = Box<dyn FnOnce(Option<StoredItem>) -> Result<Option<StoredItem>, LedgerError> + 'a>;

/// One file. Clones share it.
#[derive(Debug, Clone)]
pub struct FileLedger(Arc<dyn Store>);

impl FileLedger {
    /// Opens the file at `path`, or makes it. Nobody else must be able to write it. The whole file is checked: a
    /// damaged one is refused, and stays as it is.
    pub fn open_or_create(path: &Path) -> Result<Self, LedgerFileError> {
        Ok(Self(Arc::new(Database::open_or_create(path)?)))
    }

    /// Opens the file at `path`, which must exist.
    pub fn open(path: &Path) -> Result<Self, LedgerFileError> {
        Ok(Self(Arc::new(Database::open(path)?)))
    }

    pub(super) async fn get(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, LedgerError> {
        self.read(tag.to_string(), deadline).await?.map(read_row).transpose()
    }

    pub(super) async fn insert(&self, row: &Row, deadline: Deadline) -> Result<bool, LedgerError> {
        self.put_new(new_row(row), deadline).await
    }

    pub(super) async fn take_over(
        &self,
        tag: &Tag,
        seen: Lease,
        new: Lease,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let take_over = move |item: Option<StoredItem>| {
            let pending = item.filter(|item| text(item, "state") == Some(PENDING));
            let Some(mut item) = pending else { return Ok((None, false)) };
            let RowState::Pending { lease } = read_row(item.clone())?.state else { return Ok((None, false)) };
            if lease != seen {
                return Ok((None, false));
            }
            item.insert("lease".to_owned(), N(new.0.to_string()));
            Ok((Some(item), true))
        };
        self.update(tag.to_string(), deadline, take_over).await
    }

    pub(super) async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<Completion, LedgerError> {
        let (digest, entry, place) = (sighting.digest().to_string(), entry_text(sighting), Place::recorded(sighting));
        let complete = move |item: Option<StoredItem>| {
            let same = item.filter(|item| text(item, "digest") == Some(&digest));
            let Some(mut item) = same else { return Ok((None, Completion::OtherDigest)) };
            if text(&item, "state") != Some(PENDING) {
                return read_row(item).map(|_| (None, Completion::Before));
            }
            item.remove("lease");
            item.insert("state".to_owned(), S(RECORDED.to_owned()));
            item.insert("entry".to_owned(), S(entry));
            place.put_into(&mut item);
            Ok((Some(item), Completion::Now))
        };
        self.update(sighting.tag().to_string(), deadline, complete).await
    }

    pub(super) async fn set_place(&self, row: &Row, place: &Place, deadline: Deadline) -> Result<bool, LedgerError> {
        let (state, row, place) = (row.state_name(), row.clone(), place.clone());
        let key = row.tag.clone();
        let set = move |item: Option<StoredItem>| {
            let read = [("state", state), ("digest", &row.digest), ("signature", &row.signature)];
            let is_same = |item: &StoredItem| read.iter().all(|(name, value)| text(item, name) == Some(*value));
            let Some(mut item) = item.filter(is_same) else { return Ok((None, false)) };
            place.put_into(&mut item);
            Ok((Some(item), true))
        };
        self.update(key, deadline, set).await
    }

    pub(super) async fn by_log(
        &self,
        log: &str,
        indexes: RangeInclusive<u64>,
        most: usize,
        deadline: Deadline,
    ) -> Result<LogPage, LedgerError> {
        let log = log.to_owned();
        let (items, is_cut) = self.with_store(deadline, move |store| store.by_log(&log, indexes, most)).await?;
        Ok(LogPage::new(items.iter().filter_map(ListedRow::read).collect(), is_cut))
    }

    pub(super) async fn mark_indexed(&self, tag: &Tag, deadline: Deadline) -> Result<(), LedgerError> {
        let mark = |item: Option<StoredItem>| {
            let recorded = item.filter(|item| text(item, "state") == Some(RECORDED));
            let Some(mut item) = recorded else {
                return Err(LedgerError::Unavailable("the row to be marked is not a recorded one".to_owned()));
            };
            item.insert("indexed".to_owned(), Bool(true));
            Ok((Some(item), ()))
        };
        self.update(tag.to_string(), deadline, mark).await
    }

    pub(super) async fn moves(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Moves>, LedgerError> {
        self.read(tag.to_string(), deadline).await?.map(|item| moves::read_moves(&item)).transpose()
    }

    pub(super) async fn remember_move(
        &self,
        refused: &RefusedMove,
        new: &NewMove,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let (recorded, to, new) = (refused.recorded.to_string(), refused.to.clone(), new.clone());
        let remember = move |item: Option<StoredItem>| {
            let of_record = |item: &StoredItem| {
                text(item, "state") == Some(RECORDED) && text(item, "digest") == Some(recorded.as_str())
            };
            let Some(mut item) = item.filter(of_record) else { return Ok((None, false)) };
            let is_placed = new.add_to(&mut item, &to)?;
            Ok((is_placed.then_some(item), is_placed))
        };
        self.update(refused.tag.to_string(), deadline, remember).await
    }

    pub(super) async fn used_keys(&self, deadline: Deadline) -> Result<Option<UsedKeys>, LedgerError> {
        self.read(instance::KEY.to_owned(), deadline).await?.as_ref().map(UsedKeys::read).transpose()
    }

    pub(super) async fn claim(&self, own: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        // No instance has a row before it has claimed the ledger. A table is not asked: the role may not scan it.
        let is_new = self.items(None, deadline).await?.items.is_empty();
        if !is_new && self.read(instance::KEY.to_owned(), deadline).await?.is_none() {
            return Err(LedgerError::NoInstance);
        }
        self.put_new(own.new_item(), deadline).await
    }

    pub(super) async fn end_import(&self, used: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        let named = used.new_item();
        let end = move |item: Option<StoredItem>| {
            let Some(mut item) = item.filter(|item| item.contains_key(instance::IMPORTING)) else {
                return Ok((None, false));
            };
            item.remove(instance::IMPORTING);
            item.extend(named);
            Ok((Some(item), true))
        };
        self.update(instance::KEY.to_owned(), deadline, end).await
    }

    pub(super) async fn add_used_keys(&self, more: &UsedKeys, deadline: Deadline) -> Result<UsedKeys, LedgerError> {
        let more = more.clone();
        let add = move |item: Option<StoredItem>| {
            let mut item = item.ok_or(LedgerError::NoInstance)?;
            let used = UsedKeys::read(&item)?;
            let all = used.with(&more)?;
            item.extend(all.new_item());
            Ok((Some(item), all))
        };
        self.update(instance::KEY.to_owned(), deadline, add).await
    }

    pub(super) async fn index_tag(
        &self,
        tag: &Tag,
        digest: &Digest,
        media_type: &str,
        size: u64,
        deadline: Deadline,
    ) -> Result<DigestTags, LedgerError> {
        let (key, tag, media_type) = (index::key(tag.repository(), digest), tag.clone(), media_type.to_owned());
        let new_key = key.clone();
        let index = move |item: Option<StoredItem>| {
            let mut item = item.unwrap_or_else(|| {
                StoredItem::from([
                    ("tag".to_owned(), S(new_key)),
                    ("tags".to_owned(), Ss(Vec::new())),
                    ("mediaType".to_owned(), S(media_type)),
                    ("size".to_owned(), N(size.to_string())),
                ])
            });
            let row = read_digest_tags(item.clone())?;
            if row.is_full() || row.includes(&tag) {
                return Ok((None, row));
            }
            if let Some(Ss(tags)) = item.get_mut("tags") {
                tags.push(tag.to_string());
                tags.sort_unstable();
            }
            let row = read_digest_tags(item.clone())?;
            Ok((Some(item), row))
        };
        self.update(key, deadline, index).await
    }

    pub(super) async fn tags_of(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<DigestTags>, LedgerError> {
        self.read(index::key(repository, digest), deadline).await?.map(read_digest_tags).transpose()
    }

    /// Adds an item if there is none under its key. Returns whether it was added.
    pub(super) async fn put_new(&self, item: StoredItem, deadline: Deadline) -> Result<bool, LedgerError> {
        let key = text(&item, "tag").ok_or(LedgerError::Malformed("tag"))?.to_owned();
        let put = |found: Option<StoredItem>| match found {
            None => Ok((Some(item), true)),
            Some(_) => Ok((None, false)),
        };
        self.update(key, deadline, put).await
    }

    /// Items after the key `after`.
    pub(super) async fn items(&self, after: Option<&str>, deadline: Deadline) -> Result<ItemPage, LedgerError> {
        let after = after.map(str::to_owned);
        self.with_store(deadline, move |store| store.page(after.as_deref())).await
    }

    async fn read(&self, key: String, deadline: Deadline) -> Result<Option<StoredItem>, LedgerError> {
        self.with_store(deadline, move |store| store.get(&key)).await
    }

    /// Makes one change. It goes on when the deadline has passed, so that it may have been made all the same.
    async fn update<T: Send + 'static>(
        &self,
        key: String,
        deadline: Deadline,
        change: impl FnOnce(Option<StoredItem>) -> Result<(Option<StoredItem>, T), LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let update = move |store: &dyn Store| {
            let mut outcome = None;
            let change = |item: Option<StoredItem>| {
                let (item, value) = change(item)?;
                outcome = Some(value);
                Ok(item)
            };
            store.update(&key, Box::new(change))?;
            outcome.ok_or_else(|| LedgerError::Unavailable("the change was not made".to_owned()))
        };
        self.with_store(deadline, update).await
    }

    /// Runs `work` where it may wait for the disk.
    async fn with_store<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(&dyn Store) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let store = self.0.clone();
        let done = deadline.bound(tokio::task::spawn_blocking(move || work(&*store))).await?;
        // It panics where the file changes under the database.
        done.unwrap_or_else(|_| Err(LedgerError::Unavailable("the ledger file could not be used".to_owned())))
    }
}
