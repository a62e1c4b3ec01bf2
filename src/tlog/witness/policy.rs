//! Policies: which logs count, and which sets of witnesses must have cosigned a checkpoint.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::super::checkpoint::Checkpoint;
use super::super::entry::LogEntry;
use super::super::log_key::LogKey;
use super::cosignature::Cosignature;
use super::error::{PolicyError, PolicyFault, Shortfall, shown_name};
use super::policy_file::{Definition, MAX_POLICY_BYTES, Party, PolicyFile};
use crate::foreign::shown;
use crate::private::{self, PrivateError};

/// A policy. It can only be made by parsing.
#[derive(Debug, Clone)]
pub struct Policy {
    file: PolicyFile,
    /// The sha256 of the text that it was parsed from.
    sha256: [u8; 32],
}

/// A checkpoint's standing by a policy whose quorum cosigned it. It can only be made by checking the cosignatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned {
    time: Option<u64>,
}

impl Cosigned {
    /// The checkpoint, and with it each entry in its tree, existed no later than this: seconds since the Unix epoch.
    /// `None` if the policy demands no cosignature, or its witnesses sign no time.
    ///
    /// A cosignature shows that its witness saw the checkpoint at a time. A policy says that of each set that meets it,
    /// one witness at least is honest, so the latest time in such a set is a bound. The earliest of these bounds is
    /// taken: a cosignature more than the quorum needs does not make the checkpoint younger, and one liar does not make
    /// it older.
    pub fn time(self) -> Option<u64> {
        self.time
    }
}

/// A time, or that there is none. The order is that of bounds: no time is later than any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    At(u64),
    Unknown,
}

impl Policy {
    /// Parses a policy file (<https://github.com/C2SP/C2SP/blob/main/tlog-policy.md>).
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        Ok(Self { file: PolicyFile::parse(text)?, sha256: Sha256::digest(text).into() })
    }

    /// The policy that `value` is, or that the file has which it names. Nobody else may be able to write that file,
    /// since it says who is believed.
    pub fn read(value: &str) -> Result<Self, PolicyError> {
        // Each policy has a quorum line, and no path of anyone's is one.
        let words = |line: &str| line.split_ascii_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
        if value.lines().map(words).any(|words| words.len() == 2 && words[0] == "quorum") {
            return Self::parse(value.as_bytes());
        }
        let path = Path::new(value.trim());
        let read = private::read(path, MAX_POLICY_BYTES as u64).map(|text| text.ok_or(PrivateError::missing(path)));
        let text = read.flatten().map_err(|error| PolicyError::new(None, shown(&error.to_string())))?;
        Self::parse(&text)
    }

    /// The name by which a state remembers the policy: the sha256 of its text, in hexadecimal.
    pub(crate) fn id(&self) -> String {
        hex::encode(self.sha256)
    }

    /// Returns whether checkpoints of this log can count.
    pub(crate) fn counts_log(&self, log: &LogKey) -> bool {
        self.file.logs.is_empty() || self.file.logs.contains(log)
    }

    /// Checks that a checkpoint is signed by one of the policy's logs, if it lists any, and cosigned by its quorum. A
    /// policy without logs leaves the log's own signature to the caller ([`super::super::LogKeys::verify_checkpoint`]).
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<Cosigned, PolicyFault> {
        if checkpoint.tree_id().is_some() {
            return Err(PolicyFault::RekorV1);
        }
        self.check_log(checkpoint)?;
        let Some(quorum) = self.file.quorum else { return Ok(Cosigned { time: None }) };
        let mut bounds: Vec<Option<Bound>> = Vec::with_capacity(self.file.definitions.len());
        let mut cosignatures = Vec::new();
        for Definition { name, party } in &self.file.definitions {
            let bound = match party {
                Party::Witness(witness) => {
                    let cosignature = witness.cosignature(checkpoint.signed_note());
                    cosignatures.push((shown_name(name), cosignature));
                    match cosignature {
                        Cosignature::Valid(time) => Some(time.map_or(Bound::Unknown, Bound::At)),
                        _ => None,
                    }
                }
                Party::Group { threshold, members } => {
                    // With the members in the order of their bounds, the first so many are the earliest set.
                    let mut met: Vec<Bound> = members.iter().filter_map(|member| bounds[*member]).collect();
                    met.sort_unstable();
                    met.get(threshold - 1).copied()
                }
            };
            bounds.push(bound);
        }
        match bounds[quorum] {
            Some(Bound::At(time)) => Ok(Cosigned { time: Some(time) }),
            Some(Bound::Unknown) => Ok(Cosigned { time: None }),
            None => {
                let quorum = shown_name(&self.file.definitions[quorum].name);
                Err(PolicyFault::Quorum(Shortfall { quorum, witnesses: cosignatures }))
            }
        }
    }

    /// [`Policy::check`] of the checkpoint that an entry's proof leads to.
    pub fn check_entry(&self, entry: &LogEntry) -> Result<Cosigned, PolicyFault> {
        self.check(&entry.checkpoint().ok_or(PolicyFault::NoCheckpoint)?)
    }

    fn check_log(&self, checkpoint: &Checkpoint) -> Result<(), PolicyFault> {
        let mut faults = Vec::new();
        for log in &self.file.logs {
            match checkpoint.verify(log) {
                Ok(()) => return Ok(()),
                // That of the log with this name tells most.
                Err(found) if faults.is_empty() || log.origin() == Some(checkpoint.origin()) => faults = found,
                Err(_) => {}
            }
        }
        if self.file.logs.is_empty() { Ok(()) } else { Err(PolicyFault::Log(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The log's is the first.
    const VKEYS: &str = include_str!("../../../tests/data/rekor-v2/ours/vkeys.txt");

    fn policy(text: &str) -> Policy {
        Policy::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_policy_is_remembered_by_the_sha256_of_its_text() {
        // printf 'quorum none\n' | sha256sum
        let id = "08cfcaed9576dbb952e73382aecc0adb0a0d5d6d5cb1250c65bd399c35c2f324";
        assert_eq!(policy("quorum none\n").id(), id);
        for other in ["quorum none", "quorum  none\n", "# more\nquorum none\n"] {
            assert_ne!(policy(other).id(), id, "{other}");
        }
    }

    #[test]
    fn a_policy_without_logs_counts_every_log_and_one_with_logs_counts_these_alone() {
        let vkey = VKEYS.lines().next().unwrap();
        let log = LogKey::from_vkey(vkey).unwrap();
        let key = log.public_key();
        let others = [LogKey::v2(key.clone(), "another.test").unwrap(), LogKey::v1(key.clone())];
        let (any, one) = (policy("quorum none\n"), policy(&format!("log {vkey}\nquorum none\n")));
        assert!(any.counts_log(&log) && one.counts_log(&log));
        for other in &others {
            assert!(any.counts_log(other) && !one.counts_log(other), "{other:?}");
        }
    }

    #[test]
    fn a_value_with_a_quorum_line_is_the_policy_and_any_other_the_path_of_one() {
        for text in ["quorum none", "# mine\n \tquorum\tnone \n", "\n\nquorum none\n"] {
            assert_eq!(Policy::read(text).unwrap().id(), policy(text).id(), "{text:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["policy", "my policy", "quorum", "my quorum of three", "quorum none"] {
            let path = folder.path().join(name);
            let text = format!("# {name}\nquorum none\n");
            fs::write(&path, &text).unwrap();
            for value in [path.display().to_string(), format!("\n {}\n", path.display())] {
                assert_eq!(Policy::read(&value).unwrap().id(), policy(&text).id(), "{value:?}");
            }
        }
        for value in ["", "\n", " \n\t\n", "quorum", " quorum\n", "no such", "witness a", "quorums none"] {
            let error = Policy::read(value).unwrap_err().to_string();
            let said = format!("not a tlog-policy: {}: No such file or directory (os error 2)", value.trim());
            assert_eq!(error, said, "{value:?}");
        }
    }
}
