//! Checks that a log only ever grew since its checkpoints were verified before.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Logs;
use crate::tlog::{Checkpoint, Growth, GrowthError, HistoryConflict, LogError, LogKeys, is_consistent};

/// The time that a log which answers an older head gets to catch up, until it is asked once more: its replicas and caches
/// may be some seconds apart.
const CATCHING_UP: Duration = Duration::from_secs(2);

impl Logs {
    /// Checks the logs' heads, and that each tree grew from the checkpoint in `before`, by origin: these must have been
    /// verified. The growing tree comes first.
    pub(crate) async fn growth(
        &self,
        keys: &LogKeys,
        before: &BTreeMap<String, Checkpoint>,
    ) -> Result<Vec<Growth>, GrowthError> {
        match self.growth_now(keys, before).await {
            Err(error) if error.may_pass() => {
                tokio::time::sleep(CATCHING_UP).await;
                self.growth_now(keys, before).await
            }
            answer => answer,
        }
    }

    async fn growth_now(
        &self,
        keys: &LogKeys,
        before: &BTreeMap<String, Checkpoint>,
    ) -> Result<Vec<Growth>, GrowthError> {
        let mut heads = Vec::new();
        for log in self.all() {
            heads.extend(log.ask(async |log, deadline| log.heads(deadline).await).await?);
        }
        for head in &heads {
            keys.verify_checkpoint(head).map_err(|faults| GrowthError::Unverifiable { tree: head.tree(), faults })?;
        }
        // A shard of version 2 that is not written any more is not asked. What it signed stays in the state.
        let is_gone = |before: &&Checkpoint| {
            before.tree_id().is_some() && !heads.iter().any(|now| now.origin() == before.origin())
        };
        let gone = before.values().find(is_gone);
        // An old head of one tree must not hide that another has two histories, and an old answer may lack a new tree.
        let (mut grown, mut doubt) = (Vec::new(), None);
        for now in heads {
            let from = match before.get(now.origin()) {
                None => None,
                Some(before) => match self.grew(before, &now).await {
                    Ok(from) => Some(from),
                    Err(error @ (GrowthError::Old { .. } | GrowthError::Smaller { .. })) => {
                        doubt.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            grown.push(Growth { now, from });
        }
        match (doubt, gone) {
            (Some(doubt), _) => Err(doubt),
            (None, Some(gone)) => Err(HistoryConflict::Gone(gone.clone()).into()),
            (None, None) => Ok(grown),
        }
    }

    /// Checks that `before` became `now` by appending. Returns the size before.
    async fn grew(&self, before: &Checkpoint, now: &Checkpoint) -> Result<u64, GrowthError> {
        let (before_size, now_size) = (before.size(), now.size());
        match self.agree(before, now).await {
            Ok(false) => Err(HistoryConflict::Forked { before: before.clone(), now: now.clone() }.into()),
            Ok(true) if now_size < before_size => {
                Err(GrowthError::Old { tree: now.tree(), before: before_size, now: now_size })
            }
            Ok(true) => Ok(before_size),
            // A log that lags cannot prove anything about entries that it does not have yet.
            Err(refusal) if now_size < before_size && !refusal.is_transient() => {
                Err(GrowthError::Smaller { tree: now.tree(), before: before_size, now: now_size, refusal })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that two verified checkpoints of one tree, whichever is the later, are of one history.
    pub(crate) async fn one_history(&self, before: &Checkpoint, now: &Checkpoint) -> Result<(), GrowthError> {
        let agree = match self.agree(before, now).await {
            Err(LogError::Status { status, .. }) if status.is_client_error() => {
                tokio::time::sleep(CATCHING_UP).await;
                self.agree(before, now).await?
            }
            agree => agree?,
        };
        if agree { Ok(()) } else { Err(HistoryConflict::Forked { before: before.clone(), now: now.clone() }.into()) }
    }

    /// Checks that the larger of two checkpoints of one tree was made from the smaller by appending. Of several Rekor v1, each
    /// may have the tree: a proof by any of them is one.
    async fn agree(&self, one: &Checkpoint, other: &Checkpoint) -> Result<bool, LogError> {
        let (earlier, later) = if one.size() <= other.size() { (one, other) } else { (other, one) };
        let (first, last) = (earlier.size(), later.size());
        if first == 0 || first == last {
            return Ok(is_consistent(earlier.head(), later.head(), &[]));
        }
        let (mut refuted, mut failure) = (false, None::<LogError>);
        for log in self.of_checkpoint(earlier) {
            match log.ask(async |log, deadline| log.consistency_proof(earlier, later, deadline).await).await {
                Ok(proof) if is_consistent(earlier.head(), later.head(), &proof) => return Ok(true),
                Ok(_) => refuted = true,
                // The log that does not answer may be the one that has the tree.
                Err(error) if failure.as_ref().is_none_or(|before| !before.is_transient()) => failure = Some(error),
                Err(_) => {}
            }
        }
        match failure {
            Some(error) if !refuted || error.is_transient() => Err(error),
            _ if refuted => Ok(false),
            _ => Err(LogError::OtherLog),
        }
    }
}
