//! The findings that people were told of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Findings that are remembered of one audit. With more, each run tells how many more there are.
const MAX_FINDINGS: usize = 2000;
/// Bytes of a hash that stand for a finding. Two with the same would be told as one.
const HASH_BYTES: usize = 16;

/// Findings by their hash. A finding is told once, and again only if a whole audit did not find it in between.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Of the audit before.
    #[serde(default)]
    before: BTreeSet<String>,
    /// Of the audit under way.
    #[serde(default)]
    now: BTreeSet<String>,
}

/// The news value of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nobody was told.
    New,
    Known,
    /// More was found than is remembered.
    BeyondMemory,
}

impl Told {
    /// Remembers a finding: what it is about, and its kind.
    pub(super) fn remember(&mut self, about: &str, kind: &str) -> News {
        let hash = Sha256::new().chain_update(about).chain_update([0]).chain_update(kind).finalize();
        let hash = hex::encode(&hash[..HASH_BYTES]);
        if self.now.contains(&hash) {
            return News::Known;
        }
        if self.now.len() >= MAX_FINDINGS {
            return if self.before.contains(&hash) { News::Known } else { News::BeyondMemory };
        }
        let known = self.before.contains(&hash);
        self.now.insert(hash);
        if known { News::Known } else { News::New }
    }

    /// Ends an audit. What it has not found is forgotten.
    pub(super) fn end_audit(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_new_once_and_again_after_an_audit_without_it() {
        let mut told = Told::default();
        assert_eq!(told.remember("a:1", "missing"), News::New);
        assert_eq!(told.remember("a:1", "missing"), News::Known);
        assert_eq!((told.remember("a:1", "misused"), told.remember("a:2", "missing")), (News::New, News::New));
        told.end_audit();
        assert_eq!((told.remember("a:1", "missing"), told.remember("a:1", "missing")), (News::Known, News::Known));
        told.end_audit();
        told.end_audit();
        assert_eq!(told.remember("a:1", "missing"), News::New);
    }

    #[test]
    fn memory_has_a_bound_and_what_goes_beyond_is_never_known() {
        let mut told = Told::default();
        for _ in 0..2 {
            for number in 0..MAX_FINDINGS {
                told.remember(&number.to_string(), "missing");
            }
            assert_eq!(told.remember("one more", "missing"), News::BeyondMemory);
            assert_eq!(told.remember("one more", "missing"), News::BeyondMemory);
            told.end_audit();
        }
        assert!(serde_json::to_vec(&told).unwrap().len() < 1 << 17);
    }
}
