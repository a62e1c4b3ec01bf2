//! Repair: makes a sighting findable again.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::tags::LEDGER_TIME;
use crate::cli::log_search::LogSearch;
use crate::deadline::Deadline;
use crate::setup;
use crate::sighting::{Finding, LocalKey, Sighting, SignError, Signer, UploadError, sign_and_upload};
use crate::tlog::LogError;

/// Searches for a new entry. The log indexes it only after it has answered the upload.
const INDEX_TRIES: u32 = 5;
const INDEX_PAUSE: Duration = Duration::from_secs(1);

#[derive(Args)]
pub struct RepairArgs {
    /// Record again what is in the log and cannot be found by search: the same statement with a new signature
    #[arg(long)]
    repair: bool,
    /// The signing key in AWS KMS, for --repair: key id, ARN or alias
    #[arg(long, value_name = "ID", requires = "repair", conflicts_with = "signing_key")]
    kms_key_id: Option<String>,
    /// The signing key in a file, for --repair: PKCS#8, PEM
    #[arg(long, value_name = "FILE", requires = "repair")]
    signing_key: Option<PathBuf>,
}

pub struct Repair(Signer);

/// The reason why a sighting is still not found.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the log's answer does not verify")]
    Unverifiable,
    #[error("recorded again at log index {0}, but no search finds that yet")]
    NotIndexed(u64),
}

impl RepairArgs {
    /// The signer of repairs, if they are wanted. Its key must be one of the keys that count.
    pub async fn repair(self, search: &LogSearch) -> Result<Option<Repair>, Box<dyn Error + Send + Sync>> {
        if !self.repair {
            return Ok(None);
        }
        let signer = match (self.kms_key_id, self.signing_key) {
            (Some(id), _) => setup::kms_signer(id).await,
            (None, Some(file)) => Signer::Local(LocalKey::open(&file)?),
            (None, None) => return Err("--repair needs the signing key: --kms-key-id or --signing-key".into()),
        };
        if !search.trusted.contains(signer.public_key(Deadline::after(LEDGER_TIME)).await?) {
            return Err("the signing key is not among those that --key names".into());
        }
        Ok(Some(Repair(signer)))
    }
}

impl Repair {
    /// Records a sighting again, and waits until a search finds it. Returns the new entry's index.
    pub async fn record_again(&self, search: &LogSearch, sighting: &Sighting) -> Result<u64, RepairError> {
        let (tag, digest) = (sighting.tag(), sighting.digest());
        let record =
            search.log.ask(async |log, deadline| match sign_and_upload(&self.0, log, tag, digest, deadline).await {
                Ok(uploaded) => Ok(Ok(uploaded)),
                Err(UploadError::Log(error)) => Err(error),
                Err(UploadError::Key(error)) => Ok(Err(error)),
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
