//! Sightings: the signed and recorded fact that a tag was seen at a digest.

mod anew;
mod findings;
mod kms;
mod signer;
mod statement;

pub use anew::{AnewError, record_anew};
pub use findings::{Finding, Findings, First};
pub use kms::KmsKey;
pub use signer::{SignError, Signer};
pub use statement::{PREDICATE_TYPE, parse as parse_statement, statement, subject_hash};

pub use crate::local_key::{LocalKey, LocalKeyError};

use crate::dsse;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::rekor::intoto::{Body, IntotoBody, proposed_entry};
use crate::rekor::{LogEntry, VerifiedEntry};

/// A statement with a signature by a trusted key. It can only be made by checking the signature.
#[derive(Debug, Clone)]
pub struct SignedStatement {
    tag: Tag,
    digest: Digest,
    key: PublicKey,
    signature: Vec<u8>,
}

impl SignedStatement {
    /// `None` unless `signature` (ASN.1 DER) is by `key` over the DSSE encoding of the statement.
    pub fn check(tag: Tag, digest: Digest, key: &PublicKey, signature: Vec<u8>) -> Option<Self> {
        let signed = dsse::pae(dsse::IN_TOTO, &statement(&tag, &digest));
        key.verifies(&signed, &signature).then(|| Self { tag, digest, key: key.clone(), signature })
    }

    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The entry to upload to the log: always the same bytes for this statement and signature.
    pub fn proposed_entry(&self) -> Vec<u8> {
        proposed_entry(dsse::IN_TOTO, &statement(&self.tag, &self.digest), &self.signature, &self.key)
    }

    /// This statement as recorded by `entry`; `None` if the entry records something else.
    pub fn recorded_by(&self, entry: VerifiedEntry) -> Option<Sighting> {
        let Body::Intoto(body) = entry.body() else { return None };
        // The very signature that this statement was made with needs no second check.
        let signed_so = body.signatures.iter().any(|one| one.signature == self.signature);
        let by_key = keys_in(body, std::slice::from_ref(&self.key)).next().is_some();
        if signed_so && by_key && records(body, &self.tag, &self.digest) {
            return Some(Sighting { statement: self.clone(), entry });
        }
        Sighting::check(entry, self.tag.clone(), self.digest.clone(), std::slice::from_ref(&self.key))
    }
}

/// A statement, signed by a trusted key and held by the log. It can only be made by checking both.
#[derive(Debug, Clone)]
pub struct Sighting {
    statement: SignedStatement,
    entry: VerifiedEntry,
}

impl Sighting {
    /// `None` unless `entry` records that `tag` was at `digest`, with a signature by one of the `trusted` keys.
    pub fn check(entry: VerifiedEntry, tag: Tag, digest: Digest, trusted: &[PublicKey]) -> Option<Self> {
        let Body::Intoto(body) = entry.body() else { return None };
        if !records(body, &tag, &digest) {
            return None;
        }
        // Each signature, because the key beside it need not be the one that made it.
        let statement = keys_in(body, trusted).find_map(|key| {
            let mut signatures = body.signatures.iter().map(|one| one.signature.clone());
            signatures.find_map(|signature| SignedStatement::check(tag.clone(), digest.clone(), key, signature))
        })?;
        Some(Self { statement, entry })
    }

    pub fn tag(&self) -> &Tag {
        &self.statement.tag
    }

    pub fn digest(&self) -> &Digest {
        &self.statement.digest
    }

    pub fn statement(&self) -> &SignedStatement {
        &self.statement
    }

    pub fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// Whether an entry names one of the `trusted` keys. The log takes an entry only if each key that it names made one of
/// its signatures, so anyone's but ours can be passed over without further checks.
pub fn names_key(entry: &LogEntry, trusted: &[PublicKey]) -> bool {
    matches!(entry.body(), Body::Intoto(body) if keys_in(body, trusted).next().is_some())
}

/// The trusted keys that an entry names.
fn keys_in<'a>(body: &IntotoBody, trusted: &'a [PublicKey]) -> impl Iterator<Item = &'a PublicKey> {
    trusted.iter().filter(|trusted| body.signatures.iter().any(|signature| signature.key == **trusted))
}

/// Whether an entry's statement is that `tag` was at `digest`.
fn records(body: &IntotoBody, tag: &Tag, digest: &Digest) -> bool {
    body.payload_type == dsse::IN_TOTO && body.payload_hash == payload_hash(tag, digest)
}

fn payload_hash(tag: &Tag, digest: &Digest) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(statement(tag, digest)).into()
}
