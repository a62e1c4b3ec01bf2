//! Manifests as a registry answers them.

use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde::de::IgnoredAny;

use super::error::UpstreamError;
use super::manifest_kind::contradiction;
use super::misbehaviour::Misbehaviour;
use crate::image::{Digest, Reference};
use crate::oci::{CONTENT_DIGEST, MANIFEST_TYPES};

/// The largest manifest that is served. The distribution spec advises registries to take as much, and it still fits a
/// Lambda response of 6 MB in base64.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// IANA's HTTP Content Coding Registry, without `identity`, which is none.
const CODINGS: [&str; 12] = [
    "aes128gcm",
    "br",
    "compress",
    "dcb",
    "dcz",
    "deflate",
    "exi",
    "gzip",
    "pack200-gzip",
    "x-compress",
    "x-gzip",
    "zstd",
];

/// The `Accept` of every request for a manifest, whatever the client accepts: registries convert by it, and one odd
/// client must not make them answer a different digest.
pub(super) static ACCEPTED: LazyLock<HeaderValue> = LazyLock::new(|| {
    let all = MANIFEST_TYPES.join(", ");
    HeaderValue::from_str(&all).expect("media types are ASCII")
});

/// A manifest, with a digest computed from its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub bytes: Bytes,
    /// One of [`MANIFEST_TYPES`].
    pub media_type: &'static str,
    pub digest: Digest,
}

/// A registry's word on a manifest, from the answer to a HEAD.
#[derive(Debug, Clone)]
pub(crate) struct ManifestHead {
    pub digest: Digest,
    /// One of [`MANIFEST_TYPES`].
    pub media_type: &'static str,
    /// Bytes.
    pub length: u64,
}

impl ManifestHead {
    /// `None` if anything is missing or unusable: the manifest must then be fetched.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        let digest = announced_digest(headers.get(CONTENT_DIGEST)?)?;
        let usable = length > 0 && length <= MAX_MANIFEST_BYTES as u64 && encoding(headers).is_none();
        usable.then_some(Self { digest, media_type: media_type(headers)?, length })
    }

    /// Returns whether a manifest is the one that was announced.
    pub(super) fn describes(&self, manifest: &Manifest) -> bool {
        let Self { digest, media_type, length } = self;
        *digest == manifest.digest && *media_type == manifest.media_type && *length == manifest.bytes.len() as u64
    }
}

impl Manifest {
    /// Checks a manifest against the reference that it was asked by and against its headers.
    pub(super) fn check(
        registry: &str,
        reference: &Reference,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Result<Self, UpstreamError> {
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        // Clients refuse a manifest of length 0, and would go on refusing the tag once it was recorded.
        if bytes.is_empty() {
            return Err(misbehaved(Misbehaviour::ManifestEmpty));
        }
        if let Some(encoding) = encoding(headers) {
            return Err(misbehaved(Misbehaviour::ManifestEncoded(text(encoding))));
        }
        // This also catches bytes in an unknown coding, and a body that was cut short without an announced length. And
        // it keeps out a "manifest" that is another tag's name: its digest would file the sighting under that tag's
        // hash.
        if !is_json_object(&bytes) {
            return Err(misbehaved(Misbehaviour::ManifestNotJson));
        }
        let digest = match reference {
            Reference::Tag(_) => Digest::sha256(&bytes),
            Reference::Digest(_, digest) if digest.matches(&bytes) => digest.clone(),
            Reference::Digest(_, digest) => {
                let (asked, sent) = (digest.clone(), Digest::sha256(&bytes));
                return Err(misbehaved(Misbehaviour::ManifestOfOtherDigest { asked, sent }));
            }
        };
        if let Some(announced) = headers.get(CONTENT_DIGEST) {
            // Hashing takes most of the time, so a digest of the same algorithm is compared and not computed again.
            let holds = announced_digest(announced).is_some_and(|announced| {
                announced == digest || announced.algorithm() != digest.algorithm() && announced.matches(&bytes)
            });
            if !holds {
                let announced = announced.to_str().unwrap_or("an unreadable digest").to_owned();
                let sent = Digest::sha256(&bytes);
                return Err(misbehaved(Misbehaviour::DigestHeaderWrong { announced, sent }));
            }
        }
        let media_type = media_type(headers).ok_or_else(|| {
            misbehaved(match headers.get(CONTENT_TYPE) {
                Some(given) => Misbehaviour::ManifestTypeUnknown(text(given)),
                None => Misbehaviour::ManifestUntyped,
            })
        })?;
        if let Some(how) = contradiction(&bytes, media_type) {
            return Err(misbehaved(how));
        }
        Ok(Self { bytes, media_type, digest })
    }
}

/// Returns whether bytes are exactly one JSON object. Its strings may hold any bytes, and a byte-order mark may precede
/// it.
pub(super) fn is_json_object(bytes: &[u8]) -> bool {
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

/// The digest in a header, in either case. Huawei's SWR leaves the algorithm out.
fn announced_digest(header: &HeaderValue) -> Option<Digest> {
    let announced = header.to_str().ok()?.to_ascii_lowercase();
    announced.parse().or_else(|_| format!("sha256:{announced}").parse()).ok()
}

/// The header that says that the bytes are in a registered coding, though the request asked for plain ones. Such bytes
/// have a digest that no client would find.
///
/// Storage hands out whatever was stored with an object, `UTF-8` or `aws-chunked` for example: no coding, and no lie on
/// bytes that are a manifest.
fn encoding(headers: &HeaderMap) -> Option<&HeaderValue> {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    headers.get_all(CONTENT_ENCODING).iter().find(|value| {
        let mut names = value.as_bytes().split(|b| !is_token(b));
        names.any(|name| CODINGS.iter().any(|coding| name.eq_ignore_ascii_case(coding.as_bytes())))
    })
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The media type of a manifest, without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let given = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let given = given.split(';').next()?.trim();
    MANIFEST_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_coding_is_found_and_other_words_are_none() {
        let encoding = |values: &[&'static str]| {
            let values = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
            encoding(&values.collect::<HeaderMap>()).is_some()
        };
        for values in
            [&["gzip"][..], &["GZip"], &["identity, gzip"], &["aws-chunked,br"], &["\"zstd\""], &["x-gzip;q=1"]]
        {
            assert!(encoding(values), "{values:?}");
        }
        for values in [
            &[][..],
            &[""],
            &["identity"],
            &["Identity, IDENTITY"],
            &["UTF-8"],
            &["aws-chunked"],
            &["application/json"],
            &["none"],
            &["gzipped"],
            &["x-br"],
        ] {
            assert!(!encoding(values), "{values:?}");
        }
    }

    #[test]
    fn a_digest_may_come_without_its_algorithm() {
        let (hex, other) = ("a".repeat(64), "b".repeat(128));
        let announced = |text: &str| announced_digest(&HeaderValue::from_str(text).unwrap()).map(|d| d.to_string());
        for short in [hex.clone(), hex.to_uppercase(), format!("SHA256:{}", hex.to_uppercase())] {
            assert_eq!(announced(&short), Some(format!("sha256:{hex}")));
        }
        for whole in [format!("sha256:{hex}"), format!("sha512:{other}")] {
            assert_eq!(announced(&whole), Some(whole));
        }
        for wrong in ["", "sha256:", "zz", ":", &other, &format!("sha256:sha256:{hex}"), &hex[1..]] {
            assert_eq!(announced(wrong), None, "{wrong}");
        }
    }

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
