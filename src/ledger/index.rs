//! The index: which tags' sightings a digest belongs to. It leads to evidence and is none: what it leads to is checked
//! like any row, and no verdict asks it. It may lack anything.

use crate::image::{Digest, Repository, Tag};

/// Tags that one digest leads to. Only the image's owner can give a digest more, and each makes its row dearer to write.
/// Nothing more is noted in a full row.
pub const MAX_TAGS: usize = 32;

/// What the index holds of one digest of a repository, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Canonical tags, at most [`MAX_TAGS`].
    pub tags: Vec<String>,
    /// Of the manifest that the tags were seen at.
    pub media_type: String,
    /// Of the same, in bytes.
    pub size: u64,
}

impl Mentions {
    /// Whether the digest leads to `tag`.
    pub fn lead_to(&self, tag: &Tag) -> bool {
        self.tags.iter().any(|known| known == tag.canonical())
    }

    /// Whether the digest leads to no further tag.
    pub fn are_full(&self) -> bool {
        self.tags.len() >= MAX_TAGS
    }
}

/// The key of the index's rows among those of tags.
pub(super) fn key(repository: &Repository, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}
