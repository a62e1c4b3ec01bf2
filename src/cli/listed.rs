//! An entry as it is shown: one line for people, one object for programs.

use serde::Serialize;

use crate::dsse;
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::rekor::intoto::Body;
use crate::rekor::{Fault, LogEntry, LogKeys, Rekor};
use crate::sighting::{Finding, parse_statement};

/// What an entry is to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// By a key that the user named: the tag was seen at the digest.
    Sighting,
    /// By a key that the user named, but the log has not the statement that was signed: the digest is not known.
    Unattested,
    /// By a key that the user named, about something else.
    Unrelated,
    /// It bears a key that the user named, and does not verify.
    Unverifiable,
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
}

impl Listed {
    /// `log_keys` are for checking a foreign entry, which a [`Finding`] does not.
    pub fn new(tag: &Tag, finding: &Finding, log: &Rekor, log_keys: &LogKeys) -> Self {
        match finding {
            Finding::Sighting(sighting) => {
                let digest = Some(sighting.digest());
                Self::of(Standing::Sighting, sighting.entry(), digest, &[], log)
            }
            Finding::Unattested { entry, fault } => {
                Self::of(Standing::Unattested, entry, None, std::slice::from_ref(fault), log)
            }
            Finding::Unrelated(entry) => Self::of(Standing::Unrelated, entry, None, &[], log),
            Finding::Unverifiable { entry, faults } => Self::of(Standing::Unverifiable, entry, None, faults, log),
            Finding::Foreign(entry) => {
                let mut faults = LogEntry::clone(entry).verify(log_keys).err().unwrap_or_default();
                let digest = match entry.verify_attestation() {
                    Ok(()) => claimed(tag, entry),
                    Err(found) => {
                        faults.extend(found);
                        None
                    }
                };
                Self::of(Standing::Foreign, entry, digest.as_ref(), &faults, log)
            }
        }
    }

    fn of(standing: Standing, entry: &LogEntry, digest: Option<&Digest>, faults: &[Fault], log: &Rekor) -> Self {
        let keys = match entry.body() {
            Body::Intoto(body) => body.signatures.iter().map(|signature| fingerprint(&signature.key)).collect(),
            _ => Vec::new(),
        };
        Self {
            standing,
            log_index: entry.log_index(),
            integrated_time: entry.integrated_at(),
            id: entry.id().to_string(),
            url: log.entry_url(entry.id()),
            digest: digest.map(Digest::to_string),
            keys,
            faults: faults.iter().map(Fault::to_string).collect(),
        }
    }
}

/// The digest that a stranger's statement names, if it is one about `tag`.
fn claimed(tag: &Tag, entry: &LogEntry) -> Option<Digest> {
    let Body::Intoto(body) = entry.body() else { return None };
    let (about, digest) = parse_statement(entry.attestation()?)?;
    (body.payload_type == dsse::IN_TOTO && about == *tag).then_some(digest)
}

/// How keys are told apart: the sha256 of the SubjectPublicKeyInfo, as `openssl pkey -pubin -outform der | sha256sum`
/// prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    hex::encode(key.id())
}
