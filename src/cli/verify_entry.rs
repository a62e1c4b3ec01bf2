//! `verify-entry`: checks log entries in files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::CommandResult;
use super::terminal::print_line;
use super::trust::LogMaterial;
use super::witness_policy::WitnessPolicy;
use crate::evidence::Bundle;
use crate::foreign::shown;
use crate::sighting::SightingTime;
use crate::tlog::{Cosigned, Faults, LogEntry, LogKeys, Policy, PolicyFault, TransparencyLogEntry};

/// Check Rekor log entries, as the API answers them, without asking anyone
///
/// Each FILE holds one entry: {"<id>": {"body": …}} of Rekor v1, or {"logIndex": …, "canonicalizedBody": …} as Rekor v2
/// answers it; or it holds a bundle, as an instance's /sightings/<tag> answers it. Checked for each of Rekor v1:
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
/// Rekor v2 signs checkpoints alone, so an entry of it has no timestamp, and must claim no time; its log id is that of the
/// key under the checkpoint's name. The entry holds the hash of what was signed: what that was, only a bundle shows.
///
/// Of a bundle: its entry, as above, and that the entry is of the statement in it and of the bundle's signature. The line
/// names the tag, the digest and the key: whether that is the key of an instance that you trust is for you to compare.
///
/// With --policy, the checkpoint must also be cosigned by the witnesses that the policy demands, which no checkpoint of Rekor
/// v1 is: an entry of v1 cannot be judged so.
///
/// An entry that lacks any of these is refused as incomplete. One line is printed for each file.
///
/// Exit code: 0 if every entry holds, 1 if any is refused, 2 if any could not be read or judged.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyEntry {
    #[command(flatten)]
    material: LogMaterial,
    #[command(flatten)]
    policy: WitnessPolicy,
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The result for one file.
enum EntryCheck {
    Holds { log_index: u64, shows: String },
    Refused(String),
    Unreadable(String),
}

impl VerifyEntry {
    pub(super) fn run(self) -> CommandResult {
        let (keys, policy) = (self.material.log_keys()?, self.policy.read()?);
        let (mut refused, mut unreadable) = (false, false);
        for file in &self.files {
            let name = file.display();
            match check(file, &keys, policy.as_ref()) {
                EntryCheck::Holds { log_index, shows } => {
                    print_line(format_args!("{name}: holds (log index {log_index}){shows}"));
                }
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

fn check(file: &Path, keys: &LogKeys, policy: Option<&Policy>) -> EntryCheck {
    let json = match std::fs::read(file) {
        Ok(json) => json,
        Err(error) => return EntryCheck::Unreadable(error.to_string()),
    };
    let fields: FileFields = match serde_json::from_slice::<serde::de::IgnoredAny>(&json) {
        // Only an object has fields. Other JSON is refused like an entry that lacks them.
        Ok(_) => serde_json::from_slice(&json).unwrap_or_default(),
        Err(error) => return EntryCheck::Unreadable(format!("not JSON: {error}")),
    };
    let entry = match fields {
        FileFields { verification_material: Some(_), .. } => return check_bundle(&json, keys, policy),
        FileFields { canonicalized_body: Some(_), .. } => match serde_json::from_slice::<TransparencyLogEntry>(&json) {
            Ok(entry) => entry.entry(),
            Err(error) => return EntryCheck::Refused(format!("not a log entry: {}", shown(&error.to_string()))),
        },
        _ => LogEntry::parse(&json),
    };
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => return EntryCheck::Refused(error.to_string()),
    };
    let log_index = entry.log_index();
    let attestation = entry.verify_attestation().err().unwrap_or_default();
    let (verified, mut faults) = match entry.verify(keys) {
        Ok(verified) => (Some(verified), Vec::new()),
        Err(faults) => (None, faults),
    };
    faults.extend(attestation);
    let Some(entry) = verified.filter(|_| faults.is_empty()) else {
        return EntryCheck::Refused(Faults(&faults).to_string());
    };
    match demand(&entry, policy) {
        Ok(cosigned) => EntryCheck::Holds { log_index, shows: witnessed(cosigned) },
        Err(check) => check,
    }
}

/// Checks a bundle by the key that its entry names.
fn check_bundle(json: &[u8], keys: &LogKeys, policy: Option<&Policy>) -> EntryCheck {
    let sighting = match Bundle::parse(json).and_then(|bundle| bundle.verify_by_its_own_key(keys)) {
        Ok(sighting) => sighting,
        Err(error) => return EntryCheck::Refused(error.to_string()),
    };
    let sighting = match demand(sighting.entry(), policy) {
        Ok(Some(cosigned)) => sighting.with_cosigned(cosigned),
        Ok(None) => sighting,
        Err(check) => return check,
    };
    let key = sighting.statement().key().fingerprint();
    let time = SightingTime::clause(sighting.time());
    let shows = format!(": {} was {}{time}, by the key sha256:{key}", sighting.tag(), sighting.digest());
    EntryCheck::Holds { log_index: sighting.entry().log_index(), shows }
}

/// Checks that the checkpoint of an entry counts by the policy, if there is one.
fn demand(entry: &LogEntry, policy: Option<&Policy>) -> Result<Option<Cosigned>, EntryCheck> {
    match policy.map(|policy| policy.check_entry(entry)).transpose() {
        Ok(cosigned) => Ok(cosigned),
        Err(fault @ PolicyFault::RekorV1) => {
            Err(EntryCheck::Unreadable(format!("--policy cannot be applied: {fault}")))
        }
        Err(fault) => Err(EntryCheck::Refused(fault.to_string())),
    }
}

fn witnessed(cosigned: Option<Cosigned>) -> String {
    let time = cosigned.and_then(Cosigned::time).map(SightingTime::Witnessed);
    time.map(|time| format!(": in the log no later than {}", time.rfc3339())).unwrap_or_default()
}

/// The fields that tell the kinds of files.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileFields {
    verification_material: Option<serde::de::IgnoredAny>,
    canonicalized_body: Option<serde::de::IgnoredAny>,
}
