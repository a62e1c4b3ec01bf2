//! Sightings: the signed and recorded fact that a tag was seen at a digest.

mod error;
mod finding;
mod findings;
mod kms;
mod lookup;
mod signer;
mod statement;
mod upload;

pub use error::SignError;
pub use finding::{Finding, Misuse, Refiled};
pub(crate) use finding::{is_by, is_file_by_certificate};
pub use findings::Contradiction;
pub(crate) use findings::{Explained, Findings, First};
pub use kms::KmsKey;
pub(crate) use lookup::Lookup;
pub use signer::Signer;
pub(crate) use statement::PREDICATE_TYPE;
pub use statement::{parse as parse_statement, statement, subject_hash};
pub(crate) use upload::{UploadError, sign_and_upload};

pub use crate::local_key::{LocalKey, LocalKeyError};

use crate::dsse::{self, SignedPayload};
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::tlog::VerifiedEntry;
use crate::tlog::body::{EntryBody, Envelope, Form};

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

    /// The tag that the statement is about.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The digest that the tag was seen at.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The trusted key that the signature verifies with.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// ASN.1 DER, over the DSSE encoding of the statement.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The statement and its signature, to be uploaded to the log: always the same for this statement.
    pub fn signed_payload(&self) -> SignedPayload<'_> {
        let payload = statement(&self.tag, &self.digest);
        SignedPayload { payload_type: dsse::IN_TOTO, payload, signature: &self.signature, key: &self.key }
    }

    /// This statement as recorded by `entry`; `None` if the entry records something else.
    pub fn recorded_by(&self, entry: VerifiedEntry) -> Option<Sighting> {
        let envelope = envelope(&entry)?;
        // The very signature that this statement was made with needs no second check.
        let signed_so = envelope.signatures().any(|signature| signature == self.signature);
        let by_key = keys_in(envelope, std::slice::from_ref(&self.key)).next().is_some();
        if signed_so && by_key && records(envelope, &self.tag, &self.digest) {
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
        let envelope = envelope(&entry).filter(|envelope| records(envelope, &tag, &digest))?;
        // Each signature, because the key beside it need not be the one that made it.
        let statement = keys_in(envelope, trusted).find_map(|key| {
            let mut signatures = envelope.signatures().map(<[u8]>::to_vec);
            signatures.find_map(|signature| SignedStatement::check(tag.clone(), digest.clone(), key, signature))
        })?;
        Some(Self { statement, entry })
    }

    /// The tag that was seen.
    pub fn tag(&self) -> &Tag {
        &self.statement.tag
    }

    /// The digest that the tag was seen at.
    pub fn digest(&self) -> &Digest {
        &self.statement.digest
    }

    /// The statement with the signature that the entry holds.
    pub fn statement(&self) -> &SignedStatement {
        &self.statement
    }

    /// The log's entry that records the statement, with its proofs.
    pub fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// The envelope of an entry that has the form of a sighting.
fn envelope(entry: &VerifiedEntry) -> Option<&Envelope> {
    match entry.body() {
        EntryBody::Envelope(envelope) if envelope.form == Form::IntotoV002 && envelope.is_canonical() => Some(envelope),
        _ => None,
    }
}

/// The trusted keys that an envelope names.
fn keys_in<'a>(envelope: &Envelope, trusted: &'a [PublicKey]) -> impl Iterator<Item = &'a PublicKey> {
    trusted.iter().filter(|trusted| envelope.signers.iter().any(|signer| signer.key.is(trusted)))
}

/// Returns whether an envelope's statement is that `tag` was at `digest`.
fn records(envelope: &Envelope, tag: &Tag, digest: &Digest) -> bool {
    envelope.payload_type.as_deref() == Some(dsse::IN_TOTO) && envelope.records(&statement(tag, digest))
}
