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
        ask_up_to_twice(async || self.growth_now(keys, before).await, GrowthError::may_pass).await
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
        size_before(before, now, self.agree(before, now).await)
    }

    /// Checks that two verified checkpoints of one tree, whichever is the later, are of one history.
    pub(crate) async fn one_history(&self, before: &Checkpoint, now: &Checkpoint) -> Result<(), GrowthError> {
        let agree = ask_up_to_twice(async || self.agree(before, now).await, refuses).await?;
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
        let mut unproven = Unproven::default();
        for log in self.of_checkpoint(earlier) {
            match log.ask(async |log, deadline| log.consistency_proof(earlier, later, deadline).await).await {
                Ok(proof) if is_consistent(earlier.head(), later.head(), &proof) => return Ok(true),
                Ok(_) => unproven.refuted = true,
                Err(error) => unproven.add(error),
            }
        }
        unproven.agree()
    }
}

/// Asks, and once more [`CATCHING_UP`] later if the answer is an error that `may_pass`.
async fn ask_up_to_twice<T, E>(ask: impl AsyncFn() -> Result<T, E>, may_pass: impl FnOnce(&E) -> bool) -> Result<T, E> {
    match ask().await {
        Err(error) if may_pass(&error) => {
            tokio::time::sleep(CATCHING_UP).await;
            ask().await
        }
        answer => answer,
    }
}

/// True if the log refuses to prove anything: one that lags behind does not have all the entries yet.
fn refuses(error: &LogError) -> bool {
    matches!(error, LogError::Status { status, .. } if status.is_client_error())
}

/// The size that a tree grew from, by the answer whether its two checkpoints `agree`.
fn size_before(before: &Checkpoint, now: &Checkpoint, agree: Result<bool, LogError>) -> Result<u64, GrowthError> {
    let (before_size, now_size) = (before.size(), now.size());
    let is_smaller = now_size < before_size;
    match agree {
        Ok(false) => Err(HistoryConflict::Forked { before: before.clone(), now: now.clone() }.into()),
        Ok(true) if is_smaller => Err(GrowthError::Old { tree: now.tree(), before: before_size, now: now_size }),
        Ok(true) => Ok(before_size),
        // A log that lags cannot prove anything about entries that it does not have yet.
        Err(refusal) if is_smaller && !refusal.is_transient() => {
            Err(GrowthError::Smaller { tree: now.tree(), before: before_size, now: now_size, refusal })
        }
        Err(error) => Err(error.into()),
    }
}

/// The answers of logs that may have a tree, if none proves that it grew.
#[derive(Default)]
struct Unproven {
    /// True if a proof does not lead from one checkpoint to the other.
    refuted: bool,
    failure: Option<LogError>,
}

impl Unproven {
    fn add(&mut self, error: LogError) {
        // The log that does not answer may be the one that has the tree.
        if !self.failure.as_ref().is_some_and(LogError::is_transient) {
            self.failure = Some(error);
        }
    }

    fn agree(self) -> Result<bool, LogError> {
        match self.failure {
            Some(error) if !self.refuted || error.is_transient() => Err(error),
            _ if self.refuted => Ok(false),
            _ => Err(LogError::OtherLog),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use http::StatusCode;
    use tokio::time::Instant;

    use super::*;
    use crate::http_client::SendError;
    use crate::tlog::example::checkpoint;

    fn silence() -> LogError {
        SendError::Timeout.into()
    }

    fn status(status: StatusCode) -> LogError {
        LogError::Status { status, message: None }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_may_pass_is_asked_about_once_more_and_any_other_answer_stands() {
        for (answers, expected, calls, time) in [
            ([Err("lags"), Ok(1)], Ok(1), 2, CATCHING_UP),
            ([Err("lags"), Err("lags")], Err("lags"), 2, CATCHING_UP),
            ([Err("lags"), Err("lies")], Err("lies"), 2, CATCHING_UP),
            ([Err("lies"), Ok(1)], Err("lies"), 1, Duration::ZERO),
            ([Ok(1), Ok(2)], Ok(1), 1, Duration::ZERO),
        ] {
            let (began, asked) = (Instant::now(), Cell::new(0));
            let ask = async || answers[asked.replace(asked.get() + 1)];
            let answer = ask_up_to_twice(ask, |error| *error == "lags").await;
            assert_eq!((answer, asked.get(), began.elapsed()), (expected, calls, time), "{answers:?}");
        }
    }

    #[test]
    fn only_a_log_that_refuses_the_request_is_given_time_to_catch_up() {
        for refusal in [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY] {
            assert!(refuses(&status(refusal)), "{refusal}");
        }
        for other in
            [status(StatusCode::INTERNAL_SERVER_ERROR), status(StatusCode::FOUND), silence(), LogError::Missing]
        {
            assert!(!refuses(&other), "{other}");
        }
    }

    #[test]
    fn only_an_answer_that_is_smaller_and_of_the_same_history_is_old() {
        let sizes = [(5, 4), (5, 5), (5, 6)];
        for (before, now) in sizes {
            let agree = |agree| size_before(&checkpoint(before), &checkpoint(now), agree);
            match agree(Ok(true)) {
                Ok(from) => assert!(from == before && now >= before, "{now}"),
                Err(GrowthError::Old { before: 5, now: 4, .. }) => assert_eq!(now, 4),
                Err(error) => panic!("{now}: {error}"),
            }
            let forked = agree(Ok(false)).unwrap_err();
            assert!(matches!(&forked, GrowthError::Contradicted(it) if matches!(**it, HistoryConflict::Forked { .. })));
            // A log that failed may have a proof.
            for failure in [silence(), status(StatusCode::BAD_GATEWAY)] {
                assert!(matches!(agree(Err(failure)), Err(GrowthError::Log(error)) if error.is_transient()), "{now}");
            }
            match agree(Err(LogError::Missing)) {
                Err(GrowthError::Smaller { before: 5, now: 4, refusal: LogError::Missing, .. }) => assert_eq!(now, 4),
                Err(GrowthError::Log(LogError::Missing)) => assert!(now >= before, "{now}"),
                answer => panic!("{now}: {answer:?}"),
            }
        }
    }

    /// The kinds of answers that prove nothing.
    #[derive(Debug, Clone, Copy)]
    enum Answered {
        Refuted,
        Refused,
        Silent,
    }

    fn agree(answers: &[Answered]) -> Result<bool, LogError> {
        let mut unproven = Unproven::default();
        for answer in answers {
            match answer {
                Answered::Refuted => unproven.refuted = true,
                Answered::Refused => unproven.add(status(StatusCode::BAD_REQUEST)),
                Answered::Silent => unproven.add(silence()),
            }
        }
        unproven.agree()
    }

    #[test]
    fn a_fork_is_told_once_every_log_that_may_have_the_tree_has_answered() {
        use Answered::{Refused, Refuted, Silent};
        for forked in [&[Refuted][..], &[Refuted, Refuted], &[Refuted, Refused], &[Refused, Refuted]] {
            assert!(matches!(agree(forked), Ok(false)), "{forked:?}");
        }
        for unknown in [
            &[Silent][..],
            &[Silent, Refuted],
            &[Refuted, Silent],
            &[Silent, Refused],
            &[Refused, Silent],
            &[Refuted, Silent, Refused],
            &[Refused, Silent, Refuted],
        ] {
            assert!(agree(unknown).is_err_and(|error| error.is_transient()), "{unknown:?}");
        }
        assert!(matches!(agree(&[Refused, Refused]), Err(LogError::Status { .. })));
        assert!(matches!(agree(&[]), Err(LogError::OtherLog)), "no log has trees of that form");
    }
}
