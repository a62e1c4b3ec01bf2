//! A ledger in this process's memory.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::by_log::{ListedRow, LogPage};
use super::place::Place;
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
    /// Log, log index and canonical tag of each row.
    by_log: BTreeSet<(String, u64, String)>,
    used_keys: UsedKeys,
}

impl MemoryLedger {
    pub(super) fn get(&self, tag: &Tag) -> Option<Row> {
        self.tables().rows.get(tag.canonical()).cloned()
    }

    pub(super) fn insert(&self, row: &Row) -> bool {
        let tables = &mut *self.tables();
        match tables.rows.entry(row.tag.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                tables.by_log.extend(row.place.clone().map(|place| key(place, &row.tag)));
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
        let tables = &mut *self.tables();
        let row = tables.rows.get_mut(sighting.tag().canonical());
        match row.filter(|row| row.digest == sighting.digest().as_str()) {
            None => Completion::OtherDigest,
            Some(row) if matches!(row.state, RowState::Pending { .. }) => {
                let pending = std::mem::replace(row, Row::recorded(sighting));
                if let Some(place) = pending.place {
                    tables.by_log.remove(&key(place, &row.tag));
                }
                tables.by_log.extend(row.place.clone().map(|place| key(place, &row.tag)));
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

    pub(super) fn by_log(&self, log: &str, indexes: RangeInclusive<u64>, most: usize) -> LogPage {
        let tables = self.tables();
        let from = (log.to_owned(), *indexes.start(), String::new());
        let inside = |(of, index, _): &&(String, u64, String)| of == log && index <= indexes.end();
        let mut places = tables.by_log.range(from..).take_while(inside);
        let rows = places.by_ref().take(most).filter_map(|(_, _, tag)| tables.rows.get(tag).and_then(ListedRow::of));
        let rows = rows.collect();
        LogPage::new(rows, places.next().is_some())
    }

    /// No method can panic while it holds the lock, so a poisoned one still guards whole rows.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(place: Place, tag: &str) -> (String, u64, String) {
    (place.log, place.index, tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::LocalKey;

    #[test]
    fn used_keys_are_remembered() {
        let key = LocalKey::generate().unwrap().public_key().fingerprint();
        let (ledger, used) = (MemoryLedger::default(), UsedKeys { signing: [key].into(), log: [key].into() });
        assert_eq!(ledger.used_keys(), UsedKeys::default());
        assert_eq!(ledger.add_used_keys(&used), used);
        assert_eq!(ledger.used_keys(), used);
    }
}
