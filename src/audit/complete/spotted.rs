//! Entries of a log that bear one of the keys.

use crate::key::PublicKey;
use crate::tlog::body::{EntryBody, HashedEnvelope, contains_key};

/// Bytes of one entry in a state: its index, the kind of its hash, the hash.
const STORED: usize = 8 + 1 + 32;

/// An entry that bears a key, and what is known of the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spotted {
    pub index: u64,
    pub signed: SpottedContent,
}

/// The part of the signed bytes that an entry keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SpottedContent {
    /// The sha256 of the signed bytes: of a sighting, the DSSE encoding of its statement.
    Message([u8; 32]),
    /// The sha256 of an envelope's payload.
    Payload([u8; 32]),
    /// It holds the key somewhere, or a hash of another kind: it may be anything.
    Unknown,
}

impl Spotted {
    /// The entry of `leaf`, if Rekor reads one of the `keys` in it, or it cannot be understood and holds one.
    pub(crate) fn find(index: u64, leaf: &[u8], keys: &[PublicKey]) -> Option<Self> {
        let signed = match EntryBody::parse_v2(leaf) {
            EntryBody::SignedDigest(signed) => keys
                .iter()
                .any(|key| signed.key.is(key))
                .then(|| signed.sha256.map_or(SpottedContent::Unknown, SpottedContent::Message)),
            _ => match HashedEnvelope::parse(leaf) {
                Some(envelope) => {
                    let is_by = envelope.keys.iter().any(|held| keys.iter().any(|key| held.is(key)));
                    is_by.then(|| envelope.payload_sha256.map_or(SpottedContent::Unknown, SpottedContent::Payload))
                }
                None => keys.iter().any(|key| contains_key(leaf, key)).then_some(SpottedContent::Unknown),
            },
        };
        signed.map(|signed| Self { index, signed })
    }

    /// The entries in the form that a state keeps.
    pub(super) fn store(spotted: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(spotted.len() * STORED);
        for Self { index, signed } in spotted {
            let (kind, hash) = match signed {
                SpottedContent::Message(hash) => (0, *hash),
                SpottedContent::Payload(hash) => (1, *hash),
                SpottedContent::Unknown => (2, [0; 32]),
            };
            bytes.extend(index.to_be_bytes());
            bytes.push(kind);
            bytes.extend(hash);
        }
        bytes
    }

    /// Reads that form; `None` if it is not of entries below `size`, in the order of the log.
    pub(super) fn read(bytes: &[u8], size: u64) -> Option<Vec<Self>> {
        let (stored, rest) = bytes.as_chunks::<STORED>();
        let mut next = 0;
        let mut read = |entry: &[u8; STORED]| {
            let (index, rest) = entry.split_first_chunk()?;
            let (kind, hash) = rest.split_first()?;
            let (index, hash) = (u64::from_be_bytes(*index), hash.try_into().ok()?);
            let signed = match kind {
                0 => SpottedContent::Message(hash),
                1 => SpottedContent::Payload(hash),
                2 => SpottedContent::Unknown,
                _ => return None,
            };
            let fits = (next..size).contains(&index);
            next = index.checked_add(1)?;
            fits.then_some(Self { index, signed })
        };
        if rest.is_empty() { stored.iter().map(&mut read).collect() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde_json::json;

    use super::*;
    use crate::sighting::LocalKey;
    use crate::tlog::body::SignedDigest;

    fn key() -> PublicKey {
        LocalKey::generate().unwrap().public_key().clone()
    }

    #[test]
    fn an_entry_is_spotted_in_each_kind_that_holds_the_key_and_by_no_other_key() {
        let (own, other) = (key(), key());
        let found = |leaf: &[u8]| Spotted::find(7, leaf, &[key(), own.clone()]).map(|spotted| spotted.signed);
        let verifier = |key: &PublicKey| json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": BASE64_STANDARD.encode(key.der())}});
        let dsse = |key: &PublicKey, kind: &str| {
            let hash = json!({"algorithm": kind, "digest": BASE64_STANDARD.encode([5; 32])});
            let signatures = json!([{"content": "AA==", "verifier": verifier(&other)}, {"content": "AA==", "verifier": verifier(key)}]);
            let spec = json!({"dsseV002": {"payloadHash": hash, "signatures": signatures}});
            json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}).to_string().into_bytes()
        };
        assert_eq!(found(&SignedDigest::leaf(&[3; 32], b"x", &own)), Some(SpottedContent::Message([3; 32])));
        assert_eq!(found(&SignedDigest::leaf(&[3; 32], b"x", &other)), None);
        assert_eq!(found(&dsse(&own, "SHA2_256")), Some(SpottedContent::Payload([5; 32])));
        assert_eq!(found(&dsse(&own, "SHA2_512")), Some(SpottedContent::Unknown));
        assert_eq!(found(&dsse(&other, "SHA2_256")), None);
        // A kind that nobody knows yet.
        let later = |key: &PublicKey| json!({"apiVersion": "9", "kind": "later", "key": key.pem()}).to_string();
        assert_eq!(found(later(&own).as_bytes()), Some(SpottedContent::Unknown));
        assert_eq!((found(later(&other).as_bytes()), found(b"")), (None, None));
        let spaced = String::from_utf8(SignedDigest::leaf(&[3; 32], b"x", &own)).unwrap().replace(',', " , ");
        assert_eq!(found(spaced.as_bytes()), Some(SpottedContent::Message([3; 32])), "whatever the form");
        let longer = SignedDigest::leaf(&[3; 32], b"x", &own);
        let longer = String::from_utf8(longer).unwrap().replace("SHA2_256", "SHA2_384");
        assert_eq!(found(longer.as_bytes()), Some(SpottedContent::Unknown));
    }

    #[test]
    fn the_stored_form_is_read_and_any_other_is_refused() {
        let all: Vec<Spotted> =
            [SpottedContent::Message([1; 32]), SpottedContent::Payload([2; 32]), SpottedContent::Unknown]
                .into_iter()
                .zip([0, 5, 6])
                .map(|(signed, index)| Spotted { index, signed })
                .collect();
        let stored = Spotted::store(&all);
        assert_eq!(Spotted::read(&stored, 7), Some(all.clone()));
        assert_eq!(Spotted::read(&stored, 6), None, "beyond the tree");
        assert_eq!(Spotted::read(&stored[1..], 7), None);
        let twice = Spotted::store(&[all[1], all[1]]);
        assert_eq!(Spotted::read(&twice, 7), None);
        let mut kind = stored.clone();
        kind[8] = 3;
        assert_eq!(Spotted::read(&kind, 7), None);
    }
}
