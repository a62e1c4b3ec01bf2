//! The faults of a policy, and of a checkpoint by one.

use std::fmt;

use super::super::fault::{Fault, Faults};
use super::cosignature::Cosignature;
use crate::foreign::within;

/// Bytes of a name in a message.
const MAX_NAME_BYTES: usize = 80;
/// Witnesses that a message names. The rest is counted.
const MAX_NAMED: usize = 8;

/// A text that is not a policy.
#[derive(Debug, thiserror::Error)]
#[error("not a tlog-policy: {}{fault}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct PolicyError {
    /// From 1; `None` if the whole is at fault.
    line: Option<usize>,
    /// Safe to print.
    fault: String,
}

impl PolicyError {
    pub(super) fn new(line: impl Into<Option<usize>>, fault: impl Into<String>) -> Self {
        Self { line: line.into(), fault: fault.into() }
    }
}

/// The reason why a checkpoint does not count by a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// No policy can be met.
    #[error("it is of Rekor v1, whose checkpoints carry no witnesses' cosignatures")]
    RekorV1,
    /// The policy lists logs, and this is none of them.
    #[error("its checkpoint is not signed by a log of the policy: {}", Faults(.0))]
    Log(Vec<Fault>),
    /// Too few witnesses cosigned it.
    #[error("its checkpoint is not cosigned as the policy demands: {0}")]
    Quorum(Shortfall),
    /// Comes from an entry whose proof holds no checkpoint.
    #[error("it has no checkpoint")]
    NoCheckpoint,
}

/// A quorum that is not met, and what there is of each witness below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    pub(super) quorum: String,
    pub(super) witnesses: Vec<(String, Cosignature)>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the quorum '{}' is not met", self.quorum)?;
        for (number, (name, cosignature)) in self.witnesses.iter().take(MAX_NAMED).enumerate() {
            f.write_str(if number == 0 { " (" } else { ", " })?;
            match cosignature {
                Cosignature::Valid(_) => write!(f, "{name} cosigned"),
                Cosignature::Missing => write!(f, "{name} did not cosign"),
                Cosignature::Invalid => write!(f, "{name}'s cosignature does not verify"),
                Cosignature::Unchecked => write!(f, "{name}'s ML-DSA-44 cosignature cannot be checked here"),
            }?;
        }
        match self.witnesses.len() {
            0 => Ok(()),
            count if count > MAX_NAMED => write!(f, ", and {} more)", count - MAX_NAMED),
            _ => f.write_str(")"),
        }
    }
}

/// A name of a policy, which is any bytes, made safe to print.
pub(super) fn shown_name(name: &[u8]) -> String {
    within(&String::from_utf8_lossy(name), MAX_NAME_BYTES).into_owned()
}
