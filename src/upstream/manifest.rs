//! Manifests as a registry answers them.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::de::IgnoredAny;

use super::document::contradiction;
use super::error::UpstreamError;
use crate::foreign::shown;
use crate::image::{Digest, Reference};

/// The largest manifest that is served: what the distribution spec advises registries to take, and what still fits a
/// Lambda response of 6 MB in base64.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The types that every manifest is asked for with, whatever the client accepts: registries convert by `Accept`, and one
/// odd client must not make them answer another digest.
pub const MEDIA_TYPES: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

/// [`MEDIA_TYPES`] as a header.
pub(super) static ACCEPTED: LazyLock<HeaderValue> = LazyLock::new(|| {
    let all = MEDIA_TYPES.join(", ");
    HeaderValue::from_str(&all).expect("media types are ASCII")
});

const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";

/// A manifest whose bytes have the digest.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub bytes: Bytes,
    /// One of [`MEDIA_TYPES`].
    pub media_type: &'static str,
    pub digest: Digest,
}

/// What a registry says about a manifest without sending it.
#[derive(Debug, Clone)]
pub struct ManifestHead {
    pub digest: Digest,
    /// One of [`MEDIA_TYPES`].
    pub media_type: &'static str,
    /// Bytes.
    pub length: u64,
}

impl ManifestHead {
    /// `None` if anything is missing or unusable: then only the manifest itself can tell.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        let digest = headers.get(DOCKER_CONTENT_DIGEST)?.to_str().ok()?.parse().ok()?;
        let usable = length > 0 && length <= MAX_MANIFEST_BYTES as u64;
        usable.then_some(Self { digest, media_type: media_type(headers)?, length })
    }
}

impl Manifest {
    /// Checks a manifest against what was asked for and what its headers say.
    pub(super) fn check(
        registry: &str,
        reference: &Reference,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Result<Self, UpstreamError> {
        // Clients refuse an image whose manifest has no length, and would go on refusing it once that was recorded.
        if bytes.is_empty() {
            return Err(UpstreamError::lied(registry, "sent an empty manifest"));
        }
        // Asked for as it is: compressed bytes have another digest, which no client would find.
        if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            let fault = format!("sent a manifest encoded as '{}'", shown(&text(encoding)));
            return Err(UpstreamError::lied(registry, fault));
        }
        // Also what is cut short where nothing announced the length; and no manifest is another tag's name, which would
        // file its sighting under that tag's hash.
        if !is_json_object(&bytes) {
            return Err(UpstreamError::lied(registry, "sent a manifest that is not a whole JSON object"));
        }
        let digest = match reference {
            Reference::Tag(_) => Digest::sha256(&bytes),
            Reference::Digest(_, digest) if digest.matches(&bytes) => digest.clone(),
            Reference::Digest(_, digest) => {
                let fault = format!("answered a manifest with digest {} for {digest}", Digest::sha256(&bytes));
                return Err(UpstreamError::lied(registry, fault));
            }
        };
        if let Some(announced) = headers.get(DOCKER_CONTENT_DIGEST) {
            let announced = announced.to_str().unwrap_or("an unreadable digest");
            // Hashing a large manifest takes longer than all else: once is enough where the digest is of the same kind.
            let holds = announced.parse::<Digest>().is_ok_and(|announced| {
                announced == digest || announced.algorithm() != digest.algorithm() && announced.matches(&bytes)
            });
            if !holds {
                let announced = shown(announced);
                let fault = format!("announced {announced} and sent a manifest with digest {}", Digest::sha256(&bytes));
                return Err(UpstreamError::lied(registry, fault));
            }
        }
        let media_type = media_type(headers).ok_or_else(|| {
            let fault = match headers.get(CONTENT_TYPE).map(text) {
                Some(given) => {
                    format!("answered with type '{}', which is none of a manifest served here", shown(&given))
                }
                None => "sent a manifest without its type".to_owned(),
            };
            UpstreamError::lied(registry, fault)
        })?;
        if let Some(fault) = contradiction(&bytes, media_type) {
            return Err(UpstreamError::lied(registry, fault));
        }
        Ok(Self { bytes, media_type, digest })
    }
}

/// Whether bytes are one JSON object, whatever its strings hold; a byte-order mark is passed over.
pub(super) fn is_json_object(bytes: &[u8]) -> bool {
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// The type, without parameters, if it is one of a manifest.
fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let given = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let given = given.split(';').next()?.trim();
    MEDIA_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(given))
}

#[cfg(test)]
mod tests {
    use super::is_json_object;

    #[test]
    fn a_manifest_is_one_json_object_whatever_its_strings_hold() {
        let manifests: [&[u8]; 4] = [b"{}", b" \n{\"a\": [1]} ", b"\xef\xbb\xbf{}", b"{\"a\":\"\xff\xfe\"}"];
        for manifest in manifests {
            assert!(is_json_object(manifest), "{}", manifest.escape_ascii());
        }
        let others: [&[u8]; 6] = [b"", b"[]", b"\"{}\"", b"{\"a\":", b"{}{}", b"index.docker.io/library/alpine:3.16.0"];
        for other in others {
            assert!(!is_json_object(other), "{}", other.escape_ascii());
        }
    }
}
