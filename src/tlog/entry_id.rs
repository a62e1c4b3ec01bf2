//! The id of an entry.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::EntryError;
use super::merkle::Hash;

/// The id of an entry: its leaf hash, after the id of its tree where that is given (64 or 80 hexadecimal digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryId {
    /// The tree (shard) of the log, if the id names one.
    pub tree_id: Option<u64>,
    /// The hash of the entry's leaf.
    pub leaf_hash: Hash,
}

impl FromStr for EntryId {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        let fault = || EntryError::new("its id is not 64 or 80 hexadecimal digits");
        let bytes = hex::decode(text).map_err(|_| fault())?;
        let (tree_id, leaf) = match bytes.len() {
            32 => (None, &bytes[..]),
            40 => (bytes.first_chunk().map(|tree| u64::from_be_bytes(*tree)), &bytes[8..]),
            _ => return Err(fault()),
        };
        Ok(Self { tree_id, leaf_hash: leaf.try_into().map_err(|_| fault())? })
    }
}

/// Parses a JSON string. The first fault in a list of ids ends its reading.
impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryIdVisitor;
        impl Visitor<'_> for EntryIdVisitor {
            type Value = EntryId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry id")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EntryId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(EntryIdVisitor)
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tree_id) = self.tree_id {
            write!(f, "{tree_id:016x}")?;
        }
        f.write_str(&hex::encode(self.leaf_hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_or_80_hex_digits_in_any_case() {
        let leaf_hash = [0xab; 32];
        let id = EntryId { tree_id: Some(0x24), leaf_hash };
        let text = id.to_string();
        assert_eq!(text, format!("0000000000000024{}", "ab".repeat(32)));
        assert_eq!(text.to_uppercase().parse::<EntryId>().unwrap(), id);
        assert_eq!(text[16..].parse::<EntryId>().unwrap(), EntryId { tree_id: None, leaf_hash });
        for bad in ["", "ab", &text[1..], &text.replace('2', "g"), &"é".repeat(40)] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad}");
        }
        let error = serde_json::from_str::<EntryId>("1").unwrap_err().to_string();
        assert!(error.contains("expected an entry id"), "{error}");
    }
}
