//! The body of a request to add an entry: `CreateEntryRequest` of `rekor/v2/rekor_service.proto`, in protobuf's JSON form.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::proto_json::{Base64, Enumerated, Message};
use super::response::ApiError;

/// The request, whose one field says the kind of entry. A field that is null counts as missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateEntryRequest {
    #[serde(alias = "hashed_rekord_request_v002")]
    hashed_rekord_request_v002: Option<Message<HashedRekordRequest>>,
    /// Known to Rekor, and no longer taken.
    #[serde(alias = "dsse_request_v002")]
    dsse_request_v002: Option<Message<HashMap<String, IgnoredAny>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HashedRekordRequest {
    pub(super) digest: Option<Base64>,
    pub(super) signature: Option<Message<Signature>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    pub(super) content: Option<Base64>,
    pub(super) verifier: Option<Message<Verifier>>,
}

/// A key, or a certificate that holds it. At most one of them is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Verifier {
    #[serde(alias = "public_key")]
    pub(super) public_key: Option<Message<RawBytes>>,
    #[serde(alias = "x509_certificate")]
    pub(super) x509_certificate: Option<Message<RawBytes>>,
    #[serde(alias = "key_details")]
    pub(super) key_details: Option<Enumerated>,
}

/// DER.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawBytes {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: Option<Base64>,
}

/// The request of the one kind that is taken.
pub(super) fn hashed_rekord(body: &[u8]) -> Result<HashedRekordRequest, ApiError> {
    let invalid = |error: serde_json::Error| ApiError::invalid_argument(format!("proto: {error}"));
    let request = match body.trim_ascii().is_empty() {
        true => CreateEntryRequest::default(),
        false => {
            // Rekor reads one value and leaves what stands behind it.
            let mut json = serde_json::Deserializer::from_slice(body);
            Message::<CreateEntryRequest>::deserialize(&mut json).map_err(invalid)?.0
        }
    };
    match (request.hashed_rekord_request_v002, request.dsse_request_v002) {
        (Some(Message(request)), None) => {
            if let Some(Message(signature)) = &request.signature
                && let Some(Message(verifier)) = &signature.verifier
                && verifier.public_key.is_some()
                && verifier.x509_certificate.is_some()
            {
                return Err(ApiError::invalid_argument("proto: oneof verifier is already set"));
            }
            Ok(request)
        }
        (Some(_), Some(_)) => Err(ApiError::invalid_argument("proto: oneof spec is already set")),
        (None, _) => Err(ApiError::invalid_argument("invalid type, must be hashedrekord")),
    }
}
