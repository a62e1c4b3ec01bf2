//! All items of a ledger, and all tags' rows, a page at a time.

use aws_sdk_dynamodb::types::AttributeValue::S;

use super::dynamodb::{DynamoDbLedger, read_row, unavailable};
use super::item::{StoredItem, text};
use super::{Ledger, LedgerError, Row};
use crate::deadline::Deadline;

/// Rows asked for at once: about 8 KiB each.
const PAGE: i32 = 100;

/// Items of a ledger, in its own order.
#[derive(Debug)]
pub(crate) struct ItemPage {
    pub items: Vec<StoredItem>,
    /// The key to go on after; `None` on the last page.
    pub next: Option<String>,
}

/// Tags' rows of a ledger, in its own order.
#[derive(Debug)]
pub struct RowPage {
    pub rows: Vec<ScannedRow>,
    /// The key to go on after; `None` on the last page.
    pub next: Option<String>,
}

#[derive(Debug)]
pub struct ScannedRow {
    /// The key as it stands in the ledger.
    pub tag: String,
    pub row: Result<Row, LedgerError>,
}

impl Ledger {
    /// Tags' rows after the key `after`, or the first ones. A page may be empty before the last. Rows written meanwhile may be
    /// missed.
    pub async fn page(&self, after: Option<&str>, deadline: Deadline) -> Result<RowPage, LedgerError> {
        let ItemPage { items, next } = self.items(after, deadline).await?;
        let items = items.into_iter().map(|item| (key(&item), item));
        let rows = items.filter(|(key, _)| !is_reserved(key));
        Ok(RowPage { rows: rows.map(|(tag, item)| ScannedRow { tag, row: read_row(item) }).collect(), next })
    }
}

impl DynamoDbLedger {
    /// Items after the key `after`, as [`Ledger::items`] finds them.
    pub(super) async fn items(&self, after: Option<&str>, deadline: Deadline) -> Result<ItemPage, LedgerError> {
        let mut request = self.client.scan().table_name(&self.table).consistent_read(true).limit(PAGE);
        if let Some(after) = after {
            request = request.exclusive_start_key("tag", S(after.to_owned()));
        }
        let answer = deadline.bound_boxed(request.send()).await?.map_err(unavailable)?;
        let next = answer.last_evaluated_key.as_ref().map(key);
        Ok(ItemPage { items: answer.items.unwrap_or_default(), next })
    }
}

/// The row's key; every row has one.
fn key(item: &StoredItem) -> String {
    text(item, "tag").unwrap_or_default().to_owned()
}

/// Returns whether the key is not a tag's. Every other kind of row has an '@' in its key, and no tag has one.
fn is_reserved(key: &str) -> bool {
    key.contains('@')
}
