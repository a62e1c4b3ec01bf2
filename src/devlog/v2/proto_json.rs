//! Values of protobuf's JSON form, as Go's `protojson` reads them.
//!
//! Source: <https://protobuf.dev/programming-guides/json/>; protojson v1.36, which Rekor v2 uses.

use std::fmt;
use std::marker::PhantomData;

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A message: a JSON object. Serde by itself takes an array for a struct too.
#[derive(Debug)]
pub(super) struct Message<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Message<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Message<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Message<T>, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Message)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A field of type `bytes`: base64 of either alphabet, with its padding or without.
#[derive(Debug)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        decoded(&text).map(Self).ok_or_else(|| D::Error::custom(format!("invalid value for bytes field: {text:?}")))
    }
}

/// A field of an enumeration: a name or a number.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum Enumerated {
    Name(String),
    /// Go takes `5.0` for 5.
    Number(f64),
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let padding = match text.len() % 4 {
        0 => DecodePaddingMode::RequireCanonical,
        _ => DecodePaddingMode::RequireNone,
    };
    // Go does not look at the bits behind the last byte.
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64_of_either_alphabet_padded_or_not() {
        for text in ["+/8=", "-_8=", "+/8", "-_8", "+/9="] {
            assert_eq!(decoded(text).unwrap(), [0xfb, 0xff], "{text}");
        }
        assert_eq!(decoded("").unwrap(), [0; 0]);
        for text in ["+_8=", "+/8==", "+/8 ", "+/8=\n", "=", "A", "é", "+/=8"] {
            assert!(decoded(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_message_is_an_object() {
        #[derive(serde::Deserialize)]
        struct One {
            one: u8,
        }
        assert_eq!(serde_json::from_str::<Message<One>>(r#"{"one":1}"#).unwrap().0.one, 1);
        for other in ["[1]", "1", "null", "\"one\"", r#"{"one":1,"one":2}"#] {
            assert!(serde_json::from_str::<Message<One>>(other).is_err(), "{other}");
        }
    }
}
