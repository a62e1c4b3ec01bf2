//! `verify-entry`: checks log entries in files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::CommandResult;
use super::terminal::print_line;
use super::trust::log_keys;
use crate::tlog::{Faults, LogEntry, LogKeys};

/// Check Rekor log entries, as the API answers them, without asking anyone
///
/// Checked for each FILE, which holds one entry {"<id>": {"body": …}}:
///
///   - the id: its leaf hash is the hash of the body, its tree (if it names one) is the checkpoint's
///   - the log id is that of the key
///   - the signed entry timestamp (SET), over body, time, log id and index
///   - the inclusion proof, from the body's own bytes to the root hash
///   - the checkpoint: a signed note by the key, with the key's hint, in its origin's name; its size and root hash are
///     those of the proof
///   - for kind intoto: the attestation has the recorded payloadHash, and the DSSE signatures in the entry are over it,
///     by the key or certificate in the entry (the certificate itself is not checked)
///
/// An entry that lacks any of these is refused as incomplete. One line is printed for each file.
///
/// Exit code: 0 if every entry holds, 1 if any is refused, 2 if any could not be read.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyEntry {
    /// The log's public key, PEM (default: that of rekor.sigstore.dev, which is built in)
    #[arg(long, value_name = "PEM")]
    rekor_key: Option<PathBuf>,
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The result for one file.
enum EntryCheck {
    Holds { log_index: u64 },
    Refused(String),
    Unreadable(String),
}

impl VerifyEntry {
    pub(super) fn run(self) -> CommandResult {
        let keys = log_keys(self.rekor_key.as_deref())?;
        let (mut refused, mut unreadable) = (false, false);
        for file in &self.files {
            let name = file.display();
            match check(file, &keys) {
                EntryCheck::Holds { log_index } => print_line(format_args!("{name}: holds (log index {log_index})")),
                EntryCheck::Refused(why) => {
                    refused = true;
                    print_line(format_args!("{name}: refused: {why}"));
                }
                EntryCheck::Unreadable(why) => {
                    unreadable = true;
                    print_line(format_args!("{name}: cannot be read: {why}"));
                }
            }
        }
        Ok(match (refused, unreadable) {
            (true, _) => ExitCode::from(1),
            (false, true) => ExitCode::from(2),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

fn check(file: &Path, keys: &LogKeys) -> EntryCheck {
    let json = match std::fs::read(file) {
        Ok(json) => json,
        Err(error) => return EntryCheck::Unreadable(error.to_string()),
    };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&json) {
        return EntryCheck::Unreadable(format!("not JSON: {error}"));
    }
    let entry = match LogEntry::parse(&json) {
        Ok(entry) => entry,
        Err(error) => return EntryCheck::Refused(error.to_string()),
    };
    let log_index = entry.log_index();
    let attestation = entry.verify_attestation().err().unwrap_or_default();
    let mut faults = entry.verify(keys).err().unwrap_or_default();
    faults.extend(attestation);
    if faults.is_empty() {
        return EntryCheck::Holds { log_index };
    }
    EntryCheck::Refused(Faults(&faults).to_string())
}
