//! The meaning of all entries by trusted keys for a tag.

use std::collections::{BTreeMap, HashMap};

use super::{Finding, Misuse, Refiled, Sighting, is_file_by_certificate};
use crate::image::{Digest, Tag};
use crate::key::PublicKey;
use crate::tlog::body::{EntryBody, Form};
use crate::tlog::{Fault, VerifiedEntry};

/// The meaning of all entries by trusted keys for a tag.
///
/// Anyone can file our statements again, as often as he likes: of entries that say the same, the one with the lowest index
/// is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    sightings: BTreeMap<Digest, Sighting>,
    refiled: BTreeMap<Digest, Refiled>,
    /// By the known part of the signed content.
    unattested: BTreeMap<Vec<u8>, Unattested>,
    /// Entries without their statement that others explained, by leaf hash.
    explained: HashMap<[u8; 32], Explained>,
    misused: Option<(VerifiedEntry, Misuse)>,
    /// Log index and faults of entries that do not verify.
    pub unverifiable: Vec<(u64, Vec<Fault>)>,
    /// Log indexes of entries that cannot be understood.
    pub unreadable: Vec<u64>,
}

/// An entry without its statement.
#[derive(Debug, Clone)]
struct Unattested {
    entry: VerifiedEntry,
    /// Leaf hashes of all entries over the same, this one's too.
    leaves: Vec<[u8; 32]>,
}

/// The meaning of an entry without its statement, found by other means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Explained {
    /// The statement of a sighting.
    Digest(Digest),
    Unrelated,
    Misused(Misuse),
}

/// Two things that one instance never signs.
#[derive(Debug, Clone, Copy)]
pub enum Contradiction<'a> {
    /// Another digest than the first sighting's.
    Digest {
        /// The sighting with the lowest log index.
        first: &'a Sighting,
        /// The digest that the key signed for the same tag.
        other: &'a Digest,
        /// The entry that holds `other`.
        entry: &'a VerifiedEntry,
    },
    /// Two digests, neither in a sighting.
    Refiled {
        /// The copy with the lowest log index.
        first: &'a Refiled,
        /// A copy with another digest.
        other: &'a Refiled,
    },
    /// Content other than sightings: the key is not the instance's alone.
    Misuse {
        /// The entry with the lowest log index of those.
        entry: &'a VerifiedEntry,
        /// The kind of content.
        misuse: Misuse,
    },
}

impl Findings {
    pub(crate) fn new(found: impl IntoIterator<Item = Finding>) -> Self {
        let mut findings = Self::default();
        found.into_iter().for_each(|finding| findings.add(finding));
        findings
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        match finding {
            Finding::Sighting(sighting) => {
                let kept = self.sightings.entry(sighting.digest().clone()).or_insert_with(|| (*sighting).clone());
                if sighting.entry().log_index() < kept.entry().log_index() {
                    *kept = *sighting;
                }
            }
            Finding::Refiled(refiled) => {
                let kept = self.refiled.entry(refiled.digest().clone()).or_insert_with(|| (*refiled).clone());
                if refiled.entry().log_index() < kept.entry().log_index() {
                    *kept = *refiled;
                }
            }
            Finding::Unattested { entry, known, .. } => {
                let unattested = Unattested { leaves: Vec::new(), entry: (*entry).clone() };
                let kept = self.unattested.entry(known).or_insert(unattested);
                kept.leaves.push(entry.leaf_hash());
                if entry.log_index() < kept.entry.log_index() {
                    kept.entry = *entry;
                }
            }
            Finding::Misused { entry, misuse } => {
                if self.misused.as_ref().is_none_or(|(kept, _)| entry.log_index() < kept.log_index()) {
                    self.misused = Some((*entry, misuse));
                }
            }
            Finding::Unverifiable { entry, faults } => self.unverifiable.push((entry.log_index(), faults)),
            Finding::Unreadable(entry) => self.unreadable.push(entry.log_index()),
            Finding::Unrelated(_) | Finding::Foreign(_) => {}
        }
    }

    /// Explains the entries without a statement that are sightings of this digest.
    pub(crate) fn consider(&mut self, tag: &Tag, digest: &Digest, trusted: &[PublicKey]) {
        self.learn(|entry| Finding::with_digest(tag, entry, digest, trusted));
    }

    /// [`Findings::consider`] for all digests that entries name.
    pub(crate) fn consider_own(&mut self, tag: &Tag, trusted: &[PublicKey]) {
        let digests: Vec<Digest> = self.sightings.keys().chain(self.refiled.keys()).cloned().collect();
        digests.iter().for_each(|digest| self.consider(tag, digest, trusted));
    }

    /// Explains the entries in which this statement was signed. Returns the leaf hashes of those about another tag.
    pub(super) fn consider_statement(&mut self, tag: &Tag, statement: &[u8], trusted: &[PublicKey]) -> Vec<[u8; 32]> {
        self.learn(|entry| Finding::with_statement(tag, entry, statement, trusted))
    }

    fn learn(&mut self, find: impl Fn(&VerifiedEntry) -> Option<Finding>) -> Vec<[u8; 32]> {
        let mut unrelated = Vec::new();
        for (known, unattested) in std::mem::take(&mut self.unattested) {
            let Some(finding) = find(&unattested.entry) else {
                self.unattested.insert(known, unattested);
                continue;
            };
            let explained = match &finding {
                Finding::Sighting(sighting) => Some(Explained::Digest(sighting.digest().clone())),
                Finding::Refiled(refiled) => Some(Explained::Digest(refiled.digest().clone())),
                Finding::Misused { misuse, .. } => Some(Explained::Misused(*misuse)),
                Finding::Unrelated(_) => Some(Explained::Unrelated),
                _ => None,
            };
            let leaves = unattested.leaves.iter();
            self.explained.extend(leaves.filter_map(|leaf| Some((*leaf, explained.clone()?))));
            match finding {
                Finding::Unrelated(_) => unrelated.extend(unattested.leaves),
                finding => self.add(finding),
            }
        }
        unrelated
    }

    /// The meaning found for an entry without its statement.
    pub(crate) fn explained(&self, leaf: &[u8; 32]) -> Option<&Explained> {
        self.explained.get(leaf)
    }

    /// Sightings, one for each digest, by log index.
    pub(crate) fn sightings(&self) -> Vec<&Sighting> {
        let mut sightings: Vec<&Sighting> = self.sightings.values().collect();
        sightings.sort_by_key(|sighting| sighting.entry().log_index());
        sightings
    }

    /// Entries without their statement, by log index. Files that a certificate alone lists are left out: see
    /// [`is_file_by_certificate`].
    pub(crate) fn unattested(&self, tag: &Tag) -> Vec<&VerifiedEntry> {
        let entries = self.unattested.values().map(|unattested| &unattested.entry);
        let mut entries: Vec<&VerifiedEntry> = entries.filter(|entry| !is_file_by_certificate(tag, entry)).collect();
        entries.sort_by_key(|entry| entry.log_index());
        entries
    }

    /// The number of files that a certificate alone lists. Their content is unknown.
    pub(crate) fn files_by_certificate(&self, tag: &Tag) -> usize {
        self.unattested.values().filter(|unattested| is_file_by_certificate(tag, &unattested.entry)).count()
    }

    /// Hashes of payloads that entries lack, to look them up.
    pub(super) fn unknown_payloads(&self) -> Vec<[u8; 32]> {
        let hash = |unattested: &Unattested| match unattested.entry.body() {
            EntryBody::Envelope(envelope) => envelope.payload_hash,
            _ => None,
        };
        let mut hashes: Vec<[u8; 32]> = self.unattested.values().filter_map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// The entry that counts: the one with the lowest index, of those that have a sighting's form.
    pub(crate) fn first(&self) -> First<'_> {
        let sighting = self.sightings.values().min_by_key(|sighting| sighting.entry().log_index());
        let may_be_sighting = |entry: &&VerifiedEntry| matches!(entry.body(), EntryBody::Envelope(one) if one.form == Form::IntotoV002 && one.is_canonical());
        let unattested = self.unattested.values().map(|unattested| &unattested.entry).filter(may_be_sighting);
        match (sighting, unattested.min_by_key(|entry| entry.log_index())) {
            (Some(sighting), Some(entry)) if entry.log_index() < sighting.entry().log_index() => {
                First::Unattested(entry)
            }
            (Some(sighting), _) => First::Sighting(sighting),
            (None, Some(entry)) => First::Unattested(entry),
            (None, None) => First::None,
        }
    }

    /// A proof that the keys signed more than an instance does.
    pub(crate) fn contradiction(&self) -> Option<Contradiction<'_>> {
        let sightings = self.sightings();
        let others = sightings.iter().skip(1).map(|other| (other.digest(), other.entry()));
        let refiled = self.refiled.values().map(|refiled| (refiled.digest(), refiled.entry()));
        let two_digests = match sightings.first() {
            Some(first) => others
                .chain(refiled)
                .find(|(digest, _)| *digest != first.digest())
                .map(|(other, entry)| Contradiction::Digest { first, other, entry }),
            None => {
                let mut refiled: Vec<&Refiled> = self.refiled.values().collect();
                refiled.sort_by_key(|refiled| refiled.entry().log_index());
                let two = refiled.split_first().and_then(|(first, others)| Some((*first, *others.first()?)));
                two.map(|(first, other)| Contradiction::Refiled { first, other })
            }
        };
        let misused = self.misused.as_ref().map(|(entry, misuse)| Contradiction::Misuse { entry, misuse: *misuse });
        two_digests.or(misused)
    }

    /// An entry by a trusted key that no sighting explains: nothing may be recorded beside it, and nothing served.
    pub(crate) fn unexplained(&self, tag: &Tag) -> Option<&VerifiedEntry> {
        let misused = self.misused.as_ref().map(|(entry, _)| entry);
        let refiled = || self.refiled.values().find(|refiled| !self.sightings.contains_key(refiled.digest()));
        misused.or_else(|| refiled().map(Refiled::entry)).or_else(|| self.unattested(tag).first().copied())
    }

    /// A copy of a statement whose sighting is not listed.
    pub(crate) fn refiled_alone(&self) -> Option<&Refiled> {
        self.refiled.values().find(|refiled| !self.sightings.contains_key(refiled.digest()))
    }

    /// Returns whether everything that was found by a trusted key was understood.
    pub(crate) fn is_understood(&self, tag: &Tag) -> bool {
        self.unverifiable.is_empty() && self.unreadable.is_empty() && self.unattested(tag).is_empty()
    }
}

/// The entry that counts for a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) enum First<'a> {
    Sighting(&'a Sighting),
    /// Its digest is not known.
    Unattested(&'a VerifiedEntry),
    /// No entry is by a trusted key.
    None,
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::super::statement;
    use super::super::test_log::TestLog;
    use super::*;
    use crate::dsse::{IN_TOTO, pae};
    use crate::tlog::body::SignedDigest;

    fn tag() -> Tag {
        "registry.test/app:v1".parse().unwrap()
    }

    fn digest(text: &str) -> Digest {
        Digest::sha256(text.as_bytes())
    }

    /// Copies of one entry, with the indexes 5 and 9, read in either order. `first` is the index of the one that is kept.
    fn assert_first_counts(read: impl Fn(u64) -> Finding, first: impl Fn(Findings) -> u64) {
        for order in [[5, 9], [9, 5]] {
            assert_eq!(first(Findings::new(order.map(&read))), 5, "read in the order {order:?}");
        }
    }

    #[test]
    fn of_entries_that_say_the_same_the_first_in_the_log_counts_in_whichever_order_they_are_read() {
        let (log, tag) = (TestLog::new(), tag());
        let said = statement(&tag, &digest("one"));
        let sighting = |index| log.read(&tag, index, &log.intoto(IN_TOTO, &said), Some(&said));
        assert_first_counts(sighting, |findings| findings.sightings()[0].entry().log_index());
        let unattested = |index| log.read(&tag, index, &log.intoto(IN_TOTO, &said), None);
        assert_first_counts(unattested, |findings| findings.unattested(&tag)[0].log_index());
        // With its statement beside it, a `dsse` entry is a copy of the sighting.
        let refiled = |index| log.read(&tag, index, &log.dsse(&said), Some(&said));
        assert_first_counts(refiled, |findings| findings.refiled_alone().unwrap().entry().log_index());
        let misused = |index| log.read(&tag, index, &log.intoto("text/plain", &said), Some(&said));
        assert_first_counts(misused, |findings| match findings.contradiction() {
            Some(Contradiction::Misuse { entry, misuse: Misuse::OtherType }) => entry.log_index(),
            found => panic!("{found:?}"),
        });
    }

    #[test]
    fn a_copy_stands_alone_until_its_sighting_is_read() {
        let (log, tag) = (TestLog::new(), tag());
        let said = statement(&tag, &digest("one"));
        let mut findings = Findings::new([log.read(&tag, 9, &log.dsse(&said), Some(&said))]);
        assert_eq!(findings.refiled_alone().map(Refiled::digest), Some(&digest("one")));
        let other = statement(&tag, &digest("two"));
        findings.add(log.read(&tag, 5, &log.intoto(IN_TOTO, &other), Some(&other)));
        assert_eq!(findings.refiled_alone().map(Refiled::digest), Some(&digest("one")));
        findings.add(log.read(&tag, 7, &log.intoto(IN_TOTO, &said), Some(&said)));
        assert!(findings.refiled_alone().is_none());
    }

    #[test]
    fn an_entry_without_its_statement_is_explained_by_the_digest_that_was_signed() {
        let (log, tag) = (TestLog::new(), tag());
        let said = statement(&tag, &digest("one"));
        for (leaf, is_sighting) in [
            (log.intoto(IN_TOTO, &said), true),
            (log.dsse(&said), false),
            (log.hashedrekord(&pae(IN_TOTO, &said), &log.seal(IN_TOTO, &said)), false),
        ] {
            let found = log.read(&tag, 5, &leaf, None);
            let leaf_hash = found.verified().unwrap().leaf_hash();
            let mut findings = Findings::new([found]);
            findings.consider(&tag, &digest("two"), &log.trusted());
            assert_eq!((findings.explained(&leaf_hash), findings.unattested(&tag).len()), (None, 1), "{leaf}");
            findings.consider(&tag, &digest("one"), &log.trusted());
            assert_eq!(findings.explained(&leaf_hash), Some(&Explained::Digest(digest("one"))), "{leaf}");
            assert_eq!(findings.unattested(&tag).len(), 0, "{leaf}");
            assert_eq!(
                (findings.sightings().len(), findings.refiled_alone().is_some()),
                (usize::from(is_sighting), !is_sighting)
            );
        }
    }

    #[test]
    fn a_signed_digest_is_a_sighting_if_the_leaf_is_the_one_that_rekor_makes() {
        let (log, tag) = (TestLog::new(), tag());
        let said = statement(&tag, &digest("one"));
        let hash = Sha256::digest(pae(IN_TOTO, &said)).into();
        let leaf = SignedDigest::leaf(&hash, &log.seal(IN_TOTO, &said), log.key.public_key());
        let canonical: serde_json::Value = serde_json::from_slice(&leaf).unwrap();
        let mut altered = canonical.clone();
        altered["spec"]["hashedRekordV002"]["more"] = "text".into();
        for (leaf, is_sighting) in [(canonical, true), (altered, false)] {
            let mut findings = Findings::new([log.read(&tag, 5, &leaf, None)]);
            findings.consider(&tag, &digest("one"), &log.trusted());
            let found = (findings.sightings().len(), findings.refiled_alone().is_some());
            assert_eq!(found, (usize::from(is_sighting), !is_sighting), "{leaf}");
        }
    }

    #[test]
    fn a_hash_with_a_signature_of_other_bytes_states_nothing() {
        let (log, tag) = (TestLog::new(), tag());
        let (one, two) = (statement(&tag, &digest("one")), statement(&tag, &digest("two")));
        for (hashed, sealed) in [(&one, &two), (&two, &one)] {
            let leaf = log.hashedrekord(&pae(IN_TOTO, hashed), &log.seal(IN_TOTO, sealed));
            let mut findings = Findings::new([log.read(&tag, 5, &leaf, None)]);
            findings.consider(&tag, &digest("one"), &log.trusted());
            assert_eq!((findings.unattested(&tag).len(), findings.refiled_alone().is_some()), (1, false));
        }
    }

    #[test]
    fn a_hash_alone_is_told_from_a_statement_that_was_lost() {
        let (log, tag) = (TestLog::new(), tag());
        let said = statement(&tag, &digest("one"));
        let fault = |leaf: &serde_json::Value, attestation: Option<&[u8]>| match log.read(&tag, 5, leaf, attestation) {
            Finding::Unattested { fault, .. } => fault,
            found => panic!("{found:?}"),
        };
        assert_eq!(fault(&log.dsse(&said), None), Fault::HashOnly);
        assert_eq!(fault(&log.intoto(IN_TOTO, &said), None), Fault::NoAttestation);
        assert_eq!(fault(&log.intoto(IN_TOTO, &said), Some(b"{}")), Fault::Attestation);
    }
}
