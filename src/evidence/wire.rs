//! The JSON of bundles and attestations. The order of the fields is the order in which they are written.

use serde::{Deserialize, Serialize};

use crate::timestamp::TimestampVerificationData;
use crate::tlog::TransparencyLogEntry;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerificationMaterial {
    pub public_key: PublicKeyHint,
    pub tlog_entries: Vec<TransparencyLogEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_verification_data: Option<TimestampVerificationData>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PublicKeyHint {
    pub hint: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub payload: String,
    pub payload_type: String,
    pub signatures: Vec<Signature>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signature {
    pub sig: String,
}

/// In the order that Go writes a map in: sorted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Annotations {
    #[serde(rename = "dev.sigstore.bundle.content")]
    pub content: &'static str,
    #[serde(rename = "dev.sigstore.bundle.predicateType")]
    pub predicate_type: &'static str,
    /// The sighting's time, if somebody signed one: cosign writes the time of writing, which would differ each time.
    #[serde(rename = "org.opencontainers.image.created", skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<'a> {
    pub schema_version: u8,
    pub media_type: &'static str,
    pub config: Config,
    pub layers: [Layer<'a>; 1],
    pub subject: Descriptor<'a>,
    pub annotations: &'a Annotations,
    pub artifact_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    pub media_type: &'static str,
    pub size: usize,
    pub digest: String,
    /// The config itself, so that hardly anyone asks for it.
    pub data: &'static str,
    pub artifact_type: &'static str,
}

/// A layer with what is in it: a registry that redirects every blob, whether it has it or not, hides ours.
#[derive(Serialize)]
pub(super) struct Layer<'a> {
    #[serde(flatten)]
    pub descriptor: Descriptor<'a>,
    pub data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor<'a> {
    pub media_type: &'a str,
    pub size: u64,
    pub digest: &'a str,
}
