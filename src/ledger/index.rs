//! The index: which tags' sightings a digest belongs to. It leads to evidence and is none: what it leads to is checked
//! like any row, and no verdict asks it. It may lack anything.

use crate::image::{Digest, Repository};

/// What the index holds of one digest of a repository, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Canonical tags.
    pub tags: Vec<String>,
    /// Of the manifest that the tags were seen at.
    pub media_type: String,
    /// Of the same, in bytes.
    pub size: u64,
}

/// The key of the index's rows among those of tags.
pub(super) fn key(repository: &Repository, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}
