//! The instance's sightings in the order of a log, and single statements by what was signed, for those who hold the
//! log's entries against them.
//!
//! Each is checked as far as its signature goes. The place of a listed one is the ledger's word, which the log confirms
//! or not to whoever asks it.

use super::{Unavailable, Verdicts};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::ledger::{LedgerError, ListedRow, LogPage, RowFault, VerifiedRow};
use crate::sighting::{SightingTime, SignedStatement};
use crate::tlog::LogKey;

/// A statement of the instance, and its place in a log.
#[derive(Debug)]
pub(crate) struct ListedSighting {
    pub statement: SignedStatement,
    /// The log's id, hexadecimal. While the row is pending, that of the log that is written.
    pub log_id: String,
    /// `None` while the row is pending.
    pub log_index: Option<u64>,
    /// RFC 3339: the time that somebody signed.
    pub time: Option<String>,
}

/// Sightings of a log, in its order.
#[derive(Debug)]
pub(crate) struct SightingsPage {
    /// The log's id, hexadecimal.
    pub log_id: String,
    pub sightings: Vec<ListedSighting>,
    /// The index to go on from, if there may be more.
    pub next: Option<u64>,
}

impl Verdicts {
    /// At most `most` sightings that a log holds from an index on, of the log that is written if none is named. `None`
    /// if the instance does not know the log.
    pub(crate) async fn sightings_of(
        &self,
        log: Option<[u8; 32]>,
        from: u64,
        most: usize,
        deadline: Deadline,
    ) -> Result<Option<SightingsPage>, Unavailable> {
        let Some(log_id) = self.log_id(log) else { return Ok(None) };
        self.lookup.instance.admit(deadline).await?;
        let LogPage { rows, next } = self.lookup.ledger.of_log(&log_id, from, most, deadline).await?;
        if !rows.is_empty() && self.lookup.instance.is_vacant(deadline).await? {
            return Err(LedgerError::NoInstance.into());
        }
        let trusted = self.lookup.keys.trusted(deadline).await?;
        let of = log_id.clone();
        // A page takes a tenth of a second, which others need not wait for.
        let checked = tokio::task::spawn_blocking(move || checked(rows, &of, &trusted)).await;
        Ok(Some(SightingsPage { sightings: checked.map_err(|_| Unavailable::Interrupted)?, log_id, next }))
    }

    /// The statement whose signature is over this sha256: of a pending row, or of the one whose entry a log has at an
    /// index.
    pub(crate) async fn statement(
        &self,
        signed_sha256: &[u8; 32],
        at: Option<(&str, u64)>,
        deadline: Deadline,
    ) -> Result<Option<ListedSighting>, Unavailable> {
        // In this order, so that a row that is completed meanwhile is found.
        let pending = self.lookup.ledger.pending_at(signed_sha256, deadline).await?;
        if let Some(found) = self.first_over(signed_sha256, pending, deadline).await? {
            return Ok(Some(found));
        }
        let Some((log_id, index)) = at else { return Ok(None) };
        let recorded = self.lookup.ledger.at(log_id, index, deadline).await?;
        self.first_over(signed_sha256, recorded, deadline).await
    }

    /// The id of a log whose key is known, in hexadecimal; of the log that is written if none is named.
    pub(crate) fn log_id(&self, log: Option<[u8; 32]>) -> Option<String> {
        let mut ids = self.lookup.keys.log.iter().map(LogKey::id);
        ids.find(|id| log.is_none_or(|log| log == *id)).map(hex::encode)
    }

    /// The first of these tags whose row has the statement. The rows are read from the ledger itself.
    async fn first_over(
        &self,
        signed_sha256: &[u8; 32],
        tags: Vec<Tag>,
        deadline: Deadline,
    ) -> Result<Option<ListedSighting>, Unavailable> {
        for tag in tags {
            let Some(row) = self.lookup.instance.row(&tag, deadline).await? else { continue };
            let trusted = self.lookup.keys.trusted(deadline).await?;
            let found = match row.verify(&tag, &trusted, &self.lookup.keys.log) {
                Ok(VerifiedRow::Pending(statement, _)) => {
                    let log_id = self.log_id(None).unwrap_or_default();
                    ListedSighting { statement, log_id, log_index: None, time: None }
                }
                Ok(VerifiedRow::Recorded(sighting)) => ListedSighting {
                    statement: sighting.statement().clone(),
                    log_id: sighting.entry().log_id().to_owned(),
                    log_index: Some(sighting.entry().log_index()),
                    time: sighting.time().map(SightingTime::rfc3339),
                },
                Err(fault) => {
                    tracing::warn!(%tag, %fault, "a row is not shown, because it does not verify");
                    continue;
                }
            };
            if found.statement.signed_sha256() == *signed_sha256 {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The rows whose statements verify.
fn checked(rows: Vec<ListedRow>, log_id: &str, trusted: &[PublicKey]) -> Vec<ListedSighting> {
    let (mut sightings, mut left_out) = (Vec::with_capacity(rows.len()), Vec::<(String, RowFault)>::new());
    for row in rows {
        match row.statement(trusted) {
            Ok(statement) => sightings.push(ListedSighting {
                statement,
                log_id: log_id.to_owned(),
                log_index: Some(row.log_index),
                time: row.time,
            }),
            Err(fault) => left_out.push((row.tag, fault)),
        }
    }
    if let Some((tag, fault)) = left_out.first() {
        let (tag, count) = (crate::foreign::shown(tag), left_out.len());
        tracing::warn!(%tag, %fault, count, "rows are left out of a list, because they do not verify");
    }
    sightings
}
