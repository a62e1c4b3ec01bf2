//! The proof by a complete audit for one tag: that no other digest is recorded for it.

use super::spotted::SpottedContent;
use super::state::EndedAudit;
use crate::audit::state::AuditState;
use crate::key::PublicKey;
use crate::sighting::Sighting;
use crate::tlog::{LogKey, LogKeys, Policy, PolicyFault};

/// That no other digest is recorded for a tag in one log, up to a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absence {
    /// In hexadecimal.
    pub log_id: String,
    /// The log's name in its checkpoints.
    pub origin: String,
    pub audit: EndedAudit,
    /// True if a policy was given, and the checkpoint that was read up to counts by it.
    pub cosigned: bool,
}

/// The reason why an audit does not show it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAbsence {
    #[error("the audit has not read the log {0}, which has its entry")]
    NotRead(String),
    #[error("the audit did not look for all of your keys")]
    Keys,
    #[error("the audit has not come to its end")]
    NotEnded,
    #[error("the audit did not hold when it ended last")]
    Faulty,
    #[error("its entry has index {index}, and the audit read up to size {size}: run the audit again")]
    Newer { index: u64, size: u64 },
    #[error(
        "the audit read another entry at index {0}: the log has shown two histories, or the state is not of this log"
    )]
    Other(u64),
    /// The audit was made without the policy, or under another.
    #[error("what the audit read does not count by --policy: {0}; run the audit again, with --policy")]
    Uncosigned(PolicyFault),
}

impl AuditState {
    /// Returns what the complete audits of this state show of a verified sighting's tag.
    ///
    /// The audit held, so the sighting's entry is explained by the one statement that has its hash, each entry by a key is of
    /// a statement that was listed, and the statements that were listed have one digest for each tag.
    ///
    /// With a policy, the checkpoint that was read up to must count by it. All that was read before leads to that one too,
    /// whoever cosigned the earlier ones.
    pub(crate) fn absence(
        &self,
        sighting: &Sighting,
        log_keys: &LogKeys,
        trusted: &[PublicKey],
        policy: Option<&Policy>,
    ) -> Result<Absence, NoAbsence> {
        let key = sighting.entry().log_key(log_keys);
        let log_id = key.map(|key| hex::encode(key.id())).unwrap_or_default();
        let Some(reading) = self.readings.get(&log_id) else { return Err(NoAbsence::NotRead(log_id)) };
        if !reading.covers_keys(trusted) {
            return Err(NoAbsence::Keys);
        }
        let audit = reading.ended.clone().ok_or(NoAbsence::NotEnded)?;
        if !audit.holds {
            return Err(NoAbsence::Faulty);
        }
        if let Some(policy) = policy {
            let checkpoint = reading.checkpoint().ok_or(NoAbsence::NotEnded)?;
            policy.check(checkpoint).map_err(NoAbsence::Uncosigned)?;
        }
        let (index, size) = (sighting.entry().log_index(), audit.size);
        if index >= size {
            return Err(NoAbsence::Newer { index, size });
        }
        let message = SpottedContent::Message(sighting.statement().signed_sha256());
        let spotted = &reading.proven().spotted;
        match spotted.binary_search_by_key(&index, |spotted| spotted.index) {
            Ok(at) if spotted[at].signed == message => {
                let origin = key.and_then(LogKey::origin).unwrap_or_default().to_owned();
                Ok(Absence { log_id, origin, audit, cosigned: policy.is_some() })
            }
            _ => Err(NoAbsence::Other(index)),
        }
    }
}
