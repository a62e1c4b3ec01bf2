//! The body of an entry, for each of Rekor's kinds: the keys, and the hashes of the bytes that they signed.
//!
//! A leaf is what Rekor made of the uploaded entry (`Canonicalize` in `pkg/types/*/*/entry.go` of sigstore/rekor v1.5): it
//! took it only after it had checked each signature with the key beside it. So an entry is by a key if that is the key
//! which Rekor reads in it, in whatever form.
//!
//! | kind | form of the key | kept of the signed bytes |
//! |---|---|---|
//! | `intoto` 0.0.2 | PEM as sent, one for each signature | type, hash and signatures; the statement beside the entry |
//! | `intoto` 0.0.1 | PEM, rewritten | hash; the statement beside the entry |
//! | `dsse` 0.0.1 | PEM, rewritten, with each signature | hash and signatures |
//! | `hashedrekord` 0.0.1 | PEM, rewritten | hash and signature |
//! | `hashedrekord` 0.0.2, of Rekor v2 | DER, or a certificate | hash and signature |
//! | `dsse` 0.0.2, of Rekor v2 until June 2026 ([`HashedEnvelope`]) | DER, or a certificate | hash and signatures |
//! | `rekord` 0.0.1 | PEM, an OpenSSH line, an OpenPGP ring, minisign | hash; signature |
//! | `cose`, `alpine` 0.0.1 | PEM, rewritten | a hash |
//! | `jar` 0.0.1 | PEM: the first certificate beside the signature, whoever's it is | a hash |
//! | `helm`, `rpm` 0.0.1 | an OpenPGP ring | a hash |
//! | `rfc3161` 0.0.1 | in the time stamp, whose hash is all that it is found by | all of it |
//! | `tuf` 0.0.1 | in JSON | all of it |

mod artifact;
mod dsse_v002;
mod ecdsa;
mod envelope;
mod go;
mod key;
mod key_search;
mod pgp;
mod signed_digest;
mod wire;

pub use artifact::Artifact;
pub(crate) use dsse_v002::HashedEnvelope;
pub use ecdsa::verifies;
pub use envelope::{Envelope, EnvelopeSigner, Form};
pub use key::EntryKey;
pub(crate) use key_search::contains_key;
pub use signed_digest::SignedDigest;
pub(crate) use signed_digest::{HASHEDREKORD, HASHEDREKORD_V2, proposed_entry};

/// The version of `intoto` that a sighting is recorded as.
pub(crate) const INTOTO_VERSION: &str = "0.0.2";

/// An entry's body, by the form of the signed bytes.
#[derive(Debug, Clone)]
pub enum EntryBody {
    /// A DSSE envelope.
    Envelope(Envelope),
    /// Bytes, by their hash.
    Artifact(Artifact),
    /// Bytes, by their hash, in a Rekor v2.
    SignedDigest(SignedDigest),
    /// Bytes in a form of their own, whose signature never fits an envelope. The keys are those that Rekor checked it with,
    /// as far as one may be ours.
    OtherForm(Vec<EntryKey>),
    /// An entry of a kind or version that is not known here, or not as Rekor writes them.
    Unreadable,
    /// An `intoto` entry that cannot be understood.
    UnreadableIntoto,
}

impl EntryBody {
    pub(super) fn parse(leaf: &[u8]) -> Self {
        let Ok(wire::Version { kind, api_version }) = serde_json::from_slice(leaf) else { return Self::Unreadable };
        match (&*kind, &*api_version) {
            ("intoto", INTOTO_VERSION) => Envelope::intoto_v002(leaf).map_or(Self::UnreadableIntoto, Self::Envelope),
            ("intoto", "0.0.1") => Envelope::intoto_v001(leaf).map_or(Self::UnreadableIntoto, Self::Envelope),
            ("intoto", _) => Self::UnreadableIntoto,
            ("dsse", "0.0.1") => Envelope::dsse_v001(leaf).map_or(Self::Unreadable, Self::Envelope),
            ("hashedrekord", "0.0.1") => Artifact::hashedrekord(leaf).map_or(Self::Unreadable, Self::Artifact),
            (HASHEDREKORD, HASHEDREKORD_V2) => SignedDigest::parse(leaf).map_or(Self::Unreadable, Self::SignedDigest),
            ("rekord", "0.0.1") => artifact::rekord(leaf).unwrap_or(Self::Unreadable),
            ("cose" | "alpine" | "helm" | "rpm", "0.0.1") => {
                artifact::other_form(&kind, leaf).map_or(Self::Unreadable, Self::OtherForm)
            }
            // A search finds it by the hash of the whole time stamp, whoever signed that.
            ("rfc3161", "0.0.1") => Self::OtherForm(Vec::new()),
            _ => Self::Unreadable,
        }
    }

    /// Parses a leaf of a Rekor v2, which takes one kind.
    pub(crate) fn parse_v2(leaf: &[u8]) -> Self {
        SignedDigest::parse(leaf).map_or(Self::Unreadable, Self::SignedDigest)
    }

    /// True if the keys and the signed bytes are known.
    pub fn is_understood(&self) -> bool {
        !matches!(self, Self::Unreadable | Self::UnreadableIntoto)
    }

    /// The keys that Rekor checked signatures with, as far as they can be read.
    pub fn keys(&self) -> Vec<&EntryKey> {
        match self {
            Self::Envelope(envelope) => envelope.signers.iter().map(|signer| &signer.key).collect(),
            Self::Artifact(artifact) => vec![&artifact.key],
            Self::SignedDigest(signed) => vec![&signed.key],
            Self::OtherForm(keys) => keys.iter().collect(),
            Self::Unreadable | Self::UnreadableIntoto => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intoto_entry_of_a_version_to_come_is_one_that_cannot_be_understood() {
        let parsed =
            |kind| EntryBody::parse(format!(r#"{{"kind":"{kind}","apiVersion":"0.0.3","spec":{{}}}}"#).as_bytes());
        assert!(matches!(parsed("intoto"), EntryBody::UnreadableIntoto));
        assert!(matches!(parsed("dsse"), EntryBody::Unreadable));
    }
}
