//! An item of the ledger as DynamoDB keeps it, and its JSON.
//!
//! The JSON is DynamoDB's own, `{"tag":{"S":"…"},"lease":{"N":"7"}}`, as in the AWS CLI and in AWS's exports of tables
//! (Amazon DynamoDB Developer Guide, *DynamoDB table export output format*). It keeps every text and number to the
//! byte.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::{B, Bool, Bs, L, M, N, Ns, Null, S, Ss};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// Attributes by name.
pub(crate) type StoredItem = HashMap<String, AttributeValue>;

/// The item as JSON, its attributes in the order of their names: equal items are equal bytes.
pub(crate) fn to_json(item: &StoredItem) -> Value {
    let sorted: BTreeMap<&String, &AttributeValue> = item.iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), value_to_json(value))).collect())
}

/// The item that `json` describes; `None` if it describes none.
pub(crate) fn from_json(json: Value) -> Option<StoredItem> {
    let Value::Object(attributes) = json else { return None };
    attributes.into_iter().map(|(name, value)| Some((name, value_from_json(value)?))).collect()
}

/// The text of an attribute.
pub(crate) fn text<'a>(item: &'a StoredItem, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn value_to_json(value: &AttributeValue) -> Value {
    match value {
        S(text) => json!({"S": text}),
        N(number) => json!({"N": number}),
        Bool(truth) => json!({"BOOL": truth}),
        Ss(texts) => json!({"SS": texts}),
        Ns(numbers) => json!({"NS": numbers}),
        B(bytes) => json!({"B": BASE64_STANDARD.encode(bytes)}),
        Bs(all) => json!({"BS": all.iter().map(|bytes| BASE64_STANDARD.encode(bytes)).collect::<Vec<_>>()}),
        L(values) => json!({"L": values.iter().map(value_to_json).collect::<Vec<_>>()}),
        M(values) => json!({"M": to_json(values)}),
        // The SDK knows no other kind but 'unknown', which stands for kinds that DynamoDB does not have yet.
        _ => json!({"NULL": true}),
    }
}

fn value_from_json(json: Value) -> Option<AttributeValue> {
    let Value::Object(typed) = json else { return None };
    let (kind, value) = only(typed)?;
    Some(match (kind.as_str(), value) {
        ("S", Value::String(text)) => S(text),
        ("N", Value::String(number)) => N(number),
        ("BOOL", Value::Bool(truth)) => Bool(truth),
        ("NULL", Value::Bool(true)) => Null(true),
        ("SS", Value::Array(texts)) => Ss(strings(texts)?),
        ("NS", Value::Array(numbers)) => Ns(strings(numbers)?),
        ("B", Value::String(bytes)) => B(blob(&bytes)?),
        ("BS", Value::Array(all)) => Bs(strings(all)?.iter().map(|bytes| blob(bytes)).collect::<Option<_>>()?),
        ("L", Value::Array(values)) => L(values.into_iter().map(value_from_json).collect::<Option<_>>()?),
        ("M", values) => M(from_json(values)?),
        _ => return None,
    })
}

fn only(typed: Map<String, Value>) -> Option<(String, Value)> {
    let mut pairs = typed.into_iter();
    let pair = pairs.next()?;
    pairs.next().is_none().then_some(pair)
}

fn strings(values: Vec<Value>) -> Option<Vec<String>> {
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    values.into_iter().map(text).collect()
}

fn blob(base64: &str) -> Option<Blob> {
    BASE64_STANDARD.decode(base64).ok().map(Blob::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_back_from_its_json_to_the_byte() {
        let text = "\u{feff}\"\\\u{0}\n\u{2028}é𝄞";
        let json = json!({
            "B": {"B": "AAE="}, "BOOL": {"BOOL": false}, "BS": {"BS": ["AA==", "AQ=="]},
            "L": {"L": [{"S": text}, {"L": []}, {"M": {"a": {"N": "1E+100"}}}]},
            "M": {"M": {}}, "N": {"N": "18446744073709551616"}, "NS": {"NS": ["1", "2.50"]}, "NULL": {"NULL": true},
            "S": {"S": text}, "SS": {"SS": ["b", "a"]},
        });
        let item = from_json(json.clone()).unwrap();
        assert_eq!(to_json(&item).to_string(), json.to_string());
        assert_eq!(item["S"], S(text.to_owned()));
    }

    #[test]
    fn what_is_no_item_is_refused() {
        for json in [
            json!([]),
            json!({"a": "text"}),
            json!({"a": {}}),
            json!({"a": {"S": 1}}),
            json!({"a": {"N": 1}}),
            json!({"a": {"S": "a", "N": "1"}}),
            json!({"a": {"SS": ["a", 1]}}),
            json!({"a": {"B": "?"}}),
            json!({"a": {"NULL": false}}),
            json!({"a": {"X": "a"}}),
            json!({"a": {"L": [{"M": {"b": 1}}]}}),
        ] {
            assert_eq!(from_json(json.clone()), None, "{json}");
        }
    }
}
