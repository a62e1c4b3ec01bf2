//! What the entries say that a search of the log for a tag leads to. Nothing here asks anyone.

use super::{Sighting, names_key, parse_statement};
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::rekor::intoto::Body;
use crate::rekor::{Fault, LogEntry, LogKeys, VerifiedEntry};

/// What one entry says of a tag.
#[derive(Debug, Clone)]
pub enum Finding {
    /// By a trusted key and held by the log: the tag was seen at a digest.
    Sighting(Box<Sighting>),
    /// By a trusted key and held by the log, but its statement is not to be had, or is not the one that was signed: it
    /// may be about this tag and any digest.
    Unattested { entry: Box<VerifiedEntry>, fault: Fault },
    /// By a trusted key and held by the log, about something else.
    Unrelated(Box<VerifiedEntry>),
    /// It bears a trusted key and does not verify. That is the log's fault, which accepted it, and it might be the entry
    /// that counts.
    Unverifiable { entry: Box<LogEntry>, faults: Vec<Fault> },
    /// By nobody trusted: anyone can file entries under a tag's hash. Not verified.
    Foreign(Box<LogEntry>),
}

impl Finding {
    /// Reads an entry that was found by searching for `tag`.
    pub fn read(tag: &Tag, entry: LogEntry, trusted: &[PublicKey], log_keys: &LogKeys) -> Self {
        if !names_key(&entry, trusted) {
            return Self::Foreign(Box::new(entry));
        }
        // Whether it is signed is checked below, by whichever signature is over it.
        let statement = match (entry.body(), entry.attestation()) {
            (Body::Intoto(body), Some(statement)) if body.records(statement) => Ok(statement.to_vec()),
            (_, Some(_)) => Err(Fault::Attestation),
            (_, None) => Err(Fault::NoAttestation),
        };
        let unverified = entry.clone();
        let entry = match entry.verify(log_keys) {
            Ok(entry) => entry,
            Err(faults) => return Self::Unverifiable { entry: Box::new(unverified), faults },
        };
        match statement.map(|statement| parse_statement(&statement)) {
            Err(fault) => Self::Unattested { entry: Box::new(entry), fault },
            Ok(Some((about, digest))) if about == *tag => {
                match Sighting::check(entry.clone(), about, digest, trusted) {
                    Some(sighting) => Self::Sighting(Box::new(sighting)),
                    None => Self::Unrelated(Box::new(entry)),
                }
            }
            Ok(_) => Self::Unrelated(Box::new(entry)),
        }
    }
}

impl Finding {
    /// The entry, if the log was found to hold it.
    pub fn verified(&self) -> Option<&VerifiedEntry> {
        match self {
            Self::Sighting(sighting) => Some(sighting.entry()),
            Self::Unattested { entry, .. } | Self::Unrelated(entry) => Some(entry),
            Self::Unverifiable { .. } | Self::Foreign(_) => None,
        }
    }

    /// The entry's position over all shards of the log.
    pub fn log_index(&self) -> u64 {
        match self {
            Self::Sighting(sighting) => sighting.entry().log_index(),
            Self::Unattested { entry, .. } | Self::Unrelated(entry) => entry.log_index(),
            Self::Unverifiable { entry, .. } | Self::Foreign(entry) => entry.log_index(),
        }
    }
}

/// What all entries by trusted keys say of a tag, each part in the log's order.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub sightings: Vec<Sighting>,
    /// Entries that are about none of the digests that the sightings tell.
    pub unattested: Vec<VerifiedEntry>,
}

impl Findings {
    /// Sorts what was found; only sightings and entries without a statement count. Of the latter, some may still be about
    /// a digest that another entry tells.
    pub fn new(found: impl IntoIterator<Item = Finding>, trusted: &[PublicKey]) -> Self {
        let mut findings = Self::default();
        for finding in found {
            match finding {
                Finding::Sighting(sighting) => findings.sightings.push(*sighting),
                Finding::Unattested { entry, .. } => findings.unattested.push(*entry),
                Finding::Unrelated(_) | Finding::Unverifiable { .. } | Finding::Foreign(_) => {}
            }
        }
        for known in findings.sightings.clone() {
            findings.consider(known.tag(), known.digest(), trusted);
        }
        findings.sightings.sort_by_key(|sighting| sighting.entry().log_index());
        findings.unattested.sort_by_key(|entry| entry.log_index());
        findings
    }

    /// Learns of a digest that the tag may have been seen at: an entry without a statement that is about it becomes a
    /// sighting.
    pub fn consider(&mut self, tag: &Tag, digest: &Digest, trusted: &[PublicKey]) {
        let sightings = &mut self.sightings;
        self.unattested.retain(|entry| {
            let sighting = Sighting::check(entry.clone(), tag.clone(), digest.clone(), trusted);
            let unknown = sighting.is_none();
            sightings.extend(sighting);
            unknown
        });
        sightings.sort_by_key(|sighting| sighting.entry().log_index());
    }

    /// The entry that counts: the one with the lowest index.
    pub fn first(&self) -> First<'_> {
        match (self.sightings.first(), self.unattested.first()) {
            (Some(sighting), Some(entry)) if entry.log_index() < sighting.entry().log_index() => {
                First::Unattested(entry)
            }
            (Some(sighting), _) => First::Sighting(sighting),
            (None, Some(entry)) => First::Unattested(entry),
            (None, None) => First::None,
        }
    }

    /// The first sighting, and one that contradicts it with another digest.
    pub fn contradiction(&self) -> Option<(&Sighting, &Sighting)> {
        let (first, others) = self.sightings.split_first()?;
        Some((first, others.iter().find(|other| other.digest() != first.digest())?))
    }
}

/// The entry that counts for a tag.
#[derive(Debug, Clone, Copy)]
pub enum First<'a> {
    Sighting(&'a Sighting),
    /// Its digest is not known.
    Unattested(&'a VerifiedEntry),
    /// There is none by a trusted key.
    None,
}
