//! A ledger in a DynamoDB table, shared by all instances of the function.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `tag` | S | partition key: the canonical tag |
//! | `digest`, `key`, `signature` | S | the signed statement; never change once written |
//! | `state` | S | `pending` or `recorded` |
//! | `lease` | N | while pending: milliseconds since the Unix epoch |
//! | `entry` | S | once recorded: the log's entry, JSON |
//!
//! Every write is conditional, and there is no delete. A write whose answer is lost may be sent again by the SDK; its
//! condition then fails although it was this process that wrote. The callers cope with that.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::{Lease, LedgerError, Row, State};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::sighting::Sighting;

const PENDING: &str = "pending";
const RECORDED: &str = "recorded";

/// One table. In several regions it is a global table with multi-region *strong* consistency: with any weaker one, two
/// regions could each see no row and record two digests.
#[derive(Debug)]
pub struct DynamoDbLedger {
    pub(super) client: Client,
    pub(super) table: String,
}

impl DynamoDbLedger {
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The row for `tag`, as of the last write that anyone made.
    pub async fn get(&self, tag: &Tag, deadline: Deadline) -> Result<Option<Row>, LedgerError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("tag", S(tag.to_string()))
            // An eventually consistent read could miss the row that decided the tag's digest.
            .consistent_read(true)
            .send();
        let answer = deadline.bound(request).await?.map_err(unavailable)?;
        answer.item.map(read_row).transpose()
    }

    pub(super) async fn insert(&self, row: &Row, deadline: Deadline) -> Result<bool, LedgerError> {
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .condition_expression("attribute_not_exists(tag)")
            .item("tag", S(row.tag.clone()))
            .item("digest", S(row.digest.clone()))
            .item("key", S(row.key.clone()))
            .item("signature", S(row.signature.clone()));
        request = match &row.state {
            State::Pending { lease } => request.item("state", S(PENDING.into())).item("lease", N(lease.0.to_string())),
            State::Recorded { entry } => request.item("state", S(RECORDED.into())).item("entry", S(entry.clone())),
        };
        match deadline.bound(request.send()).await? {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    pub(super) async fn take_over(
        &self,
        tag: &Tag,
        seen: Lease,
        new: Lease,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(tag.to_string()))
            .update_expression("SET lease = :new")
            .condition_expression("#state = :pending AND lease = :seen")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", S(PENDING.into()))
            .expression_attribute_values(":seen", N(seen.0.to_string()))
            .expression_attribute_values(":new", N(new.0.to_string()));
        match deadline.bound(request.send()).await? {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    pub(super) async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<bool, LedgerError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(sighting.tag().to_string()))
            .update_expression("SET #state = :recorded, entry = :entry REMOVE lease")
            .condition_expression("#state = :pending AND digest = :digest")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", S(PENDING.into()))
            .expression_attribute_values(":recorded", S(RECORDED.into()))
            .expression_attribute_values(":digest", S(sighting.digest().to_string()))
            .expression_attribute_values(":entry", S(sighting.entry().to_json()));
        match deadline.bound(request.send()).await? {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                // Someone else may have completed it, with the same digest.
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    let row = failed.item.map(read_row).transpose()?;
                    Ok(row.is_some_and(|row| row.digest == sighting.digest().as_str()))
                }
                error => Err(unavailable(error)),
            },
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// A row as it is stored: whether it holds what it should is checked by who reads it.
pub(super) fn read_row(item: HashMap<String, AttributeValue>) -> Result<Row, LedgerError> {
    let text = |name: &'static str| match item.get(name) {
        Some(S(value)) => Ok(value.clone()),
        _ => Err(LedgerError::Malformed(name)),
    };
    let state = match text("state")?.as_str() {
        PENDING => match item.get("lease") {
            Some(N(lease)) => {
                State::Pending { lease: Lease(lease.parse().map_err(|_| LedgerError::Malformed("lease"))?) }
            }
            _ => return Err(LedgerError::Malformed("lease")),
        },
        RECORDED => State::Recorded { entry: text("entry")? },
        _ => return Err(LedgerError::Malformed("state")),
    };
    Ok(Row { tag: text("tag")?, digest: text("digest")?, key: text("key")?, signature: text("signature")?, state })
}

pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError::Unavailable(DisplayErrorContext(error).to_string())
}
