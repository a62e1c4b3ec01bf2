//! The findings of an audit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The kind of a finding. Its name is part of the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IssueKind {
    /// The log holds two digests for the tag under the user's keys.
    Contradicted,
    /// One of the user's keys signed something else than sightings under the tag's hash.
    Misused,
    /// An entry bears one of the user's keys, and no sighting that is listed explains it.
    Unexplained,
    /// The log's entries do not lead to the root that it signed.
    Rewritten,
    /// The ledger's row names another digest than the log.
    LedgerDiffers,
    /// The log holds a sighting, and the ledger no row.
    LedgerLacks,
    /// The ledger's row holds an entry that the log does not have.
    LogLacks,
    /// The ledger's row does not verify.
    InvalidRow,
    /// The log holds the sighting, but a search does not find its digest.
    Unfindable,
    /// An entry with one of the user's keys does not verify.
    Unverifiable,
    /// An entry cannot be read, or holds one of the user's keys and cannot be understood.
    Unreadable,
    /// An entry by one of the user's keys may name another digest: the log has not kept its statement.
    Unattested,
    /// The log lists no entry by the user's keys.
    Missing,
    /// No checkpoint with the entry counts by the policy that the user demands.
    Uncosigned,
    /// The tag could not be checked.
    Unchecked,
    /// The ledger's row is not complete yet.
    Pending,
    /// An unfindable sighting was recorded again, and a search finds it now.
    Repaired,
}

/// The weight of a finding for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Worth a line, and nothing more.
    Note,
    /// Something could not be checked.
    Doubt,
    /// Something does not hold.
    Fault,
}

impl IssueKind {
    pub(crate) fn weight(self) -> Weight {
        match self {
            Self::Contradicted
            | Self::Misused
            | Self::Unexplained
            | Self::Rewritten
            | Self::LedgerDiffers
            | Self::LedgerLacks
            | Self::LogLacks
            | Self::InvalidRow
            | Self::Unfindable => Weight::Fault,
            Self::Unverifiable
            | Self::Unreadable
            | Self::Unattested
            | Self::Missing
            | Self::Uncosigned
            | Self::Unchecked => Weight::Doubt,
            Self::Pending | Self::Repaired => Weight::Note,
        }
    }

    /// True if somebody has to look at once: the log holds a second digest, or contradicts the ledger. An entry that the
    /// search does not find may be an upload that timed out.
    pub(crate) fn is_urgent(self) -> bool {
        self.weight() == Weight::Fault && self != Self::Unfindable
    }

    /// As it stands in the JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::Misused => "misused",
            Self::Unexplained => "unexplained",
            Self::Rewritten => "rewritten",
            Self::LedgerDiffers => "ledger-differs",
            Self::LedgerLacks => "ledger-lacks",
            Self::LogLacks => "log-lacks",
            Self::InvalidRow => "invalid-row",
            Self::Unfindable => "unfindable",
            Self::Unverifiable => "unverifiable",
            Self::Unreadable => "unreadable",
            Self::Unattested => "unattested",
            Self::Missing => "missing",
            Self::Uncosigned => "uncosigned",
            Self::Unchecked => "unchecked",
            Self::Pending => "pending",
            Self::Repaired => "repaired",
        }
    }
}

/// One finding about one tag.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub kind: IssueKind,
    /// A sentence for people.
    pub detail: String,
}

impl Issue {
    pub(crate) fn new(kind: IssueKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// The gravest weight among the findings.
pub(crate) fn worst(issues: &BTreeMap<IssueKind, u64>) -> Option<Weight> {
    issues.keys().map(|kind| kind.weight()).max()
}

#[cfg(test)]
mod tests {
    use super::IssueKind;

    fn kinds() -> [IssueKind; 17] {
        use IssueKind::*;
        [
            Contradicted,
            Misused,
            Unexplained,
            Rewritten,
            LedgerDiffers,
            LedgerLacks,
            LogLacks,
            InvalidRow,
            Unfindable,
            Unverifiable,
            Unreadable,
            Unattested,
            Missing,
            Uncosigned,
            Unchecked,
            Pending,
            Repaired,
        ]
    }

    #[test]
    fn a_kinds_name_is_the_same_everywhere() {
        for kind in kinds() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_second_digest_and_a_row_that_the_log_contradicts_are_urgent() {
        use IssueKind::*;
        let urgent: Vec<IssueKind> = kinds().into_iter().filter(|kind| kind.is_urgent()).collect();
        assert_eq!(
            urgent,
            [Contradicted, Misused, Unexplained, Rewritten, LedgerDiffers, LedgerLacks, LogLacks, InvalidRow]
        );
    }
}
