//! The files by which others know the log of `log`.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Failure;
use crate::config::LogConfig;
use crate::devlog::Devlog;
use crate::evidence::trusted_root;
use crate::private;
use crate::tlog::RekorApi;

#[derive(Args)]
pub(super) struct LogFiles {
    /// File to write the log's public key to, PEM
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// File to write Sigstore's trusted root to: the log's name, key and id
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// File to write Sigstore's signing config to: the log's URL and API
    #[arg(long, value_name = "FILE")]
    signing_config: Option<PathBuf>,
}

impl LogFiles {
    /// Writes the files that are asked for.
    pub(super) fn write(&self, log: &Devlog, config: &LogConfig) -> Result<(), Failure> {
        for (path, text) in [
            (&self.public_key, log.public_key_pem().to_owned()),
            (&self.trusted_root, trusted_root(&config.keys, |_| &config.url)),
            (&self.signing_config, signing_config(config)),
        ] {
            let Some(path) = path else { continue };
            write(path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// JSON of `protos/sigstore_trustroot.proto` of sigstore/protobuf-specs v0.5: this log, and nothing else.
fn signing_config(log: &LogConfig) -> String {
    let version = match log.api {
        RekorApi::V1 => 1,
        RekorApi::V2 => 2,
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "rekorTlogUrls": [{
            "url": log.url.as_str().trim_end_matches('/'),
            "majorApiVersion": version,
            "validFor": {"start": "1970-01-01T00:00:00Z"},
            "operator": "localhost",
        }],
        "rekorTlogConfig": {"selector": "ANY"},
    })
    .to_string()
}

/// Writes a file that anyone may read, whole or not at all: a process that waits for it never reads half a key.
fn write(path: &Path, text: &str) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        // Links and devices stay what they are: `/dev/stdout` is one.
        Ok(found) if !found.is_file() => std::fs::write(path, text),
        _ => {
            let readable = Permissions::from_mode(0o644);
            let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(private::parent(path))?;
            file.write_all(text.as_bytes())?;
            file.persist(path)?;
            Ok(())
        }
    }
}
