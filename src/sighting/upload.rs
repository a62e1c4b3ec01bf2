//! Another entry for a sighting that the log holds already, so that it can be found.
//!
//! An entry whose first upload broke off is in the log, but for good in no index and without its attestation. The same
//! statement with a new signature is another entry for the same fact, and the log indexes it.

use super::{SignError, Signer};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::rekor::{Rekor, Uploaded};
use crate::tlog::LogError;

/// Failures to sign or to upload.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Signs that `tag` is `digest`, and uploads that. The log's answer is not verified.
pub(crate) async fn sign_and_upload(
    signer: &Signer,
    log: &Rekor,
    tag: &Tag,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Uploaded, UploadError> {
    let statement = signer.sign(tag, digest, deadline).await?;
    Ok(log.upload(&statement.signed_payload(), deadline).await?)
}
