//! What an audit can find.

use serde::{Deserialize, Serialize};

/// A kind of finding. Its name is part of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The log holds two digests for the tag under the user's keys.
    Contradicted,
    /// A key of the user's signed something else than sightings under the tag's hash.
    Misused,
    /// The ledger's row names another digest than the log.
    LedgerDiffers,
    /// The log holds a sighting, and the ledger no row.
    LedgerLacks,
    /// The ledger's row holds an entry that the log does not have.
    LogLacks,
    /// The ledger's row does not verify.
    InvalidRow,
    /// The log holds the sighting, but a search does not tell the digest.
    Unfindable,
    /// An entry bears a key of the user's and does not verify.
    Unverifiable,
    /// An entry that the log lists cannot be read, or holds a key of the user's and cannot be understood.
    Unreadable,
    /// An entry by a key of the user's may name another digest: the log has not kept its statement.
    Unattested,
    /// The log lists no entry by the user's keys.
    Missing,
    /// It could not be checked.
    Unchecked,
    /// The ledger's row is not complete yet.
    Pending,
    /// What was unfindable was recorded anew, and is found now.
    Repaired,
}

/// What a finding means for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing: it is worth a line.
    Note,
    /// Something could not be checked.
    Doubt,
    /// Something does not hold.
    Fault,
}

impl Kind {
    pub fn weight(self) -> Weight {
        match self {
            Self::Contradicted
            | Self::Misused
            | Self::LedgerDiffers
            | Self::LedgerLacks
            | Self::LogLacks
            | Self::InvalidRow
            | Self::Unfindable => Weight::Fault,
            Self::Unverifiable | Self::Unreadable | Self::Unattested | Self::Missing | Self::Unchecked => Weight::Doubt,
            Self::Pending | Self::Repaired => Weight::Note,
        }
    }

    /// As it stands in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::Misused => "misused",
            Self::LedgerDiffers => "ledger-differs",
            Self::LedgerLacks => "ledger-lacks",
            Self::LogLacks => "log-lacks",
            Self::InvalidRow => "invalid-row",
            Self::Unfindable => "unfindable",
            Self::Unverifiable => "unverifiable",
            Self::Unreadable => "unreadable",
            Self::Unattested => "unattested",
            Self::Missing => "missing",
            Self::Unchecked => "unchecked",
            Self::Pending => "pending",
            Self::Repaired => "repaired",
        }
    }
}

/// One finding about one tag.
#[derive(Debug, Clone)]
pub struct Issue {
    pub kind: Kind,
    /// For people.
    pub detail: String,
}

impl Issue {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_kinds_name_is_the_same_everywhere() {
        use Kind::*;
        for kind in [
            Contradicted,
            Misused,
            LedgerDiffers,
            LedgerLacks,
            LogLacks,
            InvalidRow,
            Unfindable,
            Unverifiable,
            Unreadable,
            Unattested,
            Missing,
            Unchecked,
            Pending,
            Repaired,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
