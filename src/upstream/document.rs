//! What a manifest says of itself, against the type that it is sent under.
//!
//! A digest does not cover the type. A document that can be read both as an index and as an image would be two images
//! under one digest: the one that was seen first and the one that its registry names by another type later
//! (CVE-2021-41190). So what can be read as the other kind is refused, by containerd's rule (`validateMediaType`).

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// The types of [`super::MEDIA_TYPES`] that stand for several images.
const INDEXES: [&str; 2] = [OCI_INDEX, DOCKER_LIST];
/// No name that matters here is longer, whatever its case (U+017F has two bytes).
const MAX_NAME_BYTES: usize = 16;
const IMAGES: [&str; 2] = [OCI_MANIFEST, DOCKER_MANIFEST];

/// Why a document is not of the kind that its type says; `None` if it is, or says nothing.
pub(super) fn contradiction(document: &[u8], media_type: &str) -> Option<String> {
    let document = readable(document);
    let document = document.trim_start_matches('\u{feff}');
    match serde_json::Deserializer::from_str(document).deserialize_map(Kind { media_type }) {
        Ok(found) => found,
        // Only a whole object comes here, so what fails is a name: half of a surrogate pair is no text.
        Err(_) => Some("sent a manifest with a field whose name is no text".to_owned()),
    }
}

/// The document as text. Strings may hold bytes that are not UTF-8; none of what matters here does. Each becomes a '?',
/// because U+FFFD would make the text three times as long.
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

/// Reads the fields of an object as they stand, those that stand twice too, and keeps what first speaks against its type.
struct Kind<'a> {
    media_type: &'a str,
}

impl Kind<'_> {
    fn contradicted_by(&self, name: &str, value: &RawValue) -> Option<String> {
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        let (media_type, value) = (self.media_type, value.get());
        let (others_types, others_fields): (_, &[&str]) = if INDEXES.contains(&media_type) {
            (IMAGES, &["CONFIG", "LAYERS", "FSLAYERS"])
        } else {
            (INDEXES, &["MANIFESTS", "FSLAYERS"])
        };
        // Go's decoder, which most clients use, takes a name in any case (and U+017F for an s).
        let name = name.to_uppercase();
        if name == "MEDIATYPE" {
            let own: String = serde_json::from_str(value).unwrap_or_default();
            if others_types.iter().any(|other| own.eq_ignore_ascii_case(other)) {
                return Some(format!("sent a manifest as {media_type} that says it is {own}"));
            }
        }
        let is_others = others_fields.contains(&name.as_str()) && !matches!(value, "null" | "[]" | "{}");
        is_others.then(|| format!("sent a manifest as {media_type} that has '{}'", name.to_lowercase()))
    }
}

impl<'de> Visitor<'de> for Kind<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        // There may be a million fields: none is kept.
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            found = found.or_else(|| self.contradicted_by(&name, value));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{IMAGES, INDEXES, contradiction};

    #[test]
    fn a_document_is_read_as_one_kind_only() {
        let image = r#"{"schemaVersion":2,"config":{"size":1},"layers":[{"size":1}]}"#;
        let index = r#"{"schemaVersion":2,"manifests":[{"size":1}]}"#;
        for (fits, other, document) in [(IMAGES, INDEXES, image), (INDEXES, IMAGES, index)] {
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
            for media_type in IMAGES.iter().chain(&INDEXES) {
                assert!(contradiction(document.as_bytes(), media_type).is_some(), "{document} as {media_type}");
            }
        }
    }

    #[test]
    fn its_own_type_is_of_the_kind_it_is_sent_as() {
        for (media_type, own, contradicts) in [
            (IMAGES[0], IMAGES[1], false),
            (INDEXES[1], INDEXES[0], false),
            (IMAGES[0], INDEXES[1], true),
            (INDEXES[0], IMAGES[0], true),
            (IMAGES[0], "application/vnd.example", false),
        ] {
            let document = format!(r#"{{"mediaType":"{own}"}}"#);
            assert_eq!(contradiction(document.as_bytes(), media_type).is_some(), contradicts, "{own} as {media_type}");
        }
    }

    #[test]
    fn a_document_that_says_nothing_is_what_it_is_sent_as() {
        assert!(contradiction(br#"{"\ud800":1}"#, IMAGES[0]).is_some());
        for document in [&b"{}"[..], b"{\"a\":\"\xff\"}", br#"{"manifests":[],"layers":null,"config":{}}"#] {
            for media_type in IMAGES.iter().chain(&INDEXES) {
                assert_eq!(contradiction(document, media_type), None, "{}", document.escape_ascii());
            }
        }
    }
}
