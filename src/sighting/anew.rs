//! Recording a sighting once more, so that it can be found.
//!
//! An entry whose first upload broke off is in the log and, for good, in no index, and lacks its attestation. The same
//! statement with a new signature is another entry for the same fact, which the log does index.

use super::{SignError, Signer};
use crate::deadline::Deadline;
use crate::image::{Digest, Tag};
use crate::rekor::{Rekor, Uploaded};
use crate::tlog::LogError;

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum AnewError {
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Signs that `tag` is `digest`, which the log holds already, and uploads that. What the log answers is not verified.
pub async fn record_anew(
    signer: &Signer,
    log: &Rekor,
    tag: &Tag,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Uploaded, AnewError> {
    let statement = signer.sign(tag, digest, deadline).await?;
    Ok(log.upload(&statement.signed_payload(), deadline).await?)
}
