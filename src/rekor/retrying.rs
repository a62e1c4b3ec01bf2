//! A client for those who have time: it pauses when the log asks for that, and tries again when the log fails.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Rekor;
use crate::deadline::Deadline;
use crate::http_client::{Backoff, random_part};
use crate::tlog::LogError;

/// The time that one call may take. Rekor answers an upload once the entry is included, which takes seconds.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Calls in all before a log counts as failed.
const TRIES_AFTER_FAILURE: u32 = 3;
/// Calls in all before a log that wants to be asked later counts as failed.
const TRIES_WHEN_LIMITED: u32 = 8;
/// The pauses after failures.
const FAILURE_PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(2), 1.0);
/// The pauses if the log asks for one and does not say how long.
const LIMITED_PAUSES: Backoff = Backoff::new(Duration::from_secs(5), Duration::MAX, 0.0);
/// Nobody waits longer than this on a log's word.
const MAX_PAUSE: Duration = Duration::from_secs(120);
/// Calls that waited for the end of a pause come back within this time, and not all at once.
const RETURN_TIME: Duration = Duration::from_millis(500);

/// A client that pauses and tries again.
#[derive(Debug)]
pub(crate) struct RetryingRekor {
    rekor: Rekor,
    /// The end of the pause that the log asked for. It holds for all calls under way.
    paused_until: Mutex<Option<Instant>>,
}

impl RetryingRekor {
    /// A client that asks by `rekor`.
    pub(crate) fn new(rekor: Rekor) -> Self {
        Self { rekor, paused_until: Mutex::new(None) }
    }

    /// The client itself, for its URLs.
    pub(crate) fn rekor(&self) -> &Rekor {
        &self.rekor
    }

    /// Makes a call that may be repeated, until it is answered or the log has failed often enough.
    pub(crate) async fn ask<T>(
        &self,
        call: impl AsyncFn(&Rekor, Deadline) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let (mut failures, mut limited) = (0, 0);
        loop {
            self.wait_out_pause().await;
            let error = match call(&self.rekor, Deadline::after(CALL_TIME)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let LogError::RateLimited { retry_after } = &error {
                let pause = retry_after.unwrap_or_else(|| LIMITED_PAUSES.pause(limited));
                limited += 1;
                if limited == TRIES_WHEN_LIMITED || pause > MAX_PAUSE {
                    return Err(error);
                }
                self.pause(pause);
            } else {
                failures += 1;
                if failures == TRIES_AFTER_FAILURE || !error.is_transient() {
                    return Err(error);
                }
                tokio::time::sleep(FAILURE_PAUSES.pause(failures - 1)).await;
            }
        }
    }

    async fn wait_out_pause(&self) {
        loop {
            let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until + random_part(RETURN_TIME)).await,
                None => return,
            }
        }
    }

    /// Holds back all calls for this time.
    fn pause(&self, time: Duration) {
        let until = Some(Instant::now() + time);
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::http_client::SendError;
    use crate::rekor::RekorV1;

    /// Timers are of whole milliseconds.
    const TICK: Duration = Duration::from_millis(1);

    fn rekor() -> Rekor {
        Rekor::V1(RekorV1::new("http://log.test".parse().unwrap()).unwrap())
    }

    async fn asked(answers: &[Option<u64>]) -> (Result<(), LogError>, usize) {
        let retrying = RetryingRekor::new(rekor());
        let calls = Cell::new(0);
        let call = async |_: &Rekor, _: Deadline| {
            let answer = answers.get(calls.get());
            calls.set(calls.get() + 1);
            match answer {
                Some(retry_after) => Err(LogError::RateLimited { retry_after: retry_after.map(Duration::from_secs) }),
                None => Ok(()),
            }
        };
        (retrying.ask(call).await, calls.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_limited_call_is_repeated_when_the_log_says_unless_that_is_too_late() {
        for seconds in [1, 119, 120] {
            let began = Instant::now();
            let (answer, calls) = asked(&[Some(seconds)]).await;
            assert!(answer.is_ok() && calls == 2, "{seconds} s");
            let (waited, pause) = (began.elapsed(), Duration::from_secs(seconds));
            assert!(waited >= pause && waited <= pause + RETURN_TIME + TICK, "{seconds} s: {waited:?}");
        }
        for seconds in [121, 3600] {
            let began = Instant::now();
            let (answer, calls) = asked(&[Some(seconds)]).await;
            assert!(matches!(answer, Err(LogError::RateLimited { .. })) && calls == 1, "{seconds} s");
            assert_eq!(began.elapsed(), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_asks_for_no_pause_is_asked_at_once_and_not_for_ever() {
        let began = Instant::now();
        let (answer, calls) = asked(&[Some(0); 20]).await;
        assert!(answer.is_err());
        assert_eq!(calls, TRIES_WHEN_LIMITED as usize);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_waited_for_the_end_of_a_pause_do_not_come_back_all_at_once() {
        let (retrying, began, pause) = (RetryingRekor::new(rekor()), Instant::now(), Duration::from_secs(10));
        retrying.pause(pause);
        let call = async || {
            retrying.wait_out_pause().await;
            began.elapsed()
        };
        let back = futures_util::future::join_all((0..20).map(|_| call())).await;
        let (first, last) = (*back.iter().min().unwrap(), *back.iter().max().unwrap());
        assert!(first >= pause && last <= pause + RETURN_TIME + TICK, "{back:?}");
        assert!(last - first > RETURN_TIME / 10, "{back:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_fails_is_asked_three_times_with_longer_and_longer_pauses() {
        let (retrying, began, calls) = (RetryingRekor::new(rekor()), Instant::now(), RefCell::new(Vec::new()));
        let call = async |_: &Rekor, _: Deadline| {
            calls.borrow_mut().push(began.elapsed());
            Err::<(), _>(LogError::Send(SendError::Timeout))
        };
        assert!(retrying.ask(call).await.is_err_and(|error| error.is_transient()));
        let calls = calls.into_inner();
        let pauses: Vec<Duration> = calls.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let [first, second] = pauses[..] else { panic!("{calls:?}") };
        let half = Duration::from_millis(500);
        assert!(first >= half && first <= 2 * half + TICK, "{first:?}");
        assert!(second >= 2 * half && second <= 4 * half + TICK, "{second:?}");
    }

    #[tokio::test]
    async fn what_the_log_answers_wrongly_is_not_asked_again() {
        let retrying = RetryingRekor::new(rekor());
        let calls = Cell::new(0);
        let call = async |_: &Rekor, _: Deadline| {
            calls.set(calls.get() + 1);
            Err::<(), _>(LogError::Missing)
        };
        assert!(retrying.ask(call).await.is_err());
        assert_eq!(calls.get(), 1);
    }
}
