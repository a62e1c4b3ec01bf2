//! The file of `audit --keep`: all sightings of an instance with the log's proofs, for when the instance or its table is gone.
//!
//! It is an export of a ledger ([`super::ledger`]): `ledger import` takes it, and `verify` and the node verifier read it.

use std::path::Path;

use super::ledger::lines::{self, ExportLine};
use crate::image::Tag;
use crate::key::PublicKey;
use crate::ledger::{StoredItem, VerifiedRow, read_row, text};
use crate::sighting::Sighting;
use crate::tlog::LogKeys;

/// The verified sighting of `tag` in a kept file; `None` if the file has none. The error is a message.
pub(super) fn sighting(
    path: &Path,
    tag: &Tag,
    trusted: &[PublicKey],
    log_keys: &LogKeys,
) -> Result<Option<Sighting>, String> {
    let mut found = Ok(None);
    let each = |line: ExportLine| match line {
        ExportLine::Item(item) if text(&item, "tag") == Some(tag.canonical()) => {
            found = verified(item, tag, trusted, log_keys).map(Some);
            false
        }
        _ => true,
    };
    lines::each(path, each).map_err(|error| format!("{}: {error}", path.display()))?;
    found.map_err(|fault| format!("{}: the row of {tag} {fault}", path.display()))
}

fn verified(item: StoredItem, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Sighting, String> {
    let row = read_row(item).map_err(|error| format!("cannot be used: {error}"))?;
    match row.verify(tag, trusted, log_keys) {
        Ok(VerifiedRow::Recorded(sighting)) => Ok(*sighting),
        Ok(VerifiedRow::Pending(..)) => Err("is pending: nothing shows that the log has it".to_owned()),
        Err(fault) => Err(format!("does not verify: {fault}")),
    }
}
