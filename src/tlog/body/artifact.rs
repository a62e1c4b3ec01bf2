//! Signed files in the log: `hashedrekord`, `rekord`, and the kinds of package formats.

use serde::Deserialize;

use super::envelope::wire::{Hash, Leaf};
use super::key::EntryKey;
use super::{Body, go, pgp};

/// Bytes that were signed as they are, by their hash.
#[derive(Debug, Clone)]
pub struct Artifact {
    pub key: EntryKey,
    /// ASN.1 DER for ECDSA.
    pub signature: Vec<u8>,
    /// `None` if it is another hash than sha256.
    pub sha256: Option<[u8; 32]>,
}

#[derive(Deserialize)]
struct Data {
    hash: Hash,
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

impl Artifact {
    pub(super) fn hashedrekord(leaf: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Spec {
            data: Data,
            signature: Signature,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Signature {
            content: String,
            public_key: Content,
        }
        let Leaf { spec: Spec { data, signature } } = serde_json::from_slice(leaf).ok()?;
        Self::new(&data, &signature.content, &signature.public_key)
    }

    fn new(data: &Data, signature: &str, key: &Content) -> Option<Self> {
        let key = EntryKey::from_pem(&go::base64(key.content.as_bytes())?)?;
        Some(Self { key, signature: go::base64(signature.as_bytes())?, sha256: data.hash.sha256() })
    }
}

/// Rekor checks a `rekord` in one of four formats. Keys of minisign are Ed25519 in an encoding of its own.
pub(super) fn rekord(leaf: &[u8]) -> Option<Body> {
    #[derive(Deserialize)]
    struct Spec {
        data: Data,
        signature: Signature,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Signature {
        content: String,
        format: String,
        public_key: Content,
    }
    let Leaf { spec: Spec { data, signature } } = serde_json::from_slice(leaf).ok()?;
    let key = || go::base64(signature.public_key.content.as_bytes());
    Some(match &*signature.format {
        "x509" => Body::Artifact(Artifact::new(&data, &signature.content, &signature.public_key)?),
        "ssh" => Body::OtherForm(EntryKey::from_ssh(&key()?).into_iter().collect()),
        "pgp" => Body::OtherForm(pgp::signing_keys(&key()?)),
        _ => return None,
    })
}

/// The keys of an entry whose signature is over a form of its own: a COSE message, or a package.
pub(super) fn other_form(kind: &str, leaf: &[u8]) -> Option<Vec<EntryKey>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Cose {
        public_key: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Package {
        public_key: Content,
    }
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
