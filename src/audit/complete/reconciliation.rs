//! The comparison of a log's entries with the sightings that are listed.

use std::collections::{BTreeMap, HashMap, hash_map};

use sha2::{Digest as _, Sha256};

use super::listed::{ListedPlace, ListedStatement};
use super::spotted::{Spotted, SpottedContent};
use crate::audit::issue::{Issue, IssueKind};
use crate::image::Digest;

/// A finding, and the tag or entry that it is about.
#[derive(Debug)]
pub(crate) struct Found {
    pub about: String,
    pub issue: Issue,
    /// The log's proof of an entry, in the JSON of Sigstore's bundles.
    pub evidence: Option<String>,
}

/// Entries of one log that bear a key, and the sightings that explain them. Holds some 200 bytes for each.
pub(super) struct Reconciliation {
    /// In hexadecimal.
    log_id: String,
    size: u64,
    /// In the order of the log.
    spotted: Vec<Spotted>,
    /// True once a listed statement is what was signed.
    explained: HashMap<SpottedContent, bool>,
    /// The digest of each tag, by the sha256 of its name.
    digests: HashMap<[u8; 32], [u8; 32]>,
    /// Sightings listed, by log.
    pub listed: BTreeMap<String, u64>,
    pub pending: u64,
    /// Listed sightings whose entry is behind what was read.
    pub newer: u64,
}

impl Reconciliation {
    /// `spotted` are the entries of the log below `size`, in its order.
    pub(super) fn new(log_id: String, size: u64, spotted: Vec<Spotted>) -> Self {
        let explained = spotted.iter().map(|spotted| (spotted.signed, false)).collect();
        let (digests, listed) = (HashMap::new(), BTreeMap::new());
        Self { log_id, size, spotted, explained, digests, listed, pending: 0, newer: 0 }
    }

    /// The id of the log that was read, in hexadecimal.
    pub(super) fn log_id(&self) -> &str {
        &self.log_id
    }

    /// Takes a listed sighting in. Returns what does not hold.
    pub(super) fn add(&mut self, listed: &ListedStatement) -> Vec<Found> {
        match &listed.place {
            None => self.pending += 1,
            Some(place) => {
                *self.listed.entry(place.log_id.clone()).or_default() += 1;
                self.newer += u64::from(place.log_id == self.log_id && place.index >= self.size);
            }
        }
        self.explain(listed)
    }

    /// Marks what a sighting explains. Returns what does not hold: one that is told apart from the lists must fit to them.
    pub(super) fn explain(&mut self, listed: &ListedStatement) -> Vec<Found> {
        let mut found = Vec::new();
        let about = || listed.statement.tag().canonical().to_owned();
        let message = SpottedContent::Message(listed.message());
        for signed in [message, SpottedContent::Payload(Sha256::digest(listed.payload()).into())] {
            self.explained.entry(signed).and_modify(|explained| *explained = true);
        }
        if let Some(detail) = self.other_digest(listed) {
            found.push(Found { about: about(), issue: Issue::new(IssueKind::Contradicted, detail), evidence: None });
        }
        if let Some(detail) =
            listed.place.as_ref().and_then(|place| self.not_there(place, message, listed.statement.digest()))
        {
            found.push(Found { about: about(), issue: Issue::new(IssueKind::LogLacks, detail), evidence: None });
        }
        found
    }

    /// The entries that no listed sighting explains yet.
    pub(super) fn unexplained(&self) -> Vec<Spotted> {
        let is_unexplained = |spotted: &&Spotted| self.explained.get(&spotted.signed) == Some(&false);
        let known = self.spotted.iter().filter(|spotted| spotted.signed != SpottedContent::Unknown);
        known.filter(is_unexplained).copied().collect()
    }

    /// Entries that cannot be understood.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = u64> {
        self.spotted.iter().filter(|spotted| spotted.signed == SpottedContent::Unknown).map(|spotted| spotted.index)
    }

    /// Says that another digest was listed for the tag, if one was.
    fn other_digest(&mut self, listed: &ListedStatement) -> Option<String> {
        let (tag, digest) = (listed.statement.tag(), listed.statement.digest());
        // A statement has a sha256 alone.
        let own: [u8; 32] = hex::decode(digest.hex()).ok()?.try_into().ok()?;
        match self.digests.entry(Sha256::digest(tag.canonical()).into()) {
            hash_map::Entry::Vacant(entry) => {
                entry.insert(own);
                None
            }
            hash_map::Entry::Occupied(entry) if *entry.get() == own => None,
            hash_map::Entry::Occupied(entry) => {
                let first = hex::encode(entry.get());
                Some(format!("your keys signed sha256:{first} and {digest}, and both are listed"))
            }
        }
    }

    /// Says that the log has no such entry where the sighting is said to be, if it was read as far as that.
    fn not_there(&self, place: &ListedPlace, message: SpottedContent, digest: &Digest) -> Option<String> {
        if place.log_id != self.log_id || place.index >= self.size {
            return None;
        }
        let index = place.index;
        match self.spotted.binary_search_by_key(&index, |spotted| spotted.index) {
            Ok(at) if self.spotted[at].signed == message => None,
            Ok(_) => {
                Some(format!("{digest} is listed with log index {index}, and the entry there is of another statement"))
            }
            Err(_) => {
                Some(format!("{digest} is listed with log index {index}, and the entry there is not by your keys"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse;
    use crate::sighting::{LocalKey, SignedStatement, statement};

    fn listed(key: &LocalKey, tag: &str, content: &str, place: Option<(&str, u64)>) -> ListedStatement {
        let (tag, digest) = (format!("ghcr.io/org/app:{tag}").parse().unwrap(), Digest::sha256(content.as_bytes()));
        let signature = key.sign(&dsse::pae(dsse::IN_TOTO, &statement(&tag, &digest))).unwrap();
        let statement = SignedStatement::check(tag, digest, key.public_key(), signature).unwrap();
        let place = place.map(|(log_id, index)| ListedPlace { log_id: log_id.to_owned(), index });
        ListedStatement { statement, place }
    }

    fn kinds(found: &[Found]) -> Vec<(&str, &str)> {
        found.iter().map(|found| (found.about.as_str(), found.issue.kind.name())).collect()
    }

    #[test]
    fn entries_and_lists_explain_each_other() {
        let key = LocalKey::generate().unwrap();
        let [one, two, three] = ["v1", "v2", "v3"].map(|tag| listed(&key, tag, tag, None).message());
        let payload: [u8; 32] = Sha256::digest(listed(&key, "v1", "v1", None).payload()).into();
        let entries = [
            (3, SpottedContent::Message(one)),
            (4, SpottedContent::Message(two)),
            (5, SpottedContent::Message(one)),
            (6, SpottedContent::Payload(payload)),
            (7, SpottedContent::Message(three)),
            (8, SpottedContent::Message(three)),
            (9, SpottedContent::Unknown),
        ];
        let spotted = entries.map(|(index, signed)| Spotted { index, signed }).to_vec();
        let mut all = Reconciliation::new("ab".to_owned(), 10, spotted);
        assert_eq!(all.unexplained().iter().map(|spotted| spotted.index).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8]);
        assert_eq!(all.add(&listed(&key, "v1", "v1", Some(("ab", 3)))).len(), 0, "its copies are explained too");
        assert_eq!(all.unexplained().iter().map(|spotted| spotted.index).collect::<Vec<_>>(), [4, 7, 8]);
        assert_eq!(all.add(&listed(&key, "v2", "v2", None)).len(), 0);
        assert_eq!(all.explain(&listed(&key, "v3", "v3", None)).len(), 0);
        assert_eq!((all.unexplained().len(), all.unreadable().collect::<Vec<_>>()), (0, vec![9]));

        let name = |tag| format!("ghcr.io/org/app:{tag}");
        let [v1, v4, v5] = ["v1", "v4", "v5"].map(name);
        let contradicted = all.add(&listed(&key, "v1", "other", Some(("of a v1", 3))));
        assert_eq!(kinds(&contradicted), [(&*v1, "contradicted")], "whatever log it is in");
        // Told apart from the lists, to explain a second entry.
        assert_eq!(kinds(&all.explain(&listed(&key, "v1", "second", None))), [(&*v1, "contradicted")]);
        assert_eq!(kinds(&all.add(&listed(&key, "v4", "v4", Some(("ab", 4))))), [(&*v4, "log-lacks")]);
        assert_eq!(kinds(&all.add(&listed(&key, "v5", "v5", Some(("ab", 0))))), [(&*v5, "log-lacks")]);
        assert_eq!(all.add(&listed(&key, "v6", "v6", Some(("ab", 10)))).len(), 0);
        assert_eq!((all.pending, all.newer, all.listed["ab"], all.listed["of a v1"]), (1, 1, 4, 1));
    }
}
