//! The log's entry in a recorded row, as text.
//!
//! An entry of Rekor v1 is kept as its API answers it: `{"<entry id>": {…}}`. One of Rekor v2 is kept with its time stamp in
//! the fields of a bundle's verification material: `{"tlogEntries":[{…}],"timestampVerificationData":{…}}`. Each names its
//! log by the log's id.

use serde::{Deserialize, Serialize};

use crate::foreign::shown;
use crate::sighting::Sighting;
use crate::timestamp::TimestampVerificationData;
use crate::tlog::body::EntryBody;
use crate::tlog::{EntryError, LogEntry, TransparencyLogEntry};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptEntry {
    tlog_entries: [TransparencyLogEntry; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<TimestampVerificationData>,
}

/// The text that a row keeps of a sighting's entry.
pub(super) fn entry_text(sighting: &Sighting) -> String {
    let entry = sighting.entry();
    if !matches!(entry.body(), EntryBody::SignedDigest(_)) {
        return entry.to_json();
    }
    let kept = KeptEntry {
        tlog_entries: [TransparencyLogEntry::of_sighting(entry)],
        timestamp_verification_data: sighting.stamped().map(TimestampVerificationData::new),
    };
    serde_json::to_string(&kept).expect("structs of strings always serialise")
}

/// Parses the text: the entry and its time stamps. Nothing is verified.
pub(super) fn parse_entry(text: &str) -> Result<(LogEntry, Option<TimestampVerificationData>), EntryError> {
    if let Ok(entry) = LogEntry::parse(text.as_bytes()) {
        return Ok((entry, None));
    }
    let kept: KeptEntry = serde_json::from_str(text).map_err(|error| EntryError::new(shown(&error.to_string())))?;
    let [entry] = &kept.tlog_entries;
    Ok((entry.entry()?, kept.timestamp_verification_data))
}
