//! A ledger in this process's memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Completion, DigestTags, Lease, Moves, NewMove, RefusedMove, Row, RowState, UsedKeys, index};
use crate::image::{Digest, Repository, Tag};
use crate::sighting::Sighting;

/// Each method holds the lock for the whole of its condition and write.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// By canonical tag.
    rows: HashMap<String, Row>,
    /// By canonical tag; none for a tag that never moved.
    moves: HashMap<String, Moves>,
    /// By [`index::key`].
    index: HashMap<String, DigestTags>,
    used_keys: UsedKeys,
}

impl MemoryLedger {
    pub(super) fn get(&self, tag: &Tag) -> Option<Row> {
        self.tables().rows.get(tag.canonical()).cloned()
    }

    pub(super) fn insert(&self, row: &Row) -> bool {
        match self.tables().rows.entry(row.tag.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(row.clone());
                true
            }
        }
    }

    pub(super) fn take_over(&self, tag: &Tag, seen: Lease, new: Lease) -> bool {
        match self.tables().rows.get_mut(tag.canonical()).map(|row| &mut row.state) {
            Some(RowState::Pending { lease }) if *lease == seen => {
                *lease = new;
                true
            }
            _ => false,
        }
    }

    pub(super) fn complete(&self, sighting: &Sighting) -> Completion {
        let mut tables = self.tables();
        let row = tables.rows.get_mut(sighting.tag().canonical());
        match row.filter(|row| row.digest == sighting.digest().as_str()) {
            None => Completion::OtherDigest,
            Some(row) if matches!(row.state, RowState::Pending { .. }) => {
                *row = Row::recorded(sighting);
                Completion::Now
            }
            Some(_) => Completion::Before,
        }
    }

    pub(super) fn mark_indexed(&self, tag: &Tag) {
        if let Some(RowState::Recorded { indexed, .. }) =
            self.tables().rows.get_mut(tag.canonical()).map(|row| &mut row.state)
        {
            *indexed = true;
        }
    }

    pub(super) fn moves(&self, tag: &Tag) -> Option<Moves> {
        let tables = self.tables();
        tables.rows.get(tag.canonical()).map(|_| tables.moves.get(tag.canonical()).cloned().unwrap_or_default())
    }

    pub(super) fn remember_move(&self, refused: &RefusedMove, new: &NewMove) -> bool {
        let mut tables = self.tables();
        let tag = refused.tag.canonical();
        let is_recorded = tables.rows.get(tag).is_some_and(|row| {
            matches!(row.state, RowState::Recorded { .. }) && row.digest == refused.recorded.as_str()
        });
        let now = tables.moves.get(tag).cloned().unwrap_or_default();
        match new.apply(&now, &refused.to).filter(|_| is_recorded) {
            Some(moves) => {
                tables.moves.insert(tag.to_owned(), moves);
                true
            }
            None => false,
        }
    }

    pub(super) fn used_keys(&self) -> UsedKeys {
        self.tables().used_keys.clone()
    }

    pub(super) fn add_used_keys(&self, more: &UsedKeys) -> UsedKeys {
        let mut tables = self.tables();
        tables.used_keys.extend(more);
        tables.used_keys.clone()
    }

    pub(super) fn index_tag(&self, tag: &Tag, digest: &Digest, media_type: &str, size: u64) -> DigestTags {
        let mut tables = self.tables();
        let row = tables.index.entry(index::key(tag.repository(), digest)).or_insert_with(|| DigestTags {
            tags: Vec::new(),
            media_type: media_type.to_owned(),
            size,
        });
        if !row.includes(tag) && !row.is_full() {
            row.tags.push(tag.to_string());
        }
        row.clone()
    }

    pub(super) fn tags_of(&self, repository: &Repository, digest: &Digest) -> Option<DigestTags> {
        self.tables().index.get(&index::key(repository, digest)).cloned()
    }

    /// No method can panic while it holds the lock, so a poisoned one still guards whole rows.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
