//! The options of `audit --repair`.

use std::path::PathBuf;

use clap::Args;

use crate::audit::{LEDGER_TIME, Repair};
use crate::cli::Failure;
use crate::deadline::Deadline;
use crate::log_search::LogSearch;
use crate::setup;
use crate::sighting::{LocalKey, Signer};

#[derive(Args)]
pub(super) struct RepairArgs {
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

impl RepairArgs {
    /// The signer of repairs, if they are wanted. Its key must be one of the keys that count.
    pub(super) async fn repair(self, search: &LogSearch) -> Result<Option<Repair>, Failure> {
        if !self.repair {
            return Ok(None);
        }
        if !search.log.written().rekor().is_searchable() {
            return Err("--repair makes an entry findable, and a log of API version 2 lists none".into());
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
