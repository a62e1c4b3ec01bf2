//! The place of a tag's row in the index by log, which has all sightings of a log in its order.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `log` | S | the log's id, hexadecimal; `@pending` while the row is |
//! | `logIndex` | N | the entry's index; while pending, the first 64 bits of the sha256 that the signature is over |
//! | `time` | S | RFC 3339: the time that somebody signed; absent if nobody did |
//!
//! Nobody signs them, and no verdict reads them. Rows of older versions have none until `ledger reindex` adds them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use chrono::DateTime;

use super::item::{StoredItem, text};
use crate::sighting::{Sighting, SightingTime, SignedStatement};

pub(super) const LOG: &str = "log";
pub(super) const LOG_INDEX: &str = "logIndex";
pub(super) const TIME: &str = "time";
/// Stands for the log of rows whose entry is not known yet. No log has it for an id.
pub(super) const PENDING: &str = "@pending";

/// A row's place among the sightings of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) log: String,
    pub(super) index: u64,
    pub(super) time: Option<String>,
}

impl Place {
    /// The place of a row whose statement is about to be uploaded.
    pub(super) fn pending(statement: &SignedStatement) -> Self {
        Self { log: PENDING.to_owned(), index: pending_index(&statement.signed_sha256()), time: None }
    }

    /// The place of a sighting that the log holds.
    pub(super) fn recorded(sighting: &Sighting) -> Self {
        let entry = sighting.entry();
        let time = sighting.time().map(SightingTime::rfc3339);
        Self { log: entry.log_id().to_owned(), index: entry.log_index(), time }
    }

    /// The place that an item has; `None` if it has none that can be read.
    pub(super) fn read(item: &StoredItem) -> Option<Self> {
        let index = item.get(LOG_INDEX)?.as_n().ok()?.parse().ok()?;
        // Lists would show any text that stands here as a time.
        let time = text(item, TIME).filter(|time| DateTime::parse_from_rfc3339(time).is_ok());
        Some(Self { log: text(item, LOG)?.to_owned(), index, time: time.map(str::to_owned) })
    }

    pub(super) fn attributes(&self) -> HashMap<String, AttributeValue> {
        let place = [(LOG, S(self.log.clone())), (LOG_INDEX, N(self.index.to_string()))];
        let time = self.time.clone().map(|time| (TIME, S(time)));
        place.into_iter().chain(time).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Puts it into an item, in place of another.
    pub(super) fn put_into(&self, item: &mut StoredItem) {
        item.remove(TIME);
        item.extend(self.attributes());
    }
}

/// The index that a pending row is found by: it has no entry yet, and is asked for by what was signed.
pub(super) fn pending_index(signed_sha256: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *signed_sha256;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
