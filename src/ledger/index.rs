//! The index of attestations: the tags whose sightings a digest belongs to.
//!
//! No verdict asks it, and it may lack anything. Whatever it leads to is checked like any row.

use crate::image::{Digest, Repository, Tag};

/// Tags of one digest. Only the image's owner can give a digest more. Each makes its row dearer to write, so a full row takes
/// no more.
pub(super) const MAX_TAGS: usize = 32;

/// The index's row for one digest of a repository, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestTags {
    /// Canonical tags, at most [`MAX_TAGS`].
    pub tags: Vec<String>,
    /// The type of the manifest that the tags were seen at.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

impl DigestTags {
    /// Returns whether `tag` is one of them.
    pub fn includes(&self, tag: &Tag) -> bool {
        self.tags.iter().any(|known| known == tag.canonical())
    }

    /// Returns whether the row takes no further tag.
    pub fn is_full(&self) -> bool {
        self.tags.len() >= MAX_TAGS
    }
}

/// The key of the index's rows among those of tags.
pub(super) fn key(repository: &Repository, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_named_by_repository_and_digest_and_takes_32_tags() {
        let tag: Tag = "registry.test/app:v1".parse().unwrap();
        let digest = Digest::sha256(b"one");
        assert_eq!(key(tag.repository(), &digest), format!("registry.test/app@{digest}"));
        let mut row = DigestTags { tags: vec!["registry.test/app:v2".to_owned(); 31], ..DigestTags::default() };
        assert!(!row.includes(&tag) && !row.is_full());
        row.tags.push(tag.to_string());
        assert!(row.includes(&tag) && row.is_full());
        row.tags.push(tag.to_string());
        assert!(row.is_full());
    }
}
