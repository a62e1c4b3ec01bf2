//! The gate before the log: it lets calls through or holds them back.
//!
//! A log that asks for a pause gets it from all calls. One that fails several times in a row at one kind of call is left
//! alone with calls of that kind for a while. When the time is over, one call is let through as a probe: if it goes well the
//! gate is open, otherwise the next pause is longer.
//!
//! Each process has its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::LogError;
use crate::http_client::{Backoff, SendError, spread};

/// Failures in a row that close the gate: one or two may be chance, and each costs a first sight's signature.
const FAILURES: u32 = 3;
/// The pauses after these. The first is several times as long as a call; the longest lets the end of an outage be noticed
/// within three minutes.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(120), 0.5);
/// Bounds of the pause that the log may ask for: zero would not be a pause, and a hostile answer can name years.
const ASKED_FOR: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(600)];
/// The pause while a probe is under way: most are answered by then.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// A log that had this long to answer is slow. With less, the registry may have taken the time.
const FAIR_TIME: Duration = Duration::from_secs(4);

/// Kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A search of the index.
    Search,
    /// The retrieval of entries that a search has found. Strangers decide how large they are, so failures show nothing about
    /// the log. It is never a probe: the search was one.
    Retrieve,
    /// An upload.
    Upload,
}

impl Call {
    const COUNT: usize = 3;
}

/// The gate is closed: no call may be made before `retry_after` has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log limits requests or has failed repeatedly; it is asked again in {} s", .retry_after.as_secs() + 1)]
pub(crate) struct Closed {
    /// The time until a call may be let through.
    pub retry_after: Duration,
}

/// Clones are one gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    fair_time: Duration,
    /// One for each [`Call`].
    lanes: Mutex<[Lane; Call::COUNT]>,
}

/// The state of one kind of call.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    /// Failures in a row.
    failures: u32,
    /// Pauses without a successful call in between.
    pauses: u32,
    /// `None` while the gate is open.
    closed_until: Option<Instant>,
    probing: bool,
    /// The number of times that it was closed. The outcome of a call that was let through before is out of date.
    closings: u64,
}

impl Lane {
    fn extend(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    fn close(&mut self, until: Instant) {
        self.extend(until);
        self.probing = false;
        self.pauses = self.pauses.saturating_add(1);
        self.closings += 1;
    }

    fn fail(&mut self, probe: bool, now: Instant) {
        self.failures += 1;
        if probe || self.failures >= FAILURES {
            self.close(now + self.next_pause());
        }
    }

    fn open(&mut self) {
        *self = Self { closings: self.closings, ..Self::default() };
    }

    fn next_pause(&self) -> Duration {
        PAUSES.pause(self.pauses)
    }
}

impl Gate {
    /// `call_time` is how long a call may take.
    pub(crate) fn new(call_time: Duration) -> Self {
        let fair_time = FAIR_TIME.min(call_time / 2);
        Self(Arc::new(GateState { fair_time, lanes: Mutex::default() }))
    }

    /// Lets a call through, or says when to come back. Callers ask it before any work that is useless without the call.
    pub(crate) fn pass(&self, call: Call) -> Result<Pass, Closed> {
        let now = Instant::now();
        let mut lanes = self.lanes();
        let lane = &mut lanes[call as usize];
        match lane.closed_until {
            Some(until) if now < until => return Err(Closed { retry_after: until - now }),
            Some(_) if lane.probing => return Err(Closed { retry_after: PROBE_TIME }),
            Some(_) => lane.probing = call != Call::Retrieve,
            None => {}
        }
        Ok(Pass { gate: self.clone(), call, probe: lane.probing, closings: lane.closings, began: now })
    }

    /// The longest that some kind of call is held back. Unlike [`Gate::pass`], it lets nothing through.
    pub(crate) fn closed(&self) -> Option<Closed> {
        let until = self.lanes().iter().filter_map(|lane| lane.closed_until).max()?;
        let retry_after = until.saturating_duration_since(Instant::now());
        (!retry_after.is_zero()).then_some(Closed { retry_after })
    }

    /// Nothing panics while it holds the lock.
    fn lanes(&self) -> MutexGuard<'_, [Lane; Call::COUNT]> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through. If it is dropped without a report, another call may be the probe.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Gate,
    call: Call,
    probe: bool,
    /// [`Lane::closings`] at the time.
    closings: u64,
    began: Instant,
}

impl Pass {
    /// Makes the call and reports its outcome.
    pub(crate) async fn ask<T>(mut self, call: impl Future<Output = Result<T, LogError>>) -> Result<T, LogError> {
        self.began = Instant::now();
        let answer = call.await;
        self.report(answer.as_ref().err());
        answer
    }

    /// Reports the outcome of the call: its error, or `None` for a success.
    pub(crate) fn report(self, error: Option<&LogError>) {
        let now = Instant::now();
        let mut lanes = self.gate.lanes();
        let lane = &mut lanes[self.call as usize];
        let is_current = lane.closings == self.closings;
        match error {
            Some(LogError::RateLimited { retry_after }) => {
                let [least, most] = ASKED_FOR;
                let asked = retry_after.map(|asked| spread(asked.clamp(least, most), 0.1));
                match asked {
                    // Many calls may be answered so at once: the first counts.
                    _ if is_current => {
                        let until = now + asked.unwrap_or_else(|| lane.next_pause());
                        lanes.iter_mut().for_each(|lane| lane.close(until));
                    }
                    Some(asked) => lanes.iter_mut().for_each(|lane| lane.extend(now + asked)),
                    None => {}
                }
            }
            _ if !is_current => {}
            Some(LogError::Send(SendError::Timeout)) if now - self.began < self.gate.0.fair_time => {}
            Some(error) if self.call == Call::Retrieve && error.is_transient() => {}
            Some(error) if error.is_transient() => lane.fail(self.probe, now),
            // A wrong answer is an answer too.
            _ => lane.open(),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe {
            let lane = &mut self.gate.lanes()[self.call as usize];
            lane.probing &= lane.closings != self.closings;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_TIME: Duration = Duration::from_secs(25);

    fn limited(retry_after: Option<u64>) -> LogError {
        LogError::RateLimited { retry_after: retry_after.map(Duration::from_secs) }
    }

    fn failed() -> LogError {
        LogError::Status { status: http::StatusCode::BAD_GATEWAY, message: None }
    }

    fn tell(gate: &Gate, call: Call, error: Option<LogError>) {
        gate.pass(call).unwrap().report(error.as_ref());
    }

    /// The time for which the gate is closed for a call.
    fn closed(gate: &Gate, call: Call) -> Duration {
        gate.pass(call).map(drop).err().map(|closed| closed.retry_after).unwrap_or_default()
    }

    #[track_caller]
    fn assert_about(time: Duration, seconds: u64, more: f64) {
        let expected = Duration::from_secs(seconds);
        assert!(time >= expected && time <= expected.mul_f64(1.0 + more), "{time:?} is not about {expected:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_asks_for_a_pause_gets_it_from_all_calls() {
        for by in [Call::Search, Call::Retrieve, Call::Upload] {
            let gate = Gate::new(CALL_TIME);
            tell(&gate, by, Some(limited(Some(30))));
            for call in [Call::Search, Call::Retrieve, Call::Upload] {
                assert_about(closed(&gate, call), 30, 0.1);
            }
            tokio::time::advance(closed(&gate, Call::Upload)).await;
            for call in [Call::Search, Call::Retrieve, Call::Upload] {
                tell(&gate, call, None);
                assert_eq!(closed(&gate, call), Duration::ZERO);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_longer_pause_that_was_asked_for_meanwhile_counts_and_a_shorter_one_does_not() {
        for (later, expected) in [(120, 120), (5, 30)] {
            let gate = Gate::new(CALL_TIME);
            let [first, second] = [Call::Upload, Call::Search].map(|call| gate.pass(call).unwrap());
            first.report(Some(&limited(Some(30))));
            second.report(Some(&limited(Some(later))));
            for call in [Call::Search, Call::Retrieve, Call::Upload] {
                assert_about(closed(&gate, call), expected, 0.1);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn neither_at_once_nor_in_years_is_a_pause() {
        for (asked, given) in [(0, 1), (1, 1), (599, 599), (601, 600), (u64::MAX, 600)] {
            let gate = Gate::new(CALL_TIME);
            tell(&gate, Call::Upload, Some(limited(Some(asked))));
            assert_about(closed(&gate, Call::Upload), given, 0.1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_two_minutes_until_a_call_goes_well() {
        for error in [failed as fn() -> LogError, || limited(None)] {
            let gate = Gate::new(CALL_TIME);
            for _ in 1..FAILURES {
                tell(&gate, Call::Upload, Some(failed()));
                assert_eq!(closed(&gate, Call::Upload), Duration::ZERO);
            }
            for seconds in [5, 10, 20, 40, 80, 120, 120] {
                tell(&gate, Call::Upload, Some(error()));
                let pause = closed(&gate, Call::Upload);
                assert_about(pause, seconds, 0.5);
                tokio::time::advance(pause).await;
            }
            tell(&gate, Call::Upload, None);
            for _ in 1..FAILURES {
                tell(&gate, Call::Upload, Some(failed()));
            }
            assert_eq!(closed(&gate, Call::Upload), Duration::ZERO, "it starts from the beginning");
            tell(&gate, Call::Upload, Some(failed()));
            assert_about(closed(&gate, Call::Upload), 5, 0.5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_is_let_through_as_a_probe() {
        let gate = Gate::new(CALL_TIME);
        tell(&gate, Call::Upload, Some(limited(Some(7))));
        tokio::time::advance(Duration::from_secs(8)).await;
        let probe = gate.pass(Call::Upload).unwrap();
        assert_eq!(closed(&gate, Call::Upload), PROBE_TIME);
        drop(probe);
        let probe = gate.pass(Call::Upload).expect("the one before came to nothing");
        probe.report(None);
        let both = (gate.pass(Call::Upload), gate.pass(Call::Upload));
        assert!(both.0.is_ok() && both.1.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_of_one_kind_in_a_row_close_the_gate_and_for_that_kind() {
        let gate = Gate::new(CALL_TIME);
        for _ in 0..FAILURES {
            tell(&gate, Call::Upload, Some(failed()));
            tell(&gate, Call::Search, None);
        }
        assert!(closed(&gate, Call::Upload) > Duration::ZERO);
        assert_eq!(closed(&gate, Call::Search), Duration::ZERO);
        for n in 0..4 * FAILURES {
            let error = (n % FAILURES != 0).then(failed);
            tell(&gate, Call::Search, error);
        }
        assert_eq!(closed(&gate, Call::Search), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn many_calls_that_fail_at_once_make_one_pause() {
        for error in [failed as fn() -> LogError, || limited(None), || limited(Some(5))] {
            let gate = Gate::new(CALL_TIME);
            let passes: Vec<Pass> = (0..50).map(|_| gate.pass(Call::Upload).unwrap()).collect();
            passes.into_iter().for_each(|pass| pass.report(Some(&error())));
            assert_about(closed(&gate, Call::Upload), 5, 0.5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_out_counts_where_the_log_had_the_time() {
        for (waited, closes) in [(3, false), (5, true)] {
            let gate = Gate::new(CALL_TIME);
            for _ in 0..FAILURES {
                let call = async {
                    tokio::time::sleep(Duration::from_secs(waited)).await;
                    Err::<(), _>(SendError::Timeout.into())
                };
                assert!(gate.pass(Call::Search).unwrap().ask(call).await.is_err());
            }
            assert_eq!(closed(&gate, Call::Search) > Duration::ZERO, closes, "{waited} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_a_short_calls_time_is_fair_and_four_seconds_of_a_long_ones() {
        for (call_time, fair_millis) in [(6, 3_000), (8, 4_000), (25, 4_000)] {
            for (waited, closes) in [(fair_millis - 1, false), (fair_millis, true)] {
                let gate = Gate::new(Duration::from_secs(call_time));
                for _ in 0..FAILURES {
                    let pass = gate.pass(Call::Search).unwrap();
                    tokio::time::advance(Duration::from_millis(waited)).await;
                    pass.report(Some(&SendError::Timeout.into()));
                }
                let closed = closed(&gate, Call::Search);
                assert_eq!(closed > Duration::ZERO, closes, "{waited} ms of calls of {call_time} s");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_says_for_how_long_some_call_is_held_back_and_lets_nothing_through() {
        let gate = Gate::new(CALL_TIME);
        assert_eq!(gate.closed(), None);
        tell(&gate, Call::Upload, Some(limited(Some(30))));
        assert_about(gate.closed().unwrap().retry_after, 30, 0.1);
        tokio::time::advance(gate.closed().unwrap().retry_after).await;
        assert_eq!(gate.closed(), None, "the time is over");
        let probe = gate.pass(Call::Upload).expect("nothing was let through before");
        assert_eq!(closed(&gate, Call::Upload), PROBE_TIME);
        drop(probe);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_comes_to_nothing_leaves_the_probe_after_it_alone() {
        let gate = Gate::new(CALL_TIME);
        let limit = |pass: Pass| pass.report(Some(&limited(Some(5))));
        limit(gate.pass(Call::Upload).unwrap());
        tokio::time::advance(Duration::from_secs(6)).await;
        let (old, from_before) = (gate.pass(Call::Upload).unwrap(), gate.pass(Call::Search).unwrap());
        // Another kind of call is limited meanwhile: the gate closes for all, and the next probe is another.
        limit(from_before);
        tokio::time::advance(Duration::from_secs(6)).await;
        let probe = gate.pass(Call::Upload).unwrap();
        drop(old);
        assert_eq!(closed(&gate, Call::Upload), PROBE_TIME, "the probe is still under way");
        drop(probe);
        assert_eq!(closed(&gate, Call::Upload), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_strangers_filed_closes_nothing() {
        let gate = Gate::new(CALL_TIME);
        for _ in 0..2 * FAILURES {
            tell(&gate, Call::Retrieve, Some(failed()));
            tell(&gate, Call::Search, Some(SendError::TooLarge(4 << 20).into()));
            tell(&gate, Call::Search, Some(LogError::Missing));
        }
        assert_eq!((closed(&gate, Call::Retrieve), closed(&gate, Call::Search)), Default::default());
    }
}
