//! A ledger in this process's memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Lease, Row, State};
use crate::image::Tag;
use crate::sighting::Sighting;

/// Rows by canonical tag. Each method holds the lock for the whole of its condition and write.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<HashMap<String, Row>>);

impl MemoryLedger {
    pub(super) fn get(&self, tag: &Tag) -> Option<Row> {
        self.rows().get(tag.canonical()).cloned()
    }

    pub(super) fn insert(&self, row: &Row) -> bool {
        match self.rows().entry(row.tag.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(row.clone());
                true
            }
        }
    }

    pub(super) fn take_over(&self, tag: &Tag, seen: Lease, new: Lease) -> bool {
        match self.rows().get_mut(tag.canonical()).map(|row| &mut row.state) {
            Some(State::Pending { lease }) if *lease == seen => {
                *lease = new;
                true
            }
            _ => false,
        }
    }

    pub(super) fn complete(&self, sighting: &Sighting) -> bool {
        let mut rows = self.rows();
        let row = rows.get_mut(sighting.tag().canonical());
        let Some(row) = row.filter(|row| row.digest == sighting.digest().as_str()) else { return false };
        if matches!(row.state, State::Pending { .. }) {
            *row = Row::recorded(sighting);
        }
        true
    }

    /// No method can panic while it holds the lock, so a poisoned one still guards whole rows.
    fn rows(&self) -> MutexGuard<'_, HashMap<String, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
