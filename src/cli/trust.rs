//! The keys and the log that the user trusts.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::base_url;
use crate::config::LogConfig;
use crate::key::PublicKey;
use crate::rekor::{PUBLIC_INSTANCE, PUBLIC_INSTANCE_KEY};
use crate::tlog::LogKeys;

#[derive(Args)]
pub(super) struct Trust {
    /// File with public keys whose entries count, PEM. Can be repeated. Nobody is trusted by default: get the key of the
    /// instance that you pull through, or from whoever runs it
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// The transparency log
    #[arg(long, value_name = "URL", default_value = PUBLIC_INSTANCE)]
    rekor: String,
    /// The log's public key, PEM (default: that of rekor.sigstore.dev, which is built in)
    #[arg(long, value_name = "FILE")]
    rekor_key: Option<PathBuf>,
}

impl Trust {
    /// The keys that sightings count by.
    pub(super) fn keys(&self) -> Result<Vec<PublicKey>, Box<dyn Error + Send + Sync>> {
        let files = self.keys.iter().map(|path| keys_in(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(files.concat())
    }

    /// The log, and the keys that its answers are checked with.
    pub(super) fn log(&self) -> Result<LogConfig, Box<dyn Error + Send + Sync>> {
        let public = LogConfig::public_instance();
        // Not parsed by clap, which would print a refused URL and its password.
        let url = base_url::parse(&self.rekor).map_err(|error| format!("--rekor: {error}"))?;
        if self.rekor_key.is_none() && url != public.url {
            return Err(format!("--rekor-key must be given for {url}: only rekor.sigstore.dev's is built in").into());
        }
        Ok(LogConfig::v1(url, log_keys(self.rekor_key.as_deref())?))
    }
}

/// The log's keys from a file, or the public instance's.
pub(super) fn log_keys(file: Option<&Path>) -> Result<LogKeys, Box<dyn Error + Send + Sync>> {
    let keys = match file {
        Some(path) => keys_in(path)?,
        None => PublicKey::all_from_pem(PUBLIC_INSTANCE_KEY)?,
    };
    LogKeys::v1(keys).ok_or_else(|| "the key file holds no public key".into())
}

fn keys_in(path: &Path) -> Result<Vec<PublicKey>, Box<dyn Error + Send + Sync>> {
    let fault = |fault: &dyn std::fmt::Display| format!("{}: {fault}", path.display());
    let pem = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
    let keys = PublicKey::all_from_pem(&pem).map_err(|error| fault(&error))?;
    if keys.is_empty() { Err(fault(&"holds no PEM block 'PUBLIC KEY'").into()) } else { Ok(keys) }
}
