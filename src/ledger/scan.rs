//! All tags' rows of a table, a page at a time.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::S;

use super::dynamodb::{DynamoDbLedger, read_row, unavailable};
use super::{LedgerError, Row};
use crate::deadline::Deadline;

/// Rows asked for at once: about 8 KiB each.
const PAGE: i32 = 100;

/// Rows of a table, in the table's own order.
#[derive(Debug)]
pub struct RowPage {
    pub rows: Vec<ScannedRow>,
    /// The key to go on after; `None` on the last page.
    pub next: Option<String>,
}

#[derive(Debug)]
pub struct ScannedRow {
    /// The key as it stands in the table.
    pub tag: String,
    pub row: Result<Row, LedgerError>,
}

impl DynamoDbLedger {
    /// Tags' rows after the key `after`, or the first ones. A page may be empty before the last. Rows written meanwhile may be
    /// missed.
    pub async fn page(&self, after: Option<&str>, deadline: Deadline) -> Result<RowPage, LedgerError> {
        let mut request = self.client.scan().table_name(&self.table).consistent_read(true).limit(PAGE);
        if let Some(after) = after {
            request = request.exclusive_start_key("tag", S(after.to_owned()));
        }
        let answer = deadline.bound_boxed(request.send()).await?.map_err(unavailable)?;
        let next = answer.last_evaluated_key.as_ref().map(key);
        let items = answer.items.unwrap_or_default().into_iter().map(|item| (key(&item), item));
        let rows = items.filter(|(key, _)| !is_reserved(key));
        Ok(RowPage { rows: rows.map(|(tag, item)| ScannedRow { tag, row: read_row(item) }).collect(), next })
    }
}

/// The row's key; every row has one.
fn key(item: &HashMap<String, AttributeValue>) -> String {
    item.get("tag").and_then(|tag| tag.as_s().ok()).cloned().unwrap_or_default()
}

/// Returns whether the key is not a tag's. Every other kind of row has an '@' in its key, and no tag has one.
fn is_reserved(key: &str) -> bool {
    key.contains('@')
}
