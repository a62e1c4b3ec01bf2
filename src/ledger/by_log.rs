//! The index by log: all sightings of a log in its order, for those who hold them against the log.
//!
//! It has of each row what its signature is checked with, and the [`Place`]. In DynamoDB it is a global secondary index
//! with the name `by-log`, which may lag behind the table by a moment.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::types::AttributeValue::{N, S};

use super::dynamodb::{DynamoDbLedger, is_applied, unavailable};
use super::item::{StoredItem, text};
use super::place::{self, LOG, LOG_INDEX, Place, TIME};
use super::row::{SignedText, checked_statement};
use super::{Ledger, LedgerError, Row, RowFault};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::sighting::SignedStatement;
use crate::telemetry::{Dependency, timed};

/// The name of the global secondary index.
const INDEX: &str = "by-log";
/// Rows read of one place. A place has one row, unless somebody else wrote others there.
const MAX_AT_ONE_PLACE: usize = 16;

/// Rows of a log, in its order.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    pub rows: Vec<ListedRow>,
    /// The index to go on from, if there may be more.
    pub next: Option<u64>,
}

/// A row as the index has it: text that nobody has checked.
#[derive(Debug, Clone)]
pub(crate) struct ListedRow {
    pub tag: String,
    digest: String,
    key: String,
    signature: String,
    pub log_index: u64,
    /// RFC 3339.
    pub time: Option<String>,
}

impl ListedRow {
    /// An item that lacks a text verifies no more than one with a wrong one.
    pub(super) fn read(item: &StoredItem) -> Option<Self> {
        let text = |name| text(item, name).unwrap_or_default().to_owned();
        let Place { index, time, .. } = Place::read(item)?;
        let [tag, digest, key, signature] = ["tag", "digest", "key", "signature"].map(text);
        Some(Self { tag, digest, key, signature, log_index: index, time })
    }

    /// The row of a ledger that keeps no items.
    pub(super) fn of(row: &Row) -> Option<Self> {
        let Row { tag, digest, key, signature, place, .. } = row.clone();
        let Place { index, time, .. } = place?;
        Some(Self { tag, digest, key, signature, log_index: index, time })
    }

    /// The signed statement, if it is one by a trusted key about the tag that the row is of.
    pub(crate) fn statement(&self, trusted: &[PublicKey]) -> Result<SignedStatement, RowFault> {
        let tag: Tag = self.tag.parse().map_err(|_| RowFault::Tag)?;
        let Self { tag: of, digest, key, signature, .. } = self;
        checked_statement(&SignedText { tag: of, digest, key, signature }, &tag, trusted)
    }
}

impl LogPage {
    /// At most `most` rows, and whether others follow.
    pub(super) fn new(rows: Vec<ListedRow>, is_cut: bool) -> Self {
        let last = rows.last().filter(|_| is_cut).map(|row| row.log_index);
        Self { next: last.and_then(|last| last.checked_add(1)), rows }
    }
}

impl Ledger {
    /// Rows whose entries a log has from an index on, at most `most`, and more only if others have the last one's
    /// place. It may lack the latest writes.
    pub(crate) async fn of_log(
        &self,
        log: &str,
        from: u64,
        most: usize,
        deadline: Deadline,
    ) -> Result<LogPage, LedgerError> {
        let mut page = self.by_log(log, from..=u64::MAX, most, deadline).await?;
        // Somebody may have put a row into another's place. The end of a page must not hide either.
        if let Some(last) = page.next.and_then(|next| next.checked_sub(1)) {
            let there = self.by_log(log, last..=last, MAX_AT_ONE_PLACE, deadline).await?;
            page.rows.retain(|row| row.log_index != last);
            page.rows.extend(there.rows);
        }
        Ok(page)
    }

    /// Tags whose rows have this place. The rows themselves say whether they do.
    pub(crate) async fn at(&self, log: &str, index: u64, deadline: Deadline) -> Result<Vec<Tag>, LedgerError> {
        let page = self.by_log(log, index..=index, MAX_AT_ONE_PLACE, deadline).await?;
        Ok(page.rows.iter().filter_map(|row| row.tag.parse().ok()).collect())
    }

    /// Tags whose rows are pending with a statement whose signature is over this sha256, and perhaps others.
    pub(crate) async fn pending_at(
        &self,
        signed_sha256: &[u8; 32],
        deadline: Deadline,
    ) -> Result<Vec<Tag>, LedgerError> {
        self.at(place::PENDING, place::pending_index(signed_sha256), deadline).await
    }

    async fn by_log(
        &self,
        log: &str,
        indexes: RangeInclusive<u64>,
        most: usize,
        deadline: Deadline,
    ) -> Result<LogPage, LedgerError> {
        match self {
            Self::Memory(ledger) => Ok(ledger.by_log(log, indexes, most)),
            Self::File(ledger) => timed(Dependency::Ledger, ledger.by_log(log, indexes, most, deadline)).await,
            Self::DynamoDb(ledger) => timed(Dependency::Ledger, ledger.by_log(log, indexes, most, deadline)).await,
        }
    }

    /// Puts a row that was read into its place, if it is still the same. Returns whether it was.
    pub(crate) async fn set_place(&self, row: &Row, place: &Place, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(_) => Err(super::not_lasting()),
            Self::File(ledger) => ledger.set_place(row, place, deadline).await,
            Self::DynamoDb(ledger) => ledger.set_place(row, place, deadline).await,
        }
    }
}

impl DynamoDbLedger {
    async fn by_log(
        &self,
        log: &str,
        indexes: RangeInclusive<u64>,
        most: usize,
        deadline: Deadline,
    ) -> Result<LogPage, LedgerError> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            // An answer ends after 1 MiB. Rows without a readable place do not count: the list would end at them.
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(INDEX)
                .key_condition_expression("#log = :log AND #index BETWEEN :from AND :to")
                .expression_attribute_names("#log", LOG)
                .expression_attribute_names("#index", LOG_INDEX)
                .expression_attribute_values(":log", S(log.to_owned()))
                .expression_attribute_values(":from", N(indexes.start().to_string()))
                .expression_attribute_values(":to", N(indexes.end().to_string()))
                .limit(i32::try_from(most - rows.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(after);
            let answer = match deadline.bound_boxed(request.send()).await? {
                Ok(answer) => answer,
                // The request is the same each time, so the index is what is wrong: it is missing, or being made.
                Err(SdkError::ServiceError(error)) if error.err().code() == Some("ValidationException") => {
                    return Err(LedgerError::NoIndexByLog);
                }
                Err(error) => return Err(unavailable(error)),
            };
            rows.extend(answer.items.unwrap_or_default().iter().filter_map(ListedRow::read));
            after = answer.last_evaluated_key;
            if after.is_none() || rows.len() >= most {
                return Ok(LogPage::new(rows, after.is_some()));
            }
        }
    }

    async fn set_place(&self, row: &Row, place: &Place, deadline: Deadline) -> Result<bool, LedgerError> {
        // The move that was told last would otherwise be told again.
        let (set, remove) = match place.time {
            Some(_) => ("SET #log = :log, #logIndex = :logIndex, #time = :time", " REMOVE last_move"),
            None => ("SET #log = :log, #logIndex = :logIndex", " REMOVE last_move, #time"),
        };
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(row.tag.clone()))
            .update_expression(format!("{set}{remove}"))
            .condition_expression("#state = :state AND digest = :digest AND signature = :signature")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#time", TIME)
            .expression_attribute_values(":state", S(row.state_name().to_owned()))
            .expression_attribute_values(":digest", S(row.digest.clone()))
            .expression_attribute_values(":signature", S(row.signature.clone()));
        for name in [LOG, LOG_INDEX] {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in place.attributes() {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        is_applied(request, deadline).await
    }
}
