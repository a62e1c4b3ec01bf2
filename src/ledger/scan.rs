//! Reading all rows of a table, a page at a time.

use aws_sdk_dynamodb::types::AttributeValue::S;

use super::dynamodb::{DynamoDbLedger, read_row, unavailable};
use super::{LedgerError, Row};
use crate::deadline::Deadline;

/// Rows asked for at once: about 8 KiB each.
const PAGE: i32 = 100;

/// Some rows of a table, in the table's own order.
#[derive(Debug)]
pub struct Page {
    pub rows: Vec<ScannedRow>,
    /// Whether there are none after these.
    pub last: bool,
}

#[derive(Debug)]
pub struct ScannedRow {
    /// As it stands in the table.
    pub tag: String,
    pub row: Result<Row, LedgerError>,
}

impl DynamoDbLedger {
    /// The rows after the one of tag `after`, or the first ones. Rows that are written meanwhile may be missed.
    pub async fn page(&self, after: Option<&str>, deadline: Deadline) -> Result<Page, LedgerError> {
        let mut request = self.client.scan().table_name(&self.table).consistent_read(true).limit(PAGE);
        if let Some(after) = after {
            request = request.exclusive_start_key("tag", S(after.to_owned()));
        }
        let answer = deadline.bound(request.send()).await?.map_err(unavailable)?;
        let last = answer.last_evaluated_key.is_none();
        let rows = answer.items.unwrap_or_default().into_iter().map(|item| {
            // The table's key: a row without it cannot be.
            let tag = item.get("tag").and_then(|tag| tag.as_s().ok()).cloned().unwrap_or_default();
            ScannedRow { tag, row: read_row(item) }
        });
        Ok(Page { rows: rows.collect(), last })
    }
}
