//! Adds descriptors to an index in its text. A parsed index could take a hundred times its bytes, and writing it again
//! would change them.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{self, Deserialize, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The index with `added`, JSON objects separated by commas, at the end of its `manifests`. All other bytes stay as they
/// are. `None` if it is not a JSON object in UTF-8 with an array of that name. Of several the last counts, as for most
/// readers. `None` too if there is another spelling of the name, which Go's readers take for it: what follows could hide
/// what is added.
pub(super) fn with_manifests(index: &[u8], added: &str) -> Option<Vec<u8>> {
    let end = end_of_manifests(std::str::from_utf8(index).ok()?)?;
    let (before, after) = index.split_at(end);
    let is_empty = before.trim_ascii_end().ends_with(b"[");
    let comma: &[u8] = if is_empty || added.is_empty() { b"" } else { b"," };
    Some([before, comma, added.as_bytes(), after].concat())
}

/// The position of the ']' that ends the last `manifests` of an index.
fn end_of_manifests(index: &str) -> Option<usize> {
    let json = index.trim_start_matches('\u{feff}');
    let mut json = serde_json::Deserializer::from_str(json);
    let manifests = json.deserialize_map(LastManifests).ok()??.get();
    json.end().ok()?;
    let after_first = manifests.strip_prefix('[')?;
    // Both are parts of one text, so the distance of their starts is a position in it.
    let start = after_first.as_ptr().addr() - index.as_ptr().addr();
    Some(start + after_first.len() - 1)
}

/// Reads the text of the last field `manifests` and drops the others.
struct LastManifests;

impl<'de> Visitor<'de> for LastManifests {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut last = None;
        while let Some(name) = map.next_key()? {
            match name {
                Name::Manifests => last = Some(map.next_value()?),
                Name::Misspelt => return Err(de::Error::custom("another spelling of 'manifests'")),
                Name::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(last)
    }
}

/// A field's name, compared with `manifests` and dropped: it may be long.
enum Name {
    Manifests,
    /// In another case, or with U+017F for an s.
    Misspelt,
    Other,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                let upper = name.chars().flat_map(char::to_uppercase);
                Ok(match name {
                    "manifests" => Name::Manifests,
                    _ if upper.eq("MANIFESTS".chars()) => Name::Misspelt,
                    _ => Name::Other,
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::with_manifests;

    fn with(index: &str, added: &str) -> Option<String> {
        with_manifests(index.as_bytes(), added).map(|index| String::from_utf8(index).unwrap())
    }

    #[test]
    fn what_is_added_stands_last_and_every_other_byte_is_as_it_came() {
        let cases = [
            (r#"{"manifests":[]}"#, r#"{"manifests":[NEW]}"#),
            (r#"{ "manifests" : [ ] ,"x":1e2}"#, r#"{ "manifests" : [ NEW] ,"x":1e2}"#),
            (r#"{"b":"\u0061é","manifests":[{"a":[1]} ] }"#, r#"{"b":"\u0061é","manifests":[{"a":[1]} ,NEW] }"#),
            (r#"{"manifests":["]"],"z":["]"]}"#, r#"{"manifests":["]",NEW],"z":["]"]}"#),
            (r#"{"manifests":[[]]}"#, r#"{"manifests":[[],NEW]}"#),
            (r#"{"m\u0061nifests":[1]}"#, r#"{"m\u0061nifests":[1,NEW]}"#),
            (r#"{"manifests":[1],"manifests":[2]}"#, r#"{"manifests":[1],"manifests":[2,NEW]}"#),
            (r#"{"manifests":7,"manifests":[2]}"#, r#"{"manifests":7,"manifests":[2,NEW]}"#),
            (r#"{"x":{"manifests":[1]},"manifests":[]}"#, r#"{"x":{"manifests":[1]},"manifests":[NEW]}"#),
            ("\u{feff}\n{\"manifests\":[]}\n", "\u{feff}\n{\"manifests\":[NEW]}\n"),
        ];
        for (index, expected) in cases {
            assert_eq!(with(index, "NEW").as_deref(), Some(expected), "{index}");
            assert_eq!(with(index, "").as_deref(), Some(index));
        }
    }

    #[test]
    fn only_an_index_is_added_to() {
        let cases = [
            "",
            "{}",
            "[]",
            "null",
            r#"{"manifests":null}"#,
            r#"{"manifests":{}}"#,
            r#"{"manifests":"[]"}"#,
            r#"{"manifests":[]"#,
            r#"{"manifests":[}"#,
            r#"{"manifests":[]}{}"#,
            r#"{"manifests":[],"manifests":null}"#,
            r#"{"Manifests":[]}"#,
            r#"{"manifests":[],"Manifests":[]}"#,
            r#"{"manife\u017ft\u017f":[],"manifests":[]}"#,
            "{\"manifests\":[],\"manifest\u{17f}\":[]}",
            r#"{"x":{"manifests":[]}}"#,
        ];
        for case in cases {
            assert_eq!(with(case, "NEW"), None, "{case}");
        }
        assert_eq!(with_manifests(b"{\"x\":\"\xff\",\"manifests\":[]}", "NEW"), None);
    }

    #[test]
    fn no_depth_of_nesting_is_too_much() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let index = format!(r#"{{"x":{deep},"manifests":[{deep}]}}"#);
        assert_eq!(with(&index, "1").unwrap(), format!(r#"{{"x":{deep},"manifests":[{deep},1]}}"#));
    }
}
