//! An entry as it is shown: one line for people, one object for programs.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::lookup::Unread;
use crate::dsse;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::rekor::body::{Body, Form};
use crate::rekor::{Fault, LogEntry, LogKeys, Rekor};
use crate::sighting::{Explained, Finding, Findings, is_file_by_certificate, parse_statement};

/// What an entry is to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// By a key that the user named: the tag was seen at the digest.
    Sighting,
    /// The same statement, filed in another form than a sighting's.
    Refiled,
    /// By a key that the user named, but the log does not say what was signed: the digest is not known.
    Unattested,
    /// By a key that the user named, which signed something else than sightings.
    Misused,
    /// By a key that the user named, about another tag.
    Unrelated,
    /// By a key that the user named, and the log's proof for it does not hold.
    Unverifiable,
    /// It holds a key that the user named, and cannot be understood.
    Unreadable,
    /// By any other key.
    Foreign,
}

/// An entry that the log lists for a tag.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub standing: Standing,
    pub log_index: u64,
    /// RFC 3339.
    pub integrated_time: String,
    pub id: String,
    pub url: String,
    /// What it says that the tag is. Of a foreign entry this means nothing more than that someone said so.
    pub digest: Option<String>,
    /// The keys of its signatures: the sha256 of each (SubjectPublicKeyInfo, DER).
    pub keys: Vec<String>,
    /// What does not hold of it.
    pub faults: Vec<String>,
    #[serde(skip)]
    leaf_hash: [u8; 32],
    #[serde(skip)]
    has_sightings_form: bool,
}

/// An entry that the log lists and that could not be read.
#[derive(Debug, Clone, Serialize)]
pub struct NotRead {
    pub id: String,
    pub reason: String,
}

pub fn not_read(unread: &Unread) -> Vec<NotRead> {
    unread.iter().map(|(id, error)| NotRead { id: id.to_string(), reason: error.to_string() }).collect()
}

impl Listed {
    /// `log_keys` are for checking a foreign entry, which a [`Finding`] does not.
    pub fn new(tag: &Tag, finding: &Finding, log: &Rekor, log_keys: &LogKeys) -> Self {
        match finding {
            Finding::Sighting(sighting) => {
                let digest = Some(sighting.digest());
                Self::of(Standing::Sighting, sighting.entry(), digest, &[], log)
            }
            Finding::Refiled(refiled) => Self::of(Standing::Refiled, refiled.entry(), Some(refiled.digest()), &[], log),
            Finding::Unattested { entry, fault, .. } if is_file_by_certificate(tag, entry) => {
                Self::of(Standing::Unrelated, entry, None, &[fault], log)
            }
            Finding::Unattested { entry, fault, .. } => Self::of(Standing::Unattested, entry, None, &[fault], log),
            Finding::Misused { entry, misuse } => Self::of(Standing::Misused, entry, None, &[misuse], log),
            Finding::Unrelated(entry) => Self::of(Standing::Unrelated, entry, None, &[], log),
            Finding::Unverifiable { entry, faults } => {
                Self::of(Standing::Unverifiable, entry, None, &as_text(faults), log)
            }
            Finding::Unreadable(entry) => Self::of(Standing::Unreadable, entry, None, &[], log),
            Finding::Foreign(entry) => {
                let mut faults = LogEntry::clone(entry).verify(log_keys).err().unwrap_or_default();
                let digest = match entry.verify_attestation() {
                    Ok(()) => claimed(tag, entry),
                    Err(found) => {
                        faults.extend(found);
                        None
                    }
                };
                Self::of(Standing::Foreign, entry, digest.as_ref(), &as_text(&faults), log)
            }
        }
    }

    fn of(
        standing: Standing,
        entry: &LogEntry,
        digest: Option<&Digest>,
        faults: &[&dyn ToString],
        log: &Rekor,
    ) -> Self {
        let keys = entry.body().keys().into_iter().map(|key| hex::encode(Sha256::digest(key.der()))).collect();
        Self {
            standing,
            log_index: entry.log_index(),
            integrated_time: entry.integrated_at(),
            id: entry.id().to_string(),
            url: log.entry_url(entry.id()),
            digest: digest.map(Digest::to_string),
            keys,
            faults: faults.iter().map(|fault| fault.to_string()).collect(),
            leaf_hash: entry.leaf_hash(),
            has_sightings_form: matches!(entry.body(), Body::Envelope(envelope) if envelope.form == Form::IntotoV002),
        }
    }

    /// Says what other entries show an entry to be that does not tell by itself. A sighting that has lost its statement
    /// stays one.
    pub fn explain(&mut self, findings: &Findings) {
        if self.has_sightings_form {
            return;
        }
        let Some(explained) = findings.explained(&self.leaf_hash) else { return };
        (self.standing, self.digest, self.faults) = match explained {
            Explained::Digest(digest) => (Standing::Refiled, Some(digest.to_string()), Vec::new()),
            Explained::Unrelated => (Standing::Unrelated, None, Vec::new()),
            Explained::Misused(misuse) => (Standing::Misused, None, vec![misuse.to_string()]),
        };
    }
}

fn as_text(faults: &[Fault]) -> Vec<&dyn ToString> {
    faults.iter().map(|fault| fault as _).collect()
}

/// The digest that a stranger's statement names, if it is one about `tag`.
fn claimed(tag: &Tag, entry: &LogEntry) -> Option<Digest> {
    let Body::Envelope(envelope) = entry.body() else { return None };
    let (about, digest) = parse_statement(entry.attestation()?)?;
    (envelope.payload_type.as_deref() == Some(dsse::IN_TOTO) && about == *tag).then_some(digest)
}

/// How keys are told apart: the sha256 of the SubjectPublicKeyInfo, as `openssl pkey -pubin -outform der | sha256sum`
/// prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    hex::encode(key.id())
}
