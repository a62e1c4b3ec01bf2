//! A ledger in a DynamoDB table, shared by all instances of the function.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `tag` | S | partition key: the canonical tag |
//! | `digest`, `key`, `signature` | S | the signed statement; never change once written |
//! | `state` | S | `pending` or `recorded` |
//! | `lease` | N | while pending: milliseconds since the Unix epoch |
//! | `entry` | S | once recorded: the log's entry, JSON |
//! | `indexed` | BOOL | true once the index leads to the tag |
//!
//! The digests that a tag moved to, as its row remembers them, are drawn in [`super::moves`], and its place in the index
//! by log in [`super::place`].
//!
//! Rows of the index of attestations stand among them:
//!
//! | attribute | type | |
//! |---|---|---|
//! | `tag` | S | partition key: `<canonical repository>@<digest>` |
//! | `tags` | SS | the canonical tags, at most 32 |
//! | `mediaType`, `size` | S, N | type and size of the manifest that the tags were seen at |
//!
//! The instance's own row is drawn in [`super::instance`].
//!
//! Every write of a tag's row is conditional, and no row is ever deleted. The SDK may send a write again if the answer was
//! lost; its condition then fails although it was this process that wrote. The callers cope with that.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue::{Bool, N, S, Ss};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::entry::entry_text;
use super::item::StoredItem;
use super::place::{LOG, LOG_INDEX, Place, TIME};
use super::{Completion, DigestTags, Lease, LedgerError, Row, RowState, index};
use crate::deadline::Deadline;
use crate::image::{Digest, Repository, Tag};
use crate::sighting::Sighting;

pub(super) const PENDING: &str = "pending";
pub(super) const RECORDED: &str = "recorded";
/// RFC 6838 section 4.2: 127 characters on each side of the slash.
const MAX_MEDIA_TYPE_BYTES: usize = 255;

/// One table. In several regions it is a global table with multi-region *strong* consistency: with any weaker one, two
/// regions could each see no row and record two digests.
#[derive(Debug)]
pub struct DynamoDbLedger {
    pub(super) client: Client,
    pub(super) table: String,
}

impl DynamoDbLedger {
    /// Uses `table`, whose partition key is `tag` (S). Nothing is asked yet.
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
        let answer = deadline.bound_boxed(request).await?.map_err(unavailable)?;
        answer.item.map(read_row).transpose()
    }

    /// Adds an item if there is none under its key. Returns whether it was added.
    pub(super) async fn put_new(&self, item: StoredItem, deadline: Deadline) -> Result<bool, LedgerError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = request.condition_expression("attribute_not_exists(tag)");
        match deadline.bound_boxed(request.send()).await? {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    pub(super) async fn insert(&self, row: &Row, deadline: Deadline) -> Result<bool, LedgerError> {
        self.put_new(new_row(row), deadline).await
    }

    pub(super) async fn take_over(
        &self,
        tag: &Tag,
        seen: Lease,
        new: Lease,
        deadline: Deadline,
    ) -> Result<bool, LedgerError> {
        let condition = match seen {
            Lease::MAX => "#state = :pending AND lease >= :seen",
            _ => "#state = :pending AND lease = :seen",
        };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(tag.to_string()))
            .update_expression("SET lease = :new")
            .condition_expression(condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", S(PENDING.into()))
            .expression_attribute_values(":seen", N(seen.0.to_string()))
            .expression_attribute_values(":new", N(new.0.to_string()));
        is_applied(request, deadline).await
    }

    pub(super) async fn complete(&self, sighting: &Sighting, deadline: Deadline) -> Result<Completion, LedgerError> {
        let place = Place::recorded(sighting);
        let time = if place.time.is_some() { ", #time = :time" } else { "" };
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(sighting.tag().to_string()))
            .update_expression(format!(
                "SET #state = :recorded, entry = :entry, #log = :log, #logIndex = :logIndex{time} REMOVE lease"
            ))
            .condition_expression("#state = :pending AND digest = :digest")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", S(PENDING.into()))
            .expression_attribute_values(":recorded", S(RECORDED.into()))
            .expression_attribute_values(":digest", S(sighting.digest().to_string()))
            .expression_attribute_values(":entry", S(entry_text(sighting)));
        for name in [LOG, LOG_INDEX].into_iter().chain(place.time.is_some().then_some(TIME)) {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in place.attributes() {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        match deadline.bound_boxed(request.send()).await? {
            Ok(_) => Ok(Completion::Now),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    let row = failed.item.map(read_row).transpose()?;
                    let same_digest = row.is_some_and(|row| row.digest == sighting.digest().as_str());
                    Ok(if same_digest { Completion::Before } else { Completion::OtherDigest })
                }
                error => Err(unavailable(error)),
            },
            Err(error) => Err(unavailable(error)),
        }
    }

    pub(super) async fn mark_indexed(&self, tag: &Tag, deadline: Deadline) -> Result<(), LedgerError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(tag.to_string()))
            // The move that was told last would otherwise be told again.
            .update_expression("SET #indexed = :true REMOVE last_move")
            .condition_expression("#state = :recorded")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#indexed", "indexed")
            .expression_attribute_values(":recorded", S(RECORDED.into()))
            .expression_attribute_values(":true", Bool(true));
        deadline.bound_boxed(request.send()).await?.map(drop).map_err(unavailable)
    }

    pub(super) async fn index_tag(
        &self,
        tag: &Tag,
        digest: &Digest,
        media_type: &str,
        size: u64,
        deadline: Deadline,
    ) -> Result<DigestTags, LedgerError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("tag", S(index::key(tag.repository(), digest)))
            .update_expression(
                "ADD tags :tag SET mediaType = if_not_exists(mediaType, :type), #size = if_not_exists(#size, :size)",
            )
            // A write costs by the size of its row, also one that changes nothing.
            .condition_expression("attribute_not_exists(tags) OR size(tags) < :max OR contains(tags, :name)")
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":tag", Ss(vec![tag.to_string()]))
            .expression_attribute_values(":name", S(tag.to_string()))
            .expression_attribute_values(":max", N(index::MAX_TAGS.to_string()))
            .expression_attribute_values(":type", S(media_type.to_owned()))
            .expression_attribute_values(":size", N(size.to_string()));
        let item = match deadline.bound_boxed(request.send()).await? {
            Ok(answer) => answer.attributes,
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(full) => full.item,
                error => return Err(unavailable(error)),
            },
            Err(error) => return Err(unavailable(error)),
        };
        read_digest_tags(item.unwrap_or_default())
    }

    pub(super) async fn tags_of(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<DigestTags>, LedgerError> {
        let request = self.client.get_item().table_name(&self.table).key("tag", S(index::key(repository, digest)));
        let answer = deadline.bound_boxed(request.send()).await?.map_err(unavailable)?;
        answer.item.map(read_digest_tags).transpose()
    }
}

/// Makes an update. Returns whether its condition held.
pub(super) async fn is_applied(update: UpdateItemFluentBuilder, deadline: Deadline) -> Result<bool, LedgerError> {
    match deadline.bound_boxed(update.send()).await? {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
        {
            Ok(false)
        }
        Err(error) => Err(unavailable(error)),
    }
}

/// The item of a row that is new: the index does not lead to its tag yet.
pub(crate) fn new_row(row: &Row) -> StoredItem {
    let [state, progress] = match &row.state {
        RowState::Pending { lease } => [("state", S(PENDING.to_owned())), ("lease", N(lease.0.to_string()))],
        RowState::Recorded { entry, .. } => [("state", S(RECORDED.to_owned())), ("entry", S(entry.clone()))],
    };
    let texts = [("tag", &row.tag), ("digest", &row.digest), ("key", &row.key), ("signature", &row.signature)];
    let texts = texts.map(|(name, text)| (name, S(text.clone())));
    let item = texts.into_iter().chain([state, progress]).map(|(name, value)| (name.to_owned(), value));
    item.chain(row.place.iter().flat_map(Place::attributes)).collect()
}

/// A row of the index. Somebody else may have written more tags into it than are ever written here: they are cut.
pub(super) fn read_digest_tags(item: StoredItem) -> Result<DigestTags, LedgerError> {
    match (item.get("tags"), item.get("mediaType"), item.get("size")) {
        (_, Some(S(media_type)), _) if media_type.len() > MAX_MEDIA_TYPE_BYTES => {
            Err(LedgerError::Malformed("mediaType"))
        }
        (Some(Ss(tags)), Some(S(media_type)), Some(N(size))) => Ok(DigestTags {
            tags: tags.iter().take(index::MAX_TAGS).cloned().collect(),
            media_type: media_type.clone(),
            size: size.parse().map_err(|_| LedgerError::Malformed("size"))?,
        }),
        _ => Err(LedgerError::Malformed("tags")),
    }
}

/// A row as it is stored. Its readers verify it.
pub(crate) fn read_row(item: StoredItem) -> Result<Row, LedgerError> {
    let text = |name: &'static str| match item.get(name) {
        Some(S(value)) => Ok(value.clone()),
        _ => Err(LedgerError::Malformed(name)),
    };
    let state = match text("state")?.as_str() {
        PENDING => match item.get("lease") {
            Some(N(lease)) => RowState::Pending { lease: read_lease(lease)? },
            _ => return Err(LedgerError::Malformed("lease")),
        },
        RECORDED => {
            RowState::Recorded { entry: text("entry")?, indexed: matches!(item.get("indexed"), Some(Bool(true))) }
        }
        _ => return Err(LedgerError::Malformed("state")),
    };
    let [tag, digest, key, signature] = ["tag", "digest", "key", "signature"].map(text);
    // A place that cannot be read leaves the row out of lists, and stops nothing.
    Ok(Row { tag: tag?, digest: digest?, key: key?, signature: signature?, state, place: Place::read(&item) })
}

/// DynamoDB's numbers go up to 10^126.
fn read_lease(number: &str) -> Result<Lease, LedgerError> {
    match (number.parse(), number.parse::<f64>()) {
        (Ok(lease), _) => Ok(Lease(lease)),
        (Err(_), Ok(number)) if number >= u64::MAX as f64 => Ok(Lease::MAX),
        _ => Err(LedgerError::Malformed("lease")),
    }
}

pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError::Unavailable(DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_in_the_index_has_at_most_255_bytes() {
        let item = |bytes: usize| {
            let fields =
                [("tags", Ss(vec!["a".to_owned()])), ("mediaType", S("x".repeat(bytes))), ("size", N("7".to_owned()))];
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        assert_eq!(read_digest_tags(item(255)).unwrap().media_type.len(), 255);
        assert!(matches!(read_digest_tags(item(256)), Err(LedgerError::Malformed("mediaType"))));
    }
}
