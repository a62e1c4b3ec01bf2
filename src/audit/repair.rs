//! Repair: makes a sighting findable again.

use std::time::Duration;

use crate::log_search::LogSearch;
use crate::sighting::{Finding, Sighting, SignError, Signer, UploadError, sign_and_upload};
use crate::tlog::LogError;

/// Searches for a new entry. The log indexes it only after it has answered the upload.
const INDEX_TRIES: u32 = 5;
const INDEX_PAUSE: Duration = Duration::from_secs(1);

/// Records again with this signer, whose key must be one of the keys that count.
pub(crate) struct Repair(pub Signer);

/// The reason why a sighting is still not found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the log's answer does not verify")]
    Unverifiable,
    #[error("recorded again at log index {0}, but no search finds that yet")]
    NotIndexed(u64),
}

impl Repair {
    /// Records a sighting again, and waits until a search finds it. Returns the new entry's index.
    pub(crate) async fn record_again(&self, search: &LogSearch, sighting: &Sighting) -> Result<u64, RepairError> {
        let (tag, digest) = (sighting.tag(), sighting.digest());
        let record = search.log.written().ask(async |log, deadline| {
            match sign_and_upload(&self.0, log, tag, digest, deadline).await {
                Ok(uploaded) => Ok(Ok(uploaded)),
                Err(UploadError::Log(error)) => Err(error),
                Err(UploadError::Key(error)) => Ok(Err(error)),
            }
        });
        let uploaded = record.await??;
        let entry = uploaded.entry.verify(&search.log_keys).map_err(|_| RepairError::Unverifiable)?;
        let (id, index) = (entry.id(), entry.log_index());
        Sighting::check(entry, tag.clone(), digest.clone(), &search.trusted).ok_or(RepairError::Unverifiable)?;
        for _ in 0..INDEX_TRIES {
            let mut found = false;
            let look = |finding: &Finding| {
                found |= matches!(finding, Finding::Sighting(sighting) if sighting.entry().leaf_hash() == id.leaf_hash);
            };
            search.findings(tag, look).await?;
            if found {
                return Ok(index);
            }
            tokio::time::sleep(INDEX_PAUSE).await;
        }
        Err(RepairError::NotIndexed(index))
    }
}
