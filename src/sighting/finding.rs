//! The meaning of one entry for a tag. Nothing here makes a call.

use sha2::{Digest as _, Sha256};

use super::{Sighting, parse_statement, statement, subject_hash};
use crate::dsse;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::tlog::body::{self, Artifact, EntryBody, Envelope, EnvelopeSigner, Form, SignedDigest};
use crate::tlog::{Fault, LogEntry, LogKeys, VerifiedEntry};

/// The meaning of one entry for a tag.
///
/// An entry counts as a trusted key's if Rekor reads that key in it, in whatever form, because Rekor took it only once the
/// key had signed what is in it. It is judged by what was signed: anyone can file our statements again, as another kind,
/// in a certificate of his own or with the signature's other form, and such copies are the same fact.
#[derive(Debug, Clone)]
pub enum Finding {
    /// By a trusted key and held by the log: the tag was seen at a digest.
    Sighting(Box<Sighting>),
    /// The same statement, filed in a form that no instance writes.
    Refiled(Box<Refiled>),
    /// By a trusted key and held by the log without its statement: it may be about this tag and any digest.
    Unattested {
        /// The entry, which shows who signed and no more.
        entry: Box<VerifiedEntry>,
        /// The statement is missing, has another hash, or is kept as a hash alone.
        fault: Fault,
        /// The known part of the signed content: equal for entries over the same.
        known: Vec<u8>,
    },
    /// By a trusted key and held by the log: the key signed something else than sightings.
    Misused {
        /// The proof: it verifies.
        entry: Box<VerifiedEntry>,
        /// The kind of content, as far as it can be told.
        misuse: Misuse,
    },
    /// By a trusted key and held by the log, about another tag.
    Unrelated(Box<VerifiedEntry>),
    /// By a trusted key, and it does not verify. That is the log's fault, which accepted it, and it might be the entry that
    /// counts.
    Unverifiable {
        /// The entry as the log sent it.
        entry: Box<LogEntry>,
        /// All checks that failed, at least one.
        faults: Vec<Fault>,
    },
    /// It holds a trusted key somewhere and cannot be understood: it may be anything.
    Unreadable(Box<LogEntry>),
    /// By an untrusted key: anyone can file entries under a tag's hash. Not verified.
    Foreign(Box<LogEntry>),
}

/// A statement of ours in an entry of another form than ours.
#[derive(Debug, Clone)]
pub struct Refiled {
    digest: Digest,
    entry: VerifiedEntry,
}

impl Refiled {
    /// The digest that the tag was seen at.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The entry that holds the copy.
    pub fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// Content that a key signed instead of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Somebody else uses the key, or a later version writes another statement.
    #[error("your key signed a statement that no instance writes")]
    OtherStatement,
    /// The payload type is not in-toto's, so another program uses the key.
    #[error("your key signed an envelope of another type")]
    OtherType,
    /// The canonical name was signed as if it were a file's content.
    #[error("your key signed the tag's name alone")]
    Name,
    /// The signed bytes have a format of their own, such as a COSE message or a package.
    #[error("your key signed in a form that no instance uses")]
    OtherForm,
}

impl Finding {
    /// Reads an entry that was found by searching for `tag`.
    pub fn read(tag: &Tag, entry: LogEntry, trusted: &[PublicKey], log_keys: &LogKeys) -> Self {
        if !is_by(&entry, trusted) {
            return if entry.body().is_understood() || !trusted.iter().any(|key| entry.contains_key(key)) {
                Self::Foreign(Box::new(entry))
            } else {
                Self::Unreadable(Box::new(entry))
            };
        }
        let unverified = entry.clone();
        let entry = match entry.verify(log_keys) {
            Ok(entry) => entry,
            Err(faults) => return Self::Unverifiable { entry: Box::new(unverified), faults },
        };
        match entry.body() {
            EntryBody::Envelope(envelope) => match statement_beside(&entry, envelope) {
                _ if envelope.payload_type.as_deref().is_some_and(|kind| kind != dsse::IN_TOTO) => {
                    Self::misused(entry, Misuse::OtherType)
                }
                Ok(statement) => Self::stated(tag, entry, &statement, trusted),
                Err(fault) => {
                    let known = known(envelope, trusted);
                    Self::Unattested { entry: Box::new(entry), fault, known }
                }
            },
            EntryBody::Artifact(Artifact { sha256: Some(hash), .. }) if hex::encode(hash) == subject_hash(tag) => {
                Self::misused(entry, Misuse::Name)
            }
            EntryBody::Artifact(_) | EntryBody::SignedDigest(_) => {
                let known = entry.leaf_hash().to_vec();
                Self::Unattested { entry: Box::new(entry), fault: Fault::HashOnly, known }
            }
            // Nothing is by a key where none can be read.
            EntryBody::OtherForm(_) | EntryBody::Unreadable | EntryBody::UnreadableIntoto => {
                Self::misused(entry, Misuse::OtherForm)
            }
        }
    }

    /// The meaning of a verified entry by a trusted key over the known bytes `signed`.
    fn stated(tag: &Tag, entry: VerifiedEntry, signed: &[u8], trusted: &[PublicKey]) -> Self {
        let EntryBody::Envelope(envelope) = entry.body() else { return Self::misused(entry, Misuse::OtherForm) };
        let (form, message) = (envelope.form, dsse::pae(dsse::IN_TOTO, signed));
        let mut signatures = envelope.signatures().peekable();
        if signatures.peek().is_some() && !signatures.any(|signature| verifies(trusted, &message, signature)) {
            drop(signatures);
            return match form {
                // The log does not keep the type: it checked the signature with another.
                Form::DsseV001 => Self::misused(entry, Misuse::OtherType),
                Form::IntotoV001 | Form::IntotoV002 => {
                    let entry = Box::new(LogEntry::clone(&entry));
                    Self::Unverifiable { entry, faults: vec![Fault::DsseSignature] }
                }
            };
        }
        drop(signatures);
        match parse_statement(signed) {
            None => Self::misused(entry, Misuse::OtherStatement),
            Some((about, _)) if about != *tag => Self::Unrelated(Box::new(entry)),
            Some((about, digest)) => match Sighting::check(entry.clone(), about, digest.clone(), trusted) {
                Some(sighting) => Self::Sighting(Box::new(sighting)),
                None => Self::Refiled(Box::new(Refiled { digest, entry })),
            },
        }
    }

    /// The meaning of an entry without its statement, if `statement` was signed in it; `None` if it was not.
    pub fn with_statement(tag: &Tag, entry: &VerifiedEntry, statement: &[u8], trusted: &[PublicKey]) -> Option<Self> {
        match entry.body() {
            EntryBody::Envelope(envelope) if envelope.records(statement) => {
                Some(Self::stated(tag, entry.clone(), statement, trusted))
            }
            EntryBody::SignedDigest(_) | EntryBody::Artifact(_) => {
                let (hash, signature) = digest_and_signature(entry.body())?;
                let message = dsse::pae(dsse::IN_TOTO, statement);
                let (about, digest) = parse_statement(statement)?;
                let signs = *hash == *Sha256::digest(&message) && verifies(trusted, &message, signature);
                (signs && about == *tag).then(|| match Sighting::check(entry.clone(), about, digest.clone(), trusted) {
                    Some(sighting) => Self::Sighting(Box::new(sighting)),
                    None => Self::Refiled(Box::new(Refiled { digest, entry: entry.clone() })),
                })
            }
            _ => None,
        }
    }

    /// [`Finding::with_statement`] for the statement that `tag` was at `digest`.
    pub fn with_digest(tag: &Tag, entry: &VerifiedEntry, digest: &Digest, trusted: &[PublicKey]) -> Option<Self> {
        Self::with_statement(tag, entry, &statement(tag, digest), trusted)
    }

    fn misused(entry: VerifiedEntry, misuse: Misuse) -> Self {
        Self::Misused { entry: Box::new(entry), misuse }
    }

    /// The entry, if the log was found to hold it.
    pub fn verified(&self) -> Option<&VerifiedEntry> {
        match self {
            Self::Sighting(sighting) => Some(sighting.entry()),
            Self::Refiled(refiled) => Some(&refiled.entry),
            Self::Unattested { entry, .. } | Self::Misused { entry, .. } | Self::Unrelated(entry) => Some(entry),
            Self::Unverifiable { .. } | Self::Unreadable(_) | Self::Foreign(_) => None,
        }
    }
}

/// The sha256 of signed bytes, and the signature, of an entry that holds no more.
fn digest_and_signature(body: &EntryBody) -> Option<(&[u8; 32], &[u8])> {
    match body {
        EntryBody::Artifact(Artifact { sha256, signature, .. }) => Some((sha256.as_ref()?, signature)),
        EntryBody::SignedDigest(SignedDigest { sha256, signature, .. }) => Some((sha256.as_ref()?, signature)),
        _ => None,
    }
}

/// Returns whether Rekor reads one of the `trusted` keys in an entry.
pub(crate) fn is_by(entry: &LogEntry, trusted: &[PublicKey]) -> bool {
    entry.body().keys().iter().any(|key| trusted.iter().any(|trusted| key.is(trusted)))
}

/// Returns whether an entry is of a file that its certificate alone may list under `tag`'s hash. Rekor files an entry
/// under the names in its certificate too, and these say nothing about the signed content. So anyone can file our
/// published signatures as signatures of a file, of whose content only the hash is seen.
pub(crate) fn is_file_by_certificate(tag: &Tag, entry: &LogEntry) -> bool {
    let EntryBody::Artifact(Artifact { key, .. }) = entry.body() else { return false };
    key.certificate_may_name(&format!("sha256:{}", subject_hash(tag)))
}

/// The statement beside an entry, if it has this sha256: for entries over the same that lack it.
pub(crate) fn statement_of(entry: &LogEntry, sha256: &[u8; 32]) -> Option<Vec<u8>> {
    let statement = entry.attestation()?;
    (*sha256 == *Sha256::digest(statement)).then(|| statement.to_vec())
}

/// The statement that the log keeps beside an entry, if it is the one that was signed.
fn statement_beside(entry: &LogEntry, envelope: &Envelope) -> Result<Vec<u8>, Fault> {
    match entry.attestation() {
        Some(statement) if envelope.records(statement) => Ok(statement.to_vec()),
        Some(_) => Err(Fault::Attestation),
        None if envelope.form == Form::DsseV001 => Err(Fault::HashOnly),
        None => Err(Fault::NoAttestation),
    }
}

/// The known part of what was signed in an envelope without its payload. In `dsse`, two with one payload may be of two types,
/// and only our signatures tell them apart. Signatures that strangers add do not count.
fn known(envelope: &Envelope, trusted: &[PublicKey]) -> Vec<u8> {
    let is_ours = |signer: &&EnvelopeSigner| trusted.iter().any(|key| signer.key.is(key));
    let ours = envelope.signers.iter().filter(is_ours).filter_map(|signer| signer.signature.as_deref());
    let signatures: Vec<&[u8]> = ours.filter(|_| envelope.form == Form::DsseV001).collect();
    let payload_hash = envelope.payload_hash.unwrap_or_default();
    [&[envelope.form as u8][..], &payload_hash, &signatures.concat()].concat()
}

fn verifies(trusted: &[PublicKey], message: &[u8], signature: &[u8]) -> bool {
    trusted.iter().any(|key| body::verifies(key, message, signature))
}
