//! The policy file.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! Format: <https://github.com/C2SP/C2SP/blob/main/tlog-policy.md>.

use super::super::log_key::LogKey;
use super::cosignature::Witness;
use super::error::{PolicyError, shown_name};
use crate::foreign::shown;

/// A line with a key of ML-DSA-44 has some 2 KB.
pub const MAX_POLICY_BYTES: usize = 512 << 10;
/// Logs, and witnesses and groups together. The specification wants 32 of each at least.
const MAX_DEFINITIONS: usize = 128;
/// The name that demands no cosignature.
const NONE: &[u8] = b"none";

/// The words of a line.
type LineWords<'a> = [&'a [u8]];

/// The contents of a policy file.
#[derive(Debug, Clone)]
pub(super) struct PolicyFile {
    /// Those whose checkpoints count; none if the policy leaves that to whoever uses it.
    pub(super) logs: Vec<LogKey>,
    /// Each refers to earlier ones alone.
    pub(super) definitions: Vec<Definition>,
    /// The place in `definitions`; `None` if no cosignature is demanded.
    pub(super) quorum: Option<usize>,
}

/// A named line of a policy.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    /// Any bytes: names are compared as they are.
    pub(super) name: Vec<u8>,
    pub(super) party: Party,
}

#[derive(Debug, Clone)]
pub(super) enum Party {
    Witness(Witness),
    /// At least `threshold` of the `members`, which are places in `definitions`. It is from 1 to their number.
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

/// A policy file as far as it was read.
#[derive(Default)]
struct PolicyReader {
    logs: Vec<LogKey>,
    definitions: Vec<Definition>,
    /// By place in `definitions`: true if a group has it as a member.
    grouped: Vec<bool>,
    /// The quorum line's answer.
    quorum: Option<Option<usize>>,
}

impl PolicyFile {
    pub(super) fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::new(None, format!("it has more than {MAX_POLICY_BYTES} bytes")));
        }
        let mut reading = PolicyReader::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            reading.line(line).map_err(|fault| PolicyError::new(number + 1, fault))?;
        }
        let PolicyReader { logs, definitions, quorum, .. } = reading;
        let quorum = quorum.ok_or_else(|| PolicyError::new(None, "it has no quorum line"))?;
        Ok(Self { logs, definitions, quorum })
    }
}

impl PolicyReader {
    /// Reads one line. The error is its fault.
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(byte) = line.iter().find(|byte| byte.is_ascii_control() && **byte != b'\t') {
            return Err(format!("it holds the control character 0x{byte:02x}"));
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let words: Vec<&[u8]> = line.split(is_space).filter(|word| !word.is_empty()).collect();
        let Some((keyword, words)) = words.split_first() else { return Ok(()) };
        match *keyword {
            comment if comment.starts_with(b"#") => Ok(()),
            b"log" => self.log(words),
            b"witness" => self.witness(words),
            b"group" => self.group(words),
            b"quorum" => self.quorum(words),
            other => Err(format!("'{}' is neither log, witness, group nor quorum", shown_name(other))),
        }
    }

    fn log(&mut self, words: &LineWords<'_>) -> Result<(), String> {
        let ([vkey] | [vkey, _]) = words else { return Err("it is not 'log <vkey> [<url>]'".into()) };
        let log = LogKey::from_vkey(text(vkey)?).map_err(|error| fault(&error))?;
        if self.logs.iter().any(|other| other.public_key() == log.public_key()) {
            return Err("the same log is there before".into());
        }
        if self.logs.len() == MAX_DEFINITIONS {
            return Err(format!("it is the log after {MAX_DEFINITIONS}"));
        }
        self.logs.push(log);
        Ok(())
    }

    fn witness(&mut self, words: &LineWords<'_>) -> Result<(), String> {
        let ([name, vkey] | [name, vkey, _]) = words else {
            return Err("it is not 'witness <name> <vkey> [<url>]'".into());
        };
        let witness = Witness::from_vkey(text(vkey)?).map_err(|error| fault(&error))?;
        let same = self.definitions.iter().find(|definition| match &definition.party {
            Party::Witness(other) => other.has_key_of(&witness),
            Party::Group { .. } => false,
        });
        if let Some(same) = same {
            return Err(format!("the witness '{}' has the same key", shown_name(&same.name)));
        }
        self.define(name, Party::Witness(witness))
    }

    fn group(&mut self, words: &LineWords<'_>) -> Result<(), String> {
        let [name, threshold, names @ ..] = words else {
            return Err("it is not 'group <name> all|any|<k> <name>...'".into());
        };
        if names.is_empty() {
            return Err("the group has no members".into());
        }
        let mut members = Vec::new();
        for member in names {
            if *member == NONE {
                return Err("'none' is no member of a group".into());
            }
            let place = self.place(member)?;
            if self.grouped[place] {
                return Err(format!("'{}' is a member of a group already", shown_name(member)));
            }
            self.grouped[place] = true;
            members.push(place);
        }
        let threshold = match *threshold {
            b"all" => members.len(),
            b"any" => 1,
            number => decimal(number)
                .filter(|number| (1..=members.len()).contains(number))
                .ok_or_else(|| format!("'{}' is neither all, any nor 1 to {}", shown_name(number), members.len()))?,
        };
        self.define(name, Party::Group { threshold, members })
    }

    fn quorum(&mut self, words: &LineWords<'_>) -> Result<(), String> {
        let [name] = words else { return Err("it is not 'quorum <name>'".into()) };
        if self.quorum.is_some() {
            return Err("it is the second quorum line".into());
        }
        self.quorum = Some(if *name == NONE { None } else { Some(self.place(name)?) });
        Ok(())
    }

    fn define(&mut self, name: &[u8], party: Party) -> Result<(), String> {
        if name == NONE {
            return Err("'none' stands for no witness".into());
        }
        if self.definitions.iter().any(|other| other.name == name) {
            return Err(format!("'{}' is defined before", shown_name(name)));
        }
        if self.definitions.len() == MAX_DEFINITIONS {
            return Err(format!("it is the witness or group after {MAX_DEFINITIONS}"));
        }
        self.definitions.push(Definition { name: name.to_owned(), party });
        self.grouped.push(false);
        Ok(())
    }

    /// The place of what an earlier line defines.
    fn place(&self, name: &[u8]) -> Result<usize, String> {
        let place = self.definitions.iter().position(|definition| definition.name == name);
        place.ok_or_else(|| format!("no line before defines '{}'", shown_name(name)))
    }
}

/// Digits without a sign or leading zeros.
fn decimal(digits: &[u8]) -> Option<usize> {
    let digits = str::from_utf8(digits).ok()?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn text(word: &[u8]) -> Result<&str, String> {
    str::from_utf8(word).map_err(|_| "its key is not UTF-8".to_owned())
}

fn fault(error: &impl ToString) -> String {
    shown(&error.to_string()).into_owned()
}
