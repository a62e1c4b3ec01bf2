//! `POST /api/v1/index/retrieve`: ids of entries that name a digest.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::key::signing_key;
use super::log::MerkleLog;
use super::request::object;
use super::response::{ApiError, Invalid, json};

/// Rekor's `SearchIndex`. Its `email` and `subject` find certificates, and this log holds none.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    #[serde(default)]
    hash: String,
    #[serde(default)]
    public_key: Option<AskedKey>,
    #[serde(default)]
    email: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    operator: String,
}

#[derive(Deserialize)]
struct AskedKey {
    format: Option<String>,
    #[serde(default)]
    content: String,
}

pub(super) fn find(log: &MerkleLog, body: &[u8]) -> Result<Response<Bytes>, ApiError> {
    let query: Query = object(body, "query")?;
    let all = match query.operator.as_str() {
        "and" => true,
        "or" | "" => false,
        _ => return Err(ApiError::invalid(Invalid::Enum, "operator in body should be one of [and or]")),
    };
    let mut keys = Vec::new();
    if !query.hash.is_empty() {
        keys.push(digest_key(&query.hash)?);
    }
    if let Some(key) = &query.public_key {
        keys.push(public_key_key(key)?);
    }
    if !query.email.is_empty() && !query.email.contains('@') {
        let message = format!("email in body must be of type email: {:?}", query.email);
        return Err(ApiError::invalid(Invalid::Type, message));
    }
    keys.extend([query.email, query.subject].into_iter().filter(|key| !key.is_empty()));
    let mut found = log.search(&keys, all);
    // Rekor collects them in a Go map, whose order differs from time to time: no client may take the first for the oldest.
    fastrand::shuffle(&mut found);
    Ok(json(&found))
}

/// A digest as the index has it: with its algorithm, which the length of a bare digest shows.
fn digest_key(hash: &str) -> Result<String, ApiError> {
    let (algorithm, digits) = match hash.split_once(':') {
        Some((algorithm, digits)) => (Some(algorithm), digits),
        None => (None, hash),
    };
    let by_length = match digits.len() {
        40 => "sha1",
        64 => "sha256",
        128 => "sha512",
        _ => "",
    };
    let valid = !by_length.is_empty()
        && algorithm.is_none_or(|algorithm| algorithm == by_length)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !valid {
        let message = "hash in body should match '^(sha512:)?[0-9a-fA-F]{128}$|\
                       ^(sha256:)?[0-9a-fA-F]{64}$|^(sha1:)?[0-9a-fA-F]{40}$'";
        return Err(ApiError::invalid(Invalid::Pattern, message));
    }
    Ok(format!("{by_length}:{digits}"))
}

/// Rekor looks a key up by its bare hash, but indexes `intoto` entries under `sha256:<hash>`, so this finds none of them. A
/// client has to search for the hash instead.
fn public_key_key(asked: &AskedKey) -> Result<String, ApiError> {
    let content = BASE64_STANDARD.decode(&asked.content).map_err(|error| ApiError::unparsable("query", error))?;
    let key = match asked.format.as_deref() {
        Some("x509") => signing_key(&content),
        // Such a key signs no entry here.
        Some("pgp" | "minisign" | "ssh" | "tuf") => None,
        Some(_) => {
            let message = "publicKey.publicKey.format in body should be one of [pgp x509 minisign ssh tuf]";
            return Err(ApiError::invalid(Invalid::Enum, message));
        }
        None => {
            return Err(ApiError::invalid(Invalid::Required, "publicKey.publicKey.format in body is required"));
        }
    };
    let key = key.ok_or_else(|| ApiError::bad_request("public key provided could not be parsed"))?;
    Ok(hex::encode(Sha256::digest(key.pem())))
}
