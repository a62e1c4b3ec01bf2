//! Signed files in the log: `hashedrekord`, `rekord`, and the kinds of package formats.

use super::key::EntryKey;
use super::wire::{Content, Cose, Data, Hashedrekord, Leaf, Package, Rekord};
use super::{EntryBody, go, pgp};

/// Signed bytes, by their hash.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The key beside the signature.
    pub key: EntryKey,
    /// ASN.1 DER for ECDSA.
    pub signature: Vec<u8>,
    /// `None` if the entry has a hash of another kind.
    pub sha256: Option<[u8; 32]>,
}

impl Artifact {
    pub(super) fn hashedrekord(leaf: &[u8]) -> Option<Self> {
        let Leaf { spec: Hashedrekord { data, signature } } = serde_json::from_slice(leaf).ok()?;
        Self::new(&data, &signature.content, &signature.public_key)
    }

    fn new(data: &Data, signature: &str, key: &Content) -> Option<Self> {
        let key = EntryKey::from_pem(&go::base64(key.content.as_bytes())?)?;
        Some(Self { key, signature: go::base64(signature.as_bytes())?, sha256: data.hash.sha256() })
    }
}

/// Parses a `rekord`, which Rekor checks in one of four formats. Keys of minisign are Ed25519 in an encoding of its own.
pub(super) fn rekord(leaf: &[u8]) -> Option<EntryBody> {
    let Leaf { spec: Rekord { data, signature } } = serde_json::from_slice(leaf).ok()?;
    let key = || go::base64(signature.public_key.content.as_bytes());
    Some(match &*signature.format {
        "x509" => EntryBody::Artifact(Artifact::new(&data, &signature.content, &signature.public_key)?),
        "ssh" => EntryBody::OtherForm(EntryKey::from_ssh(&key()?).into_iter().collect()),
        "pgp" => EntryBody::OtherForm(pgp::signing_keys(&key()?)),
        _ => return None,
    })
}

/// The keys of an entry whose signature covers a COSE message or a package.
pub(super) fn other_form(kind: &str, leaf: &[u8]) -> Option<Vec<EntryKey>> {
    let key = match kind {
        "cose" => serde_json::from_slice::<Leaf<Cose>>(leaf).ok()?.spec.public_key,
        _ => serde_json::from_slice::<Leaf<Package>>(leaf).ok()?.spec.public_key.content,
    };
    let key = go::base64(key.as_bytes())?;
    Some(match kind {
        "helm" | "rpm" => pgp::signing_keys(&key),
        _ => vec![EntryKey::from_pem(&key)?],
    })
}
