//! The log's entry in a recorded row, as text.
//!
//! An entry of Rekor v1 is kept as its API answers it: `{"<entry id>": {…}}`. One of Rekor v2 is kept as a bundle holds it.
//! Each names its log by the log's id.

use crate::foreign::shown;
use crate::sighting::Sighting;
use crate::tlog::body::EntryBody;
use crate::tlog::{EntryError, LogEntry, TransparencyLogEntry};

/// The text that a row keeps of a sighting's entry.
pub(super) fn entry_text(sighting: &Sighting) -> String {
    let entry = sighting.entry();
    match entry.body() {
        EntryBody::SignedDigest(_) => serde_json::to_string(&TransparencyLogEntry::of_sighting(entry))
            .expect("structs of strings always serialise"),
        _ => entry.to_json(),
    }
}

/// Parses the text. Nothing is verified.
pub(super) fn parse_entry(text: &str) -> Result<LogEntry, EntryError> {
    match LogEntry::parse(text.as_bytes()) {
        Ok(entry) => Ok(entry),
        Err(_) => {
            let entry: TransparencyLogEntry =
                serde_json::from_str(text).map_err(|error| EntryError::new(shown(&error.to_string())))?;
            entry.entry()
        }
    }
}
