//! The log that is written, and those that were written before it.

use super::{LogClients, RetryingRekor};
use crate::tlog::body::EntryBody;
use crate::tlog::{Checkpoint, LogEntry};

/// Logs, for those who have time.
#[derive(Debug)]
pub(crate) struct Logs {
    written: RetryingRekor,
    earlier: Vec<RetryingRekor>,
}

impl Logs {
    pub(crate) fn new(clients: LogClients) -> Self {
        let earlier = clients.earlier.into_iter().map(RetryingRekor::new).collect();
        Self { written: RetryingRekor::new(clients.written), earlier }
    }

    /// The log that is written.
    pub(crate) fn written(&self) -> &RetryingRekor {
        &self.written
    }

    /// All of them, the one that is written first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RetryingRekor> {
        std::iter::once(&self.written).chain(&self.earlier)
    }

    /// Those that list entries by hashes.
    pub(crate) fn searchable(&self) -> impl Iterator<Item = &RetryingRekor> {
        self.all().filter(|log| log.rekor().is_searchable())
    }

    /// The log that an entry is in, by its form.
    fn of_entry(&self, entry: &LogEntry) -> &RetryingRekor {
        self.by_form(!matches!(entry.body(), EntryBody::SignedDigest(_))).next().unwrap_or(&self.written)
    }

    /// The logs that can have signed a checkpoint, by its form.
    pub(super) fn of_checkpoint(&self, checkpoint: &Checkpoint) -> impl Iterator<Item = &RetryingRekor> {
        self.by_form(checkpoint.tree_id().is_some())
    }

    fn by_form(&self, is_v1: bool) -> impl Iterator<Item = &RetryingRekor> {
        self.all().filter(move |log| log.rekor().is_searchable() == is_v1)
    }

    /// The URL at which anyone can read the entry.
    pub(crate) fn entry_url(&self, entry: &LogEntry) -> String {
        self.of_entry(entry).rekor().entry_url(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rekor::{Rekor, RekorV1, RekorV2};
    use crate::sighting::LocalKey;
    use crate::tlog::body::SignedDigest;
    use crate::tlog::example::V2_KEY;
    use crate::tlog::{EntryId, LogKey, LogKeys, SignedFields, leaf_hash};

    fn v1() -> Rekor {
        Rekor::V1(RekorV1::new("https://v1.test".parse().unwrap()).unwrap())
    }

    fn v2() -> Rekor {
        let keys = LogKeys::new(vec![LogKey::from_vkey(V2_KEY).unwrap()]).unwrap();
        Rekor::V2(Box::new(RekorV2::new("https://v2.test".parse().unwrap(), None, keys).unwrap()))
    }

    fn logs(written: Rekor, earlier: Vec<Rekor>) -> Logs {
        Logs::new(LogClients { written, earlier, authority: None, policy: None })
    }

    fn entry(leaf: Vec<u8>) -> LogEntry {
        let id = EntryId { tree_id: None, leaf_hash: leaf_hash(&leaf) };
        LogEntry::new(id, SignedFields::of_leaf(leaf, 0, String::new(), 7), None, None)
    }

    #[test]
    fn an_entry_is_read_in_the_log_whose_form_it_has_or_in_the_one_that_is_written() {
        let of_v2 = entry(SignedDigest::leaf(&[3; 32], b"x", LocalKey::generate().unwrap().public_key()));
        let of_v1 = entry(br#"{"kind": "intoto", "apiVersion": "0.0.2"}"#.to_vec());
        for logs in [logs(v2(), vec![v1()]), logs(v1(), vec![v2()])] {
            assert!(logs.entry_url(&of_v2).starts_with("https://v2.test/api/v2/tile/entries/000"), "{logs:?}");
            assert_eq!(logs.entry_url(&of_v1), format!("https://v1.test/api/v1/log/entries/{}", of_v1.id()));
        }
        assert!(logs(v1(), Vec::new()).entry_url(&of_v2).starts_with("https://v1.test/"));
        assert!(logs(v2(), Vec::new()).entry_url(&of_v1).starts_with("https://v2.test/"));
    }
}
