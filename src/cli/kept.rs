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

/// The reading of a file so far, for one tag.
#[derive(Default)]
struct KeptRows {
    sighting: Option<Sighting>,
    /// A row of the tag that cannot be used.
    fault: Option<String>,
    /// Items since the last line that counts them.
    uncounted: u64,
    /// True if a line is no item, or another number of items was read than a line says.
    is_damaged: bool,
    /// The last line counted the items.
    is_ended: bool,
}

/// The verified sighting of `tag` in a kept file; `None` if the file has none. The error is a message.
///
/// A row holds by itself, whatever the rest of the file is. That there is none is believed of a whole file alone.
pub(super) fn sighting(
    path: &Path,
    tag: &Tag,
    trusted: &[PublicKey],
    log_keys: &LogKeys,
) -> Result<Option<Sighting>, String> {
    let mut kept = KeptRows::default();
    let each = |line: ExportLine| {
        kept.read(line, tag, trusted, log_keys);
        kept.fault.is_none()
    };
    lines::each(path, each).map_err(|error| format!("{}: {error}", path.display()))?;
    match kept {
        KeptRows { fault: Some(fault), .. } => Err(format!("{}: {fault}", path.display())),
        KeptRows { sighting: None, is_damaged, is_ended, .. } if is_damaged || !is_ended => {
            let why = "lines of it are missing or are not what was written";
            Err(format!("{} has no row of {tag} that can be read, and is not whole: {why}", path.display()))
        }
        KeptRows { sighting, .. } => Ok(sighting),
    }
}

impl KeptRows {
    fn read(&mut self, line: ExportLine, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) {
        self.is_ended = matches!(line, ExportLine::End(_));
        match line {
            ExportLine::End(items) => self.is_damaged |= std::mem::take(&mut self.uncounted) != items,
            ExportLine::Unreadable(_) => {
                self.uncounted += 1;
                self.is_damaged = true;
            }
            ExportLine::Item(item) => {
                self.uncounted += 1;
                if text(&item, "tag") == Some(tag.canonical()) {
                    self.take(item, tag, trusted, log_keys);
                }
            }
        }
    }

    fn take(&mut self, item: StoredItem, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) {
        match (verified(item, tag, trusted, log_keys), &self.sighting) {
            (Err(why), _) => self.fault = Some(format!("the row of {tag} {why}")),
            (Ok(sighting), Some(first)) if first.digest() != sighting.digest() => {
                let digests = (first.digest(), sighting.digest());
                self.fault = Some(format!("two rows of {tag} verify, with {} and {}", digests.0, digests.1));
            }
            (Ok(_), Some(_)) => {}
            (Ok(sighting), None) => self.sighting = Some(sighting),
        }
    }
}

fn verified(item: StoredItem, tag: &Tag, trusted: &[PublicKey], log_keys: &LogKeys) -> Result<Sighting, String> {
    let row = read_row(item).map_err(|error| format!("cannot be used: {error}"))?;
    match row.verify(tag, trusted, log_keys) {
        Ok(VerifiedRow::Recorded(sighting)) => Ok(*sighting),
        Ok(VerifiedRow::Pending(..)) => Err("is pending: nothing shows that the log has it".to_owned()),
        Err(fault) => Err(format!("does not verify: {fault}")),
    }
}
