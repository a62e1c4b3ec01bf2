//! A ledger in this process's memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Lease, Mentions, Row, State, UsedKeys, index};
use crate::image::{Digest, Repository, Tag};
use crate::sighting::Sighting;

/// Each method holds the lock for the whole of its condition and write.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// By canonical tag.
    rows: HashMap<String, Row>,
    /// By [`index::key`].
    mentions: HashMap<String, Mentions>,
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
            Some(State::Pending { lease }) if *lease == seen => {
                *lease = new;
                true
            }
            _ => false,
        }
    }

    pub(super) fn complete(&self, sighting: &Sighting) -> bool {
        let mut tables = self.tables();
        let row = tables.rows.get_mut(sighting.tag().canonical());
        let Some(row) = row.filter(|row| row.digest == sighting.digest().as_str()) else { return false };
        if matches!(row.state, State::Pending { .. }) {
            *row = Row::recorded(sighting);
        }
        true
    }

    pub(super) fn used_keys(&self) -> UsedKeys {
        self.tables().used_keys.clone()
    }

    pub(super) fn add_used_keys(&self, more: &UsedKeys) -> UsedKeys {
        let mut tables = self.tables();
        tables.used_keys.extend(more);
        tables.used_keys.clone()
    }

    pub(super) fn mention(&self, tag: &Tag, digest: &Digest, media_type: &str, size: u64) -> Mentions {
        let mut tables = self.tables();
        let mentions = tables.mentions.entry(index::key(tag.repository(), digest)).or_insert_with(|| Mentions {
            tags: Vec::new(),
            media_type: media_type.to_owned(),
            size,
        });
        if !mentions.lead_to(tag) && !mentions.are_full() {
            mentions.tags.push(tag.to_string());
        }
        mentions.clone()
    }

    pub(super) fn mentions(&self, repository: &Repository, digest: &Digest) -> Option<Mentions> {
        self.tables().mentions.get(&index::key(repository, digest)).cloned()
    }

    /// No method can panic while it holds the lock, so a poisoned one still guards whole rows.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
