//! The JSON of proposed entries, leaves and statements.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
pub(super) struct Proposed<'a> {
    pub(super) kind: Option<String>,
    #[serde(rename = "apiVersion")]
    pub(super) version: Option<String>,
    #[serde(borrow)]
    pub(super) spec: Option<&'a RawValue>,
}

/// `spec` of a proposed entry and, without the payload, of a leaf.
#[derive(Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) content: Content,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    pub(super) envelope: Envelope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload_hash: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(default, skip_serializing)]
    pub(super) payload: String,
    #[serde(default)]
    pub(super) payload_type: String,
    #[serde(default)]
    pub(super) signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signature {
    /// Rekor takes null for an empty one, and its own encoder leaves that out (`omitempty`).
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(super) keyid: Option<String>,
    #[serde(default)]
    pub(super) public_key: String,
    #[serde(default)]
    pub(super) sig: String,
}

fn is_empty(keyid: &Option<String>) -> bool {
    keyid.as_deref().is_none_or(str::is_empty)
}

#[derive(Serialize, Deserialize)]
pub(super) struct Digest {
    pub(super) algorithm: String,
    pub(super) value: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Leaf {
    #[serde(rename = "apiVersion")]
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) spec: Spec,
}

#[derive(Deserialize)]
pub(super) struct Statement {
    #[serde(default)]
    pub(super) subject: Option<Vec<Named>>,
}

/// The part of SLSA's predicates before v1 that Rekor indexes too.
#[derive(Deserialize)]
pub(super) struct Provenance {
    pub(super) predicate: Predicate,
}

#[derive(Deserialize)]
pub(super) struct Predicate {
    #[serde(default)]
    pub(super) materials: Vec<Named>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) digest: Option<BTreeMap<String, String>>,
}
