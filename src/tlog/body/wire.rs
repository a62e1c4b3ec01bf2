//! The JSON of leaves. Serde refuses a key that stands twice.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    pub kind: String,
    pub api_version: String,
}

#[derive(Deserialize)]
pub(super) struct Leaf<Spec> {
    pub spec: Spec,
}

#[derive(Deserialize)]
pub(super) struct IntotoV002 {
    pub content: ContentV002,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContentV002 {
    pub envelope: Envelope,
    pub payload_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub payload_type: String,
    pub signatures: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signature {
    pub public_key: String,
    pub sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IntotoV001 {
    pub content: ContentV001,
    pub public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContentV001 {
    pub payload_hash: Option<Hash>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DsseV001 {
    pub payload_hash: Hash,
    pub signatures: Vec<VerifiedSignature>,
}

#[derive(Deserialize)]
pub(super) struct VerifiedSignature {
    pub signature: String,
    pub verifier: String,
}

#[derive(Deserialize)]
pub(super) struct Hashedrekord {
    pub data: Data,
    pub signature: HashedrekordSignature,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HashedrekordSignature {
    pub content: String,
    pub public_key: Content,
}

#[derive(Deserialize)]
pub(super) struct Rekord {
    pub data: Data,
    pub signature: RekordSignature,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RekordSignature {
    pub content: String,
    pub format: String,
    pub public_key: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cose {
    pub public_key: String,
}

/// The part that the kinds of package formats share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package {
    pub public_key: Content,
}

#[derive(Deserialize)]
pub(super) struct Data {
    pub hash: Hash,
}

#[derive(Deserialize)]
pub(super) struct Content {
    pub content: String,
}

#[derive(Deserialize)]
pub(super) struct Hash {
    pub algorithm: String,
    pub value: String,
}

impl Hash {
    /// `None` unless it is a sha256.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        (self.algorithm == "sha256").then(|| hex::decode(&self.value).ok()?.try_into().ok()).flatten()
    }
}
