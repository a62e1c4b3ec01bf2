//! The check of a manifest's content against the media type that it is sent under.
//!
//! A digest does not cover the type. A document that can be read both as an index and as an image would be two images
//! under one digest: the one that was seen first, and the one that its registry later serves under another type
//! (CVE-2021-41190). A document that can be read as the other kind is refused, by containerd's rule
//! (`validateMediaType`).

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::misbehaviour::Misbehaviour;
use crate::oci::{IMAGE_TYPES, INDEX_TYPES};

/// Longer than any field name that matters here, in any case (U+017F has two bytes).
const MAX_NAME_BYTES: usize = 16;

/// Finds a sign that `document` is not of the kind that `media_type` says. A document without any sign passes.
pub(super) fn contradiction(document: &[u8], media_type: &'static str) -> Option<Misbehaviour> {
    let document = readable(document);
    let document = document.trim_start_matches('\u{feff}');
    match serde_json::Deserializer::from_str(document).deserialize_map(KindCheck { media_type }) {
        Ok(found) => found,
        // Callers pass whole objects only. A field name can still fail: half of a surrogate pair is not text.
        Err(_) => Some(Misbehaviour::ManifestFieldNotText),
    }
}

/// The document as text. Its strings may hold bytes that are not UTF-8, which never matter here. Each becomes a '?':
/// U+FFFD would make the text longer than the document.
fn readable(document: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(document) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(document.len());
    for chunk in document.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// Reads every field of an object, repeated ones too, and keeps the first that contradicts the type.
struct KindCheck {
    media_type: &'static str,
}

impl KindCheck {
    fn contradicted_by(&self, name: &str, value: &RawValue) -> Option<Misbehaviour> {
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        let (sent_as, value) = (self.media_type, value.get());
        let (others_types, others_fields): (_, &[&str]) = if INDEX_TYPES.contains(&sent_as) {
            (IMAGE_TYPES, &["CONFIG", "LAYERS", "FSLAYERS"])
        } else {
            (INDEX_TYPES, &["MANIFESTS", "FSLAYERS"])
        };
        // Go's decoder, which most clients use, takes a name in any case (and U+017F for an s).
        let name = name.to_uppercase();
        if name == "MEDIATYPE" {
            let own: String = serde_json::from_str(value).unwrap_or_default();
            if others_types.iter().any(|other| own.eq_ignore_ascii_case(other)) {
                return Some(Misbehaviour::ManifestSaysOtherKind { sent_as, own });
            }
        }
        let is_others = others_fields.contains(&name.as_str()) && !matches!(value, "null" | "[]" | "{}");
        is_others.then(|| Misbehaviour::ManifestHasFieldOfOtherKind { sent_as, field: name.to_lowercase() })
    }
}

impl<'de> Visitor<'de> for KindCheck {
    type Value = Option<Misbehaviour>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        // A document may have a million fields, so they are not collected.
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            found = found.or_else(|| self.contradicted_by(&name, value));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{IMAGE_TYPES, INDEX_TYPES, contradiction};

    #[test]
    fn a_document_is_read_as_one_kind_only() {
        let image = r#"{"schemaVersion":2,"config":{"size":1},"layers":[{"size":1}]}"#;
        let index = r#"{"schemaVersion":2,"manifests":[{"size":1}]}"#;
        for (fits, other, document) in [(IMAGE_TYPES, INDEX_TYPES, image), (INDEX_TYPES, IMAGE_TYPES, index)] {
            assert!(
                fits.iter().all(|media_type| contradiction(document.as_bytes(), media_type).is_none()),
                "{document}"
            );
            assert!(
                other.iter().all(|media_type| contradiction(document.as_bytes(), media_type).is_some()),
                "{document}"
            );
        }
    }

    #[test]
    fn what_can_be_read_as_both_is_neither() {
        let both = [
            r#"{"config":{"size":1},"layers":[{}],"manifests":[{}]}"#,
            r#"{"config":{"size":1},"Manifests":[{}]}"#,
            r#"{"LAYERS":[{}],"manife\u0073ts":[{}]}"#,
            "{\"layer\u{17f}\":[{}],\"manifest\u{17f}\":[{}]}",
            r#"{"layers":[],"layers":[{}],"manifests":[],"manifests":[{}]}"#,
            r#"{"fsLayers":[{}]}"#,
            "\u{feff}{\"layers\":[{}],\"manifests\":[{}]}",
        ];
        for document in both {
            for media_type in IMAGE_TYPES.into_iter().chain(INDEX_TYPES) {
                assert!(contradiction(document.as_bytes(), media_type).is_some(), "{document} as {media_type}");
            }
        }
    }

    #[test]
    fn its_own_type_is_of_the_kind_it_is_sent_as() {
        for (media_type, own, contradicts) in [
            (IMAGE_TYPES[0], IMAGE_TYPES[1], false),
            (INDEX_TYPES[1], INDEX_TYPES[0], false),
            (IMAGE_TYPES[0], INDEX_TYPES[1], true),
            (INDEX_TYPES[0], IMAGE_TYPES[0], true),
            (IMAGE_TYPES[0], "application/vnd.example", false),
        ] {
            let document = format!(r#"{{"mediaType":"{own}"}}"#);
            assert_eq!(contradiction(document.as_bytes(), media_type).is_some(), contradicts, "{own} as {media_type}");
        }
    }

    #[test]
    fn a_document_that_says_nothing_is_what_it_is_sent_as() {
        assert!(contradiction(br#"{"\ud800":1}"#, IMAGE_TYPES[0]).is_some());
        for document in [&b"{}"[..], b"{\"a\":\"\xff\"}", br#"{"manifests":[],"layers":null,"config":{}}"#] {
            for media_type in IMAGE_TYPES.into_iter().chain(INDEX_TYPES) {
                assert_eq!(contradiction(document, media_type), None, "{}", document.escape_ascii());
            }
        }
    }
}
