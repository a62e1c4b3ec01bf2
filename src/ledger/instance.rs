//! The instance's own row: the keys that were ever used with this ledger.
//!
//! | attribute | type | |
//! |---|---|---|
//! | `tag` | S | partition key: `@instance`, which is no tag |
//! | `signingKeys` | SS | fingerprints of all keys that signed sightings kept here |
//! | `logKeys` | SS | fingerprints of the keys of the logs that hold them; absent while none is certain |
//!
//! The row is made once, before the first signature, and only grows. Attributes unknown to this version stay.
//!
//! While rows are imported into a ledger that was not claimed, the row has `importing` (BOOL) alone. Every version
//! refuses a row without signing keys, so no instance claims or serves a part of a ledger.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue::{Bool, N, S, Ss};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::dynamodb::{DynamoDbLedger, is_applied, unavailable};
use super::item::StoredItem;
use super::{Ledger, LedgerError};
use crate::deadline::Deadline;
use crate::key::Fingerprint;

pub(super) const KEY: &str = "@instance";
const SIGNING_KEYS: &str = "signingKeys";
const LOG_KEYS: &str = "logKeys";
pub(super) const IMPORTING: &str = "importing";
/// Keys of one kind in the row: more than anyone rotates, and 16 KB to read.
const MAX_KEYS: usize = 256;

/// The keys that the instance's row names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedKeys {
    /// Keys that signed sightings kept in the ledger.
    pub signing: BTreeSet<Fingerprint>,
    /// Keys of logs.
    pub log: BTreeSet<Fingerprint>,
}

impl UsedKeys {
    /// True if every key in `others` is here, among those of its kind.
    pub fn contains(&self, others: &Self) -> bool {
        self.signing.is_superset(&others.signing) && self.log.is_superset(&others.log)
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        self.signing.extend(&others.signing);
        self.log.extend(&others.log);
    }

    /// Both sets by their attributes.
    fn sets(&self) -> [(&'static str, &BTreeSet<Fingerprint>); 2] {
        [(SIGNING_KEYS, &self.signing), (LOG_KEYS, &self.log)]
    }

    /// The keys with `more`, unless there are too many already: a full row would not be read again.
    pub(super) fn with(&self, more: &Self) -> Result<Self, LedgerError> {
        if [&self.signing, &self.log].into_iter().any(|keys| keys.len() >= MAX_KEYS) {
            return Err(LedgerError::InstanceFull);
        }
        let mut all = self.clone();
        all.extend(more);
        Ok(all)
    }

    /// The row that names these keys alone.
    pub(crate) fn new_item(&self) -> StoredItem {
        let sets = self.sets().into_iter().filter(|(_, keys)| !keys.is_empty());
        let key = ("tag".to_owned(), S(KEY.to_owned()));
        sets.map(|(name, keys)| (name.to_owned(), texts(keys))).chain([key]).collect()
    }

    pub(super) fn read(item: &StoredItem) -> Result<Self, LedgerError> {
        if item.contains_key(IMPORTING) {
            return Err(LedgerError::Importing);
        }
        let keys = |name: &'static str| {
            let Some(value) = item.get(name) else { return Ok(BTreeSet::new()) };
            let texts = value.as_ss().ok().filter(|texts| texts.len() <= MAX_KEYS);
            let keys = texts.and_then(|texts| texts.iter().map(|text| Fingerprint::parse(text)).collect());
            keys.ok_or(LedgerError::Instance(name))
        };
        let used = Self { signing: keys(SIGNING_KEYS)?, log: keys(LOG_KEYS)? };
        // The row is made with a signing key.
        if used.signing.is_empty() { Err(LedgerError::Instance(SIGNING_KEYS)) } else { Ok(used) }
    }
}

/// The row of a ledger that is being imported.
fn importing_item() -> StoredItem {
    [("tag", S(KEY.to_owned())), (IMPORTING, Bool(true))].map(|(name, value)| (name.to_owned(), value)).into()
}

impl Ledger {
    /// Marks a ledger that nobody has claimed as one that is being imported: from now on nobody can claim it. Returns
    /// whether it has the mark, now or from an import before.
    pub(crate) async fn begin_import(&self, deadline: Deadline) -> Result<bool, LedgerError> {
        if self.put_new(importing_item(), deadline).await? {
            return Ok(true);
        }
        match self.used_keys(deadline).await {
            Ok(_) => Ok(false),
            Err(LedgerError::Importing) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Takes the mark away: the ledger is claimed now, with these keys. Returns whether it had the mark.
    pub(crate) async fn end_import(&self, used: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        match self {
            Self::Memory(_) => Ok(false),
            Self::File(ledger) => ledger.end_import(used, deadline).await,
            Self::DynamoDb(ledger) => ledger.end_import(used, deadline).await,
        }
    }
}

fn texts(keys: &BTreeSet<Fingerprint>) -> AttributeValue {
    Ss(keys.iter().map(Fingerprint::to_string).collect())
}

impl DynamoDbLedger {
    pub(super) async fn used_keys(&self, deadline: Deadline) -> Result<Option<UsedKeys>, LedgerError> {
        let request = self.client.get_item().table_name(&self.table).key("tag", S(KEY.to_owned()));
        // Whoever has seen a tag's row sees the row that was made before it.
        let request = request.consistent_read(true).send();
        let answer = deadline.bound_boxed(request).await?.map_err(unavailable)?;
        answer.item.as_ref().map(UsedKeys::read).transpose()
    }

    pub(super) async fn claim(&self, own: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        self.put_new(own.new_item(), deadline).await
    }

    pub(super) async fn add_used_keys(&self, more: &UsedKeys, deadline: Deadline) -> Result<UsedKeys, LedgerError> {
        let request = self.client.update_item().table_name(&self.table).key("tag", S(KEY.to_owned()));
        // An update makes a row where there is none, and a full row would not be read again.
        let mut request = request
            .condition_expression(format!(
                "attribute_exists(tag) AND size({SIGNING_KEYS}) < :most \
                 AND (attribute_not_exists({LOG_KEYS}) OR size({LOG_KEYS}) < :most)"
            ))
            .expression_attribute_values(":most", N(MAX_KEYS.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let (added, values) = addition(more);
        for (name, keys) in values {
            request = request.expression_attribute_values(name, keys);
        }
        let request = request.update_expression(added);
        match deadline.bound_boxed(request.send()).await? {
            Ok(answer) => UsedKeys::read(&answer.attributes.unwrap_or_default()),
            Err(SdkError::ServiceError(error)) => Err(match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => match &failed.item {
                    None => LedgerError::NoInstance,
                    Some(item) => UsedKeys::read(item).err().unwrap_or(LedgerError::InstanceFull),
                },
                error => unavailable(error),
            }),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn end_import(&self, used: &UsedKeys, deadline: Deadline) -> Result<bool, LedgerError> {
        let request = self.client.update_item().table_name(&self.table).key("tag", S(KEY.to_owned()));
        let (added, values) = addition(used);
        let mut request = request.condition_expression(format!("attribute_exists({IMPORTING})"));
        for (name, keys) in values {
            request = request.expression_attribute_values(name, keys);
        }
        is_applied(request.update_expression(format!("{added} REMOVE {IMPORTING}")), deadline).await
    }
}

/// The expression that adds the keys to the row, and its values.
fn addition(more: &UsedKeys) -> (String, Vec<(String, AttributeValue)>) {
    let sets: Vec<_> = more.sets().into_iter().filter(|(_, keys)| !keys.is_empty()).collect();
    let added: Vec<_> = sets.iter().map(|(name, _)| format!("{name} :{name}")).collect();
    let values = sets.iter().map(|(name, keys)| (format!(":{name}"), texts(keys))).collect();
    (format!("ADD {}", added.join(", ")), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::LocalKey;

    #[test]
    fn keys_are_contained_if_each_is_among_those_of_its_kind() {
        let [one, two] = [(); 2].map(|()| LocalKey::generate().unwrap().public_key().fingerprint());
        let keys = |signing: &[Fingerprint], log: &[Fingerprint]| UsedKeys {
            signing: signing.iter().copied().collect(),
            log: log.iter().copied().collect(),
        };
        let known = keys(&[one], &[two]);
        for inside in [keys(&[], &[]), keys(&[one], &[]), keys(&[], &[two]), known.clone()] {
            assert!(known.contains(&inside), "{inside:?}");
        }
        for outside in [keys(&[two], &[]), keys(&[], &[one]), keys(&[one, two], &[two]), keys(&[one], &[one])] {
            assert!(!known.contains(&outside), "{outside:?}");
        }
    }
}
