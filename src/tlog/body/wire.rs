//! The JSON of leaves. Serde refuses a key that stands twice.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub kind: String,
    pub api_version: String,
}

#[derive(Deserialize)]
pub struct Leaf<Spec> {
    pub spec: Spec,
}

#[derive(Deserialize)]
pub struct IntotoV002 {
    pub content: ContentV002,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentV002 {
    pub envelope: Envelope,
    pub payload_hash: Hash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub payload_type: String,
    pub signatures: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    pub public_key: String,
    pub sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntotoV001 {
    pub content: ContentV001,
    pub public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentV001 {
    pub payload_hash: Option<Hash>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DsseV001 {
    pub payload_hash: Hash,
    pub signatures: Vec<VerifiedSignature>,
}

#[derive(Deserialize)]
pub struct VerifiedSignature {
    pub signature: String,
    pub verifier: String,
}

#[derive(Deserialize)]
pub struct Hashedrekord {
    pub data: Data,
    pub signature: HashedrekordSignature,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HashedrekordSignature {
    pub content: String,
    pub public_key: Content,
}

#[derive(Deserialize)]
pub struct Rekord {
    pub data: Data,
    pub signature: RekordSignature,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RekordSignature {
    pub content: String,
    pub format: String,
    pub public_key: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cose {
    pub public_key: String,
}

/// The part that the kinds of package formats share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    pub public_key: Content,
}

#[derive(Deserialize)]
pub struct Data {
    pub hash: Hash,
}

#[derive(Deserialize)]
pub struct Content {
    pub content: String,
}

#[derive(Deserialize)]
pub struct Hash {
    pub algorithm: String,
    pub value: String,
}

impl Hash {
    /// `None` unless it is a sha256.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        (self.algorithm == "sha256").then(|| hex::decode(&self.value).ok()?.try_into().ok()).flatten()
    }
}
