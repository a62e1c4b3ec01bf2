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
    /// One at least: a quorum is a witness, or a group that has one below it.
    pub(super) witnesses: Vec<(String, Cosignature)>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the quorum '{}' is not met (", self.quorum)?;
        for (number, (name, cosignature)) in self.witnesses.iter().take(MAX_NAMED).enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            match cosignature {
                Cosignature::Valid(_) => write!(f, "{name} cosigned"),
                Cosignature::Missing => write!(f, "{name} did not cosign"),
                Cosignature::Invalid => write!(f, "{name}'s cosignature does not verify"),
                Cosignature::Unchecked => write!(f, "{name}'s ML-DSA-44 cosignature cannot be checked here"),
            }?;
        }
        match self.witnesses.len().saturating_sub(MAX_NAMED) {
            0 => f.write_str(")"),
            more => write!(f, ", and {more} more)"),
        }
    }
}

/// A name of a policy, which is any bytes, made safe to print.
pub(super) fn shown_name(name: &[u8]) -> String {
    within(&String::from_utf8_lossy(name), MAX_NAME_BYTES).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortfall_says_what_there_is_of_each_witness() {
        let each = [Cosignature::Valid(None), Cosignature::Missing, Cosignature::Invalid, Cosignature::Unchecked];
        let witnesses = ["a", "b", "c", "d"].map(str::to_owned).into_iter().zip(each).collect();
        assert_eq!(
            Shortfall { quorum: "g".to_owned(), witnesses }.to_string(),
            "the quorum 'g' is not met (a cosigned, b did not cosign, c's cosignature does not verify, d's ML-DSA-44 \
             cosignature cannot be checked here)"
        );
    }

    #[test]
    fn a_shortfall_names_eight_witnesses_and_counts_the_others() {
        let names = |count: usize| (1..=count).map(|number| format!("w{number}"));
        let named = |count: usize| names(count).map(|name| name + " did not cosign").collect::<Vec<_>>().join(", ");
        for (count, said) in [
            (1, named(1)),
            (7, named(7)),
            (8, named(8)),
            (9, named(8) + ", and 1 more"),
            (10, named(8) + ", and 2 more"),
            (128, named(8) + ", and 120 more"),
        ] {
            let witnesses = names(count).map(|name| (name, Cosignature::Missing)).collect();
            let shortfall = Shortfall { quorum: "g".to_owned(), witnesses };
            assert_eq!(shortfall.to_string(), format!("the quorum 'g' is not met ({said})"));
        }
    }
}
