//! The index of attestations: it leads from a digest to the sightings of the tags that were seen at it.
//!
//! It takes no part in a verdict. It may lack anything, and whatever it leads to is verified like any row of the ledger. A row
//! that leads to a tag before that is recorded, or to one that was recorded at another digest, shows nothing.

use std::sync::Arc;

use futures_util::future::try_join3;

use super::{Attestation, Subject};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::ledger::{DigestTags, Ledger, LedgerError};
use crate::sighting::Sighting;

/// Writes the index's rows, in this order: [`IndexWriter::read`], [`IndexWriter::put`], and [`IndexWriter::mark`] once the tag
/// is recorded and its rows are there. Clones share the ledger.
#[derive(Debug, Clone)]
pub(crate) struct IndexWriter(Arc<Ledger>);

impl IndexWriter {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self(ledger)
    }

    /// The index's row of the digest that a tag is at. A full row is not written to: that would cost as much as its size,
    /// which may be somebody else's work.
    pub(crate) async fn read(
        &self,
        tag: &Tag,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Option<DigestTags>, LedgerError> {
        self.0.tags_of(tag.repository(), digest, deadline).await
    }

    /// Adds a sighting of the manifest that `subject` describes, to the row that was read and to those of its attestation. All
    /// are written at the same time.
    pub(crate) async fn put(
        &self,
        sighting: &Sighting,
        subject: Subject,
        row: Option<DigestTags>,
        deadline: Deadline,
    ) -> Result<(), LedgerError> {
        let (tag, digest) = (sighting.tag(), sighting.digest());
        if row.as_ref().is_some_and(|row| row.is_full() && !row.includes(tag)) {
            return Ok(());
        }
        // Another tag at the same digest may have been first to say what kind of manifest this is.
        let subject = row.map_or(subject, subject_of);
        let attestation = Attestation::new(sighting, &subject);
        let (row, ..) = try_join3(
            self.add(tag, digest, &subject, deadline),
            self.add(tag, &attestation.manifest_digest, &subject, deadline),
            self.add(tag, &attestation.bundle_digest, &subject, deadline),
        )
        .await?;
        let (is_listed, said) = (row.includes(tag), subject_of(row));
        if is_listed && said != subject {
            // It was first in the meantime. The bundle does not say what kind this is.
            let attestation = Attestation::new(sighting, &said);
            self.add(tag, &attestation.manifest_digest, &said, deadline).await?;
        }
        Ok(())
    }

    async fn add(
        &self,
        tag: &Tag,
        digest: &Digest,
        subject: &Subject,
        deadline: Deadline,
    ) -> Result<DigestTags, LedgerError> {
        self.0.index_tag(tag, digest, &subject.media_type, subject.size, deadline).await
    }

    /// Notes in a tag's recorded row that the index leads to it. A tag without the note is added by the next process that
    /// serves it.
    pub(crate) async fn mark(&self, tag: &Tag, deadline: Deadline) -> Result<(), LedgerError> {
        self.0.mark_indexed(tag, deadline).await
    }
}

/// The subject that a row of the index describes.
pub(crate) fn subject_of(row: DigestTags) -> Subject {
    Subject { media_type: row.media_type.into(), size: row.size }
}

/// Tells of a write to the index that failed. No answer depends on it.
pub(crate) fn not_put(tag: &Tag, error: &LedgerError) {
    tracing::warn!(%tag, %error, "a sighting was not put into the index");
}
