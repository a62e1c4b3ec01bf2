//! An entry of the log as the commands show it.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::dsse;
use crate::image::{Digest, Tag};
use crate::log_search::Unread;
use crate::rekor::Logs;
use crate::sighting::{Explained, Finding, Findings, SightingTime, is_file_by_certificate, parse_statement};
use crate::tlog::body::{EntryBody, Form};
use crate::tlog::{Cosigned, Fault, LogEntry, LogKeys};

/// The kind of a [`Finding`], as it stands in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingKind {
    /// By a key that the user named: the tag was seen at the digest.
    Sighting,
    /// The same statement, filed in another form than a sighting's.
    Refiled,
    /// By a key that the user named, without its statement: the digest is not known.
    Unattested,
    /// By a key that the user named, which signed something else than sightings.
    Misused,
    /// By a key that the user named, about another tag.
    Unrelated,
    /// By a key that the user named, and the log's proof for it does not hold.
    Unverifiable,
    /// With a key that the user named, in a form that cannot be understood.
    Unreadable,
    /// By any other key.
    Foreign,
}

/// An entry that the log lists for a tag.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownEntry {
    pub standing: FindingKind,
    pub log_index: u64,
    /// RFC 3339. Rekor v2 signs no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrated_time: Option<String>,
    /// RFC 3339: a time-stamping authority saw the signature then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_no_later_than: Option<String>,
    /// RFC 3339: the witnesses that --policy demands had seen the entry in the log by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed_no_later_than: Option<String>,
    pub id: String,
    pub url: String,
    /// The digest in its statement. A foreign entry's is only a claim.
    pub digest: Option<String>,
    /// The fingerprints of the keys that signed it.
    pub keys: Vec<String>,
    /// The checks that it fails.
    pub faults: Vec<String>,
    #[serde(skip)]
    leaf_hash: [u8; 32],
    #[serde(skip)]
    has_sightings_form: bool,
}

/// An entry that the log lists and that could not be read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NotRead {
    pub id: String,
    pub reason: String,
}

pub(super) fn not_read(unread: &Unread) -> Vec<NotRead> {
    unread.iter().map(|(id, error)| NotRead { id: id.to_string(), reason: error.to_string() }).collect()
}

impl FindingKind {
    /// As it stands in the JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sighting => "sighting",
            Self::Refiled => "refiled",
            Self::Unattested => "unattested",
            Self::Misused => "misused",
            Self::Unrelated => "unrelated",
            Self::Unverifiable => "unverifiable",
            Self::Unreadable => "unreadable",
            Self::Foreign => "foreign",
        }
    }
}

impl ShownEntry {
    /// `log_keys` check a foreign entry, whose [`Finding`] is unchecked.
    pub(super) fn new(tag: &Tag, finding: &Finding, log: &Logs, log_keys: &LogKeys) -> Self {
        match finding {
            Finding::Sighting(sighting) => {
                let digest = Some(sighting.digest());
                let shown = Self::of(FindingKind::Sighting, sighting.entry(), digest, &[], log);
                let stamped = sighting.stamped().filter(|_| shown.integrated_time.is_none());
                let signed = stamped.map(|stamped| SightingTime::Signed(stamped.timestamp().seconds()));
                let witnessed = sighting.cosigned().and_then(Cosigned::time).map(SightingTime::Witnessed);
                Self {
                    signed_no_later_than: signed.map(SightingTime::rfc3339),
                    witnessed_no_later_than: witnessed.map(SightingTime::rfc3339),
                    ..shown
                }
            }
            Finding::Refiled(refiled) => {
                Self::of(FindingKind::Refiled, refiled.entry(), Some(refiled.digest()), &[], log)
            }
            Finding::Unattested { entry, fault, .. } if is_file_by_certificate(tag, entry) => {
                Self::of(FindingKind::Unrelated, entry, None, &[fault], log)
            }
            Finding::Unattested { entry, fault, .. } => Self::of(FindingKind::Unattested, entry, None, &[fault], log),
            Finding::Misused { entry, misuse } => Self::of(FindingKind::Misused, entry, None, &[misuse], log),
            Finding::Unrelated(entry) => Self::of(FindingKind::Unrelated, entry, None, &[], log),
            Finding::Unverifiable { entry, faults } => {
                Self::of(FindingKind::Unverifiable, entry, None, &as_text(faults), log)
            }
            Finding::Unreadable(entry) => Self::of(FindingKind::Unreadable, entry, None, &[], log),
            Finding::Foreign(entry) => {
                let mut faults = LogEntry::clone(entry).verify(log_keys).err().unwrap_or_default();
                let digest = match entry.verify_attestation() {
                    Ok(()) => claimed(tag, entry),
                    Err(found) => {
                        faults.extend(found);
                        None
                    }
                };
                Self::of(FindingKind::Foreign, entry, digest.as_ref(), &as_text(&faults), log)
            }
        }
    }

    fn of(
        standing: FindingKind,
        entry: &LogEntry,
        digest: Option<&Digest>,
        faults: &[&dyn ToString],
        log: &Logs,
    ) -> Self {
        let keys = entry.body().keys().into_iter().map(|key| hex::encode(Sha256::digest(key.der()))).collect();
        Self {
            standing,
            log_index: entry.log_index(),
            integrated_time: SightingTime::of_entry(entry).map(SightingTime::rfc3339),
            signed_no_later_than: None,
            witnessed_no_later_than: None,
            id: entry.id().to_string(),
            url: log.entry_url(entry),
            digest: digest.map(Digest::to_string),
            keys,
            faults: faults.iter().map(|fault| fault.to_string()).collect(),
            leaf_hash: entry.leaf_hash(),
            has_sightings_form: matches!(entry.body(), EntryBody::Envelope(envelope) if envelope.form == Form::IntotoV002),
        }
    }

    /// Its time, for people.
    pub(super) fn time(&self) -> String {
        match (&self.integrated_time, &self.signed_no_later_than, &self.witnessed_no_later_than) {
            (Some(recorded), _, _) => recorded.clone(),
            (None, Some(signed), _) => format!("signed no later than {signed}"),
            (None, None, Some(witnessed)) => format!("no later than {witnessed}"),
            (None, None, None) => "at a time that nobody signed".to_owned(),
        }
    }

    /// Classifies an entry without its statement by what other entries show. A sighting that has lost its statement stays
    /// one.
    pub(super) fn explain(&mut self, findings: &Findings) {
        if self.has_sightings_form {
            return;
        }
        let Some(explained) = findings.explained(&self.leaf_hash) else { return };
        (self.standing, self.digest, self.faults) = match explained {
            Explained::Digest(digest) => (FindingKind::Refiled, Some(digest.to_string()), Vec::new()),
            Explained::Unrelated => (FindingKind::Unrelated, None, Vec::new()),
            Explained::Misused(misuse) => (FindingKind::Misused, None, vec![misuse.to_string()]),
        };
    }
}

fn as_text(faults: &[Fault]) -> Vec<&dyn ToString> {
    faults.iter().map(|fault| fault as _).collect()
}

/// The digest in a foreign statement about `tag`.
fn claimed(tag: &Tag, entry: &LogEntry) -> Option<Digest> {
    let EntryBody::Envelope(envelope) = entry.body() else { return None };
    let (about, digest) = parse_statement(entry.attestation()?)?;
    (envelope.payload_type.as_deref() == Some(dsse::IN_TOTO) && about == *tag).then_some(digest)
}
