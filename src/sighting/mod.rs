//! Sightings: the signed and recorded fact that a tag was seen at a digest.

mod error;
mod finding;
mod findings;
mod kms;
mod lookup;
mod signer;
mod statement;
#[cfg(test)]
pub(crate) mod test_log;
mod time;
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
pub use time::SightingTime;
pub(crate) use upload::{UploadError, sign_and_upload};

pub use crate::local_key::{LocalKey, LocalKeyError};

use sha2::{Digest as _, Sha256};

use crate::dsse::{self, SignedPayload};
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::timestamp::Stamped;
use crate::tlog::body::{EntryBody, EntryKey, Form};
use crate::tlog::{Cosigned, VerifiedEntry};

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

    /// The sha256 that the signature is over. An entry of Rekor v2 has it in place of the statement.
    pub fn signed_sha256(&self) -> [u8; 32] {
        signed_sha256(&statement(&self.tag, &self.digest))
    }

    /// This statement as recorded by `entry`; `None` if the entry records something else.
    pub fn recorded_by(&self, entry: VerifiedEntry) -> Option<Sighting> {
        let signatures = Signatures::of(&entry, &self.tag, &self.digest)?;
        // The very signature that this statement was made with needs no second check.
        let signed_so = signatures.signatures.iter().any(|signature| *signature == self.signature);
        if signed_so && signatures.keys(std::slice::from_ref(&self.key)).next().is_some() {
            return Some(Sighting { statement: self.clone(), entry, stamped: None, cosigned: None });
        }
        Sighting::check(entry, self.tag.clone(), self.digest.clone(), std::slice::from_ref(&self.key))
    }
}

/// A statement, signed by a trusted key and held by the log. It can only be made by checking both.
#[derive(Debug, Clone)]
pub struct Sighting {
    statement: SignedStatement,
    entry: VerifiedEntry,
    /// A verified time stamp of the statement's signature.
    stamped: Option<Stamped>,
    /// The checkpoint of its entry counts by a policy.
    cosigned: Option<Cosigned>,
}

impl Sighting {
    /// `None` unless `entry` records that `tag` was at `digest`, with a signature by one of the `trusted` keys.
    pub fn check(entry: VerifiedEntry, tag: Tag, digest: Digest, trusted: &[PublicKey]) -> Option<Self> {
        let signatures = Signatures::of(&entry, &tag, &digest)?;
        // Each signature, because the key beside it need not be the one that made it.
        let statement = signatures.keys(trusted).find_map(|key| {
            let mut signatures = signatures.signatures.iter().map(|signature| signature.to_vec());
            signatures.find_map(|signature| SignedStatement::check(tag.clone(), digest.clone(), key, signature))
        })?;
        Some(Self { statement, entry, stamped: None, cosigned: None })
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

    /// The same with the time stamp of its signature, which has been verified.
    pub fn with_stamp(self, stamped: Option<Stamped>) -> Self {
        Self { stamped, ..self }
    }

    /// The time stamp of its signature.
    pub fn stamped(&self) -> Option<&Stamped> {
        self.stamped.as_ref()
    }

    /// The same with what a policy found of the checkpoint of its entry.
    pub fn with_cosigned(self, cosigned: Cosigned) -> Self {
        Self { cosigned: Some(cosigned), ..self }
    }

    /// The standing of its entry's checkpoint by a policy; `None` if none was asked.
    pub fn cosigned(&self) -> Option<Cosigned> {
        self.cosigned
    }

    /// The time that somebody signed for it, if there is one. Where the log signs none, witnesses and an authority both
    /// say 'no later than': the earlier of the two says more.
    pub fn time(&self) -> Option<SightingTime> {
        let recorded = self.recorded_time();
        if matches!(recorded, Some(SightingTime::Recorded(_))) {
            return recorded;
        }
        let stamped = self.stamped.as_ref().map(|stamped| SightingTime::Signed(stamped.timestamp().seconds()));
        // Of two equal ones, that of the witnesses: what was recorded was signed before.
        recorded.into_iter().chain(stamped).min_by_key(|time| time.seconds())
    }

    /// The time at which the log had it, or by which witnesses had seen it there. A time stamp is no such time: what was
    /// signed can be kept back for as long as its signer likes.
    pub fn recorded_time(&self) -> Option<SightingTime> {
        let witnessed = || self.cosigned.and_then(Cosigned::time).map(SightingTime::Witnessed);
        SightingTime::of_entry(&self.entry).or_else(witnessed)
    }

    /// The log's entry that records the statement, with its proofs.
    pub fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// The signatures of an entry that has the form of a sighting, and the keys beside them.
struct Signatures<'a> {
    keys: Vec<&'a EntryKey>,
    signatures: Vec<&'a [u8]>,
}

impl<'a> Signatures<'a> {
    /// `None` unless the signed content is that `tag` was at `digest`.
    fn of(entry: &'a VerifiedEntry, tag: &Tag, digest: &Digest) -> Option<Self> {
        let (payload, keys) = (statement(tag, digest), entry.body().keys());
        let signatures = match entry.body() {
            EntryBody::Envelope(envelope) if envelope.form == Form::IntotoV002 && envelope.is_canonical() => {
                let is_so = envelope.payload_type.as_deref() == Some(dsse::IN_TOTO) && envelope.records(&payload);
                is_so.then(|| envelope.signatures().collect())
            }
            EntryBody::SignedDigest(signed) if signed.is_canonical() => {
                (signed.sha256 == Some(signed_sha256(&payload))).then(|| vec![&*signed.signature])
            }
            _ => None,
        };
        Some(Self { keys, signatures: signatures? })
    }

    /// The trusted keys among the keys.
    fn keys<'t>(&self, trusted: &'t [PublicKey]) -> impl Iterator<Item = &'t PublicKey> {
        trusted.iter().filter(|trusted| self.keys.iter().any(|key| key.is(trusted)))
    }
}

/// The sha256 of a statement in the encoding that its signature is over.
fn signed_sha256(statement: &[u8]) -> [u8; 32] {
    Sha256::digest(dsse::pae(dsse::IN_TOTO, statement)).into()
}
