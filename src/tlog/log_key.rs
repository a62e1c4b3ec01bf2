//! The key of a log, with what a signature by it means.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use url::Url;

use super::vkey::{ED25519_SPKI, VerifierKey, is_key_name, key_id};
use crate::key::{Fingerprint, KeyError, PublicKey};

/// The signature type of Ed25519 in a key's id (C2SP signed-note, "Signature types").
const ED25519: u8 = 0x01;

/// A version of Rekor's API. The two make entries and checkpoints of different forms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum RekorApi {
    /// Signs a time with each entry, and searches.
    #[default]
    V1,
    /// A log of tiles (C2SP tlog-tiles), which signs checkpoints and nothing else.
    V2,
}

impl fmt::Display for RekorApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// The public key of a log, or of one of its shards.
#[derive(Debug, Clone)]
pub struct LogKey {
    key: PublicKey,
    id: [u8; 32],
    log: NamedLog,
}

/// The log that has a key, as far as it is known.
#[derive(Debug, Clone)]
enum NamedLog {
    /// The checkpoints of a Rekor v1 name a tree of the log. Where the log is may be known.
    V1 { url: Option<Box<Url>> },
    /// The name that a Rekor v2 signs its checkpoints under.
    V2 { origin: String },
}

/// The same key is equal wherever its log is.
impl PartialEq for LogKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.id, self.origin()) == (&other.key, &other.id, other.origin())
    }
}

impl LogKey {
    /// The key of a Rekor v1. Its log id is the key's sha256 (RFC 6962 section 3.2).
    pub fn v1(key: PublicKey) -> Self {
        Self { id: key.id(), key, log: NamedLog::V1 { url: None } }
    }

    /// The Ed25519 key of a Rekor v2 whose checkpoints have this origin. Its log id is the key's id in signed notes,
    /// `sha256(origin || 0x0A || 0x01 || key)`.
    pub fn v2(key: PublicKey, origin: &str) -> Result<Self, KeyError> {
        let bytes = key.der().strip_prefix(&ED25519_SPKI).filter(|bytes| bytes.len() == 32);
        let bytes = bytes.ok_or_else(|| KeyError::new("a log of API version 2 has an Ed25519 key"))?;
        if !is_key_name(origin) {
            return Err(KeyError::new("a log's origin has no white space and no plus sign"));
        }
        Ok(Self { id: key_id(origin, ED25519, bytes), key, log: NamedLog::V2 { origin: origin.to_owned() } })
    }

    /// Parses a line `<origin>+<id's first four bytes in hex>+<base64 of 0x01 and the key>` (C2SP signed-note, "Verifier
    /// keys").
    pub fn from_vkey(line: &str) -> Result<Self, KeyError> {
        let vkey = VerifierKey::parse(line)?;
        let key = vkey.ed25519(ED25519);
        let key = key.ok_or_else(|| KeyError::new("a log's verifier key is of type 1, Ed25519"))??;
        let key = Self::v2(key, vkey.name)?;
        vkey.check_id()?;
        Ok(key)
    }

    /// Parses keys in PEM, as [`PublicKey::all_from_pem`] does, and verifier keys between them, one on a line. A key in PEM is
    /// one of a Rekor v1, and an Ed25519 key one of a Rekor v2 if an `origin` is given.
    pub fn all_from_text(text: &str, origin: Option<&str>) -> Result<Vec<Self>, KeyError> {
        let in_pem = |key: PublicKey| match origin {
            Some(origin) if key.der().starts_with(&ED25519_SPKI) => Self::v2(key, origin),
            _ => Ok(Self::v1(key)),
        };
        let mut keys: Vec<Self> = PublicKey::all_from_pem(text)?.into_iter().map(in_pem).collect::<Result<_, _>>()?;
        let mut inside = false;
        for line in text.lines().map(str::trim) {
            match line {
                _ if line.starts_with("-----BEGIN") => inside = true,
                _ if line.starts_with("-----END") => inside = false,
                _ if !inside && line.contains('+') => keys.push(Self::from_vkey(line)?),
                _ => {}
            }
        }
        Ok(keys)
    }

    /// The same key, of a Rekor v1 at this URL. That of a Rekor v2 stays as it is: its origin tells where the log is.
    pub(crate) fn at(self, url: Url) -> Self {
        match self.log {
            NamedLog::V1 { .. } => Self { log: NamedLog::V1 { url: Some(Box::new(url)) }, ..self },
            NamedLog::V2 { .. } => self,
        }
    }

    /// The URL of a Rekor v1, if it is known.
    pub(crate) fn url(&self) -> Option<&Url> {
        match &self.log {
            NamedLog::V1 { url } => url.as_deref(),
            NamedLog::V2 { .. } => None,
        }
    }

    /// The public key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The log id that entries name.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The API of the log.
    pub fn api(&self) -> RekorApi {
        match self.log {
            NamedLog::V1 { .. } => RekorApi::V1,
            NamedLog::V2 { .. } => RekorApi::V2,
        }
    }

    /// The public key's name for the ledger.
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// The name that checkpoints are signed under; `None` for Rekor v1.
    pub fn origin(&self) -> Option<&str> {
        match &self.log {
            NamedLog::V1 { .. } => None,
            NamedLog::V2 { origin } => Some(origin),
        }
    }

    /// The start of the id, which stands beside a signature.
    pub(super) fn hint(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.id;
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::V2_KEY;
    use super::*;
    use crate::sighting::LocalKey;

    #[test]
    fn verifier_keys_may_stand_before_and_after_keys_in_pem() {
        let key = LocalKey::generate().unwrap();
        let pem = key.public_key().pem();
        let apis = |text: &str| -> Vec<String> {
            LogKey::all_from_text(text, None).unwrap().iter().map(|key| key.api().to_string()).collect()
        };
        assert_eq!(apis(&format!("{V2_KEY}\n{pem}")), ["v1", "v2"]);
        assert_eq!(apis(&format!("{pem}\n{V2_KEY}\n{pem}")), ["v1", "v1", "v2"]);
    }
}
