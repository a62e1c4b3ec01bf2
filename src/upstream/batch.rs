//! Calls for what can change, shared by those who waited before the call was made.
//!
//! A tag may have moved a moment ago. A request may take the answer of a call that was made after it had come, and of
//! no other: the registry may have decided on an earlier one before the tag moved. So a call is made at once while few
//! are under way for the same tag. Whoever comes after that waits for one to end, and all who wait by then share the
//! next.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::flight::answered;
use crate::telemetry::{Dependency, timed};

/// The calls for each key.
#[derive(Debug)]
pub(super) struct Batches<K, V> {
    /// Calls under way at once for one key.
    limit: usize,
    /// No more than requests.
    calls: Mutex<HashMap<K, OfOne<V>>>,
}

#[derive(Debug)]
struct OfOne<V> {
    under_way: usize,
    /// The call that is made once another has ended. Those who come join it.
    next: Option<Next<V>>,
}

#[derive(Debug)]
struct Next<V> {
    answer: watch::Receiver<Option<V>>,
    /// A call has ended.
    turn: Arc<Notify>,
}

impl<K: Hash + Eq + Clone, V: Clone> Batches<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, calls: Mutex::new(HashMap::new()) }
    }

    /// Makes `call` at once, or as the next one with all who wait, or takes the answer of the next one.
    ///
    /// An answer that is not `shared`, or whose caller went away, is nobody else's: those who waited begin again.
    pub(super) async fn join(&self, key: K, call: impl Future<Output = V>, shared: impl Fn(&V) -> bool) -> V {
        let (under_way, sender) = loop {
            match self.enter(&key) {
                Entered::Now(under_way) => break (under_way, None),
                Entered::First(waiting, turn) => {
                    timed(Dependency::Registry, turn.notified()).await;
                    let (under_way, sender) = waiting.begin();
                    break (under_way, sender);
                }
                Entered::Joined(answer) => {
                    if let Some(answer) = answered(answer).await {
                        return answer;
                    }
                }
            }
        };
        let answer = call.await;
        drop(under_way);
        if let Some(sender) = sender.filter(|_| shared(&answer)) {
            sender.send_replace(Some(answer.clone()));
        }
        answer
    }

    fn enter(&self, key: &K) -> Entered<'_, K, V> {
        let mut all = self.lock();
        let calls = all.entry(key.clone()).or_insert(OfOne { under_way: 0, next: None });
        if let Some(next) = &calls.next {
            return Entered::Joined(next.answer.clone());
        }
        if calls.under_way < self.limit {
            calls.under_way += 1;
            return Entered::Now(UnderWay { batches: self, key: key.clone() });
        }
        let ((sender, answer), turn) = (watch::channel(None), Arc::new(Notify::new()));
        calls.next = Some(Next { answer, turn: turn.clone() });
        Entered::First(Waiting { batches: self, key: key.clone(), sender: Some(sender) }, turn)
    }

    /// Changes the calls for a key, and forgets them if there are none.
    fn change(&self, key: &K, change: impl FnOnce(&mut OfOne<V>)) {
        let mut all = self.lock();
        if let Some(calls) = all.get_mut(key) {
            change(calls);
            if calls.under_way == 0 && calls.next.is_none() {
                all.remove(key);
            }
        }
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, OfOne<V>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered<'a, K: Hash + Eq + Clone, V: Clone> {
    Now(UnderWay<'a, K, V>),
    First(Waiting<'a, K, V>, Arc<Notify>),
    Joined(watch::Receiver<Option<V>>),
}

/// The first of those who wait for the next call. It makes that call.
struct Waiting<'a, K: Hash + Eq + Clone, V: Clone> {
    batches: &'a Batches<K, V>,
    key: K,
    /// Taken when the call is made.
    sender: Option<watch::Sender<Option<V>>>,
}

impl<'a, K: Hash + Eq + Clone, V: Clone> Waiting<'a, K, V> {
    /// From now on nobody joins.
    fn begin(mut self) -> (UnderWay<'a, K, V>, Option<watch::Sender<Option<V>>>) {
        self.batches.change(&self.key, |calls| {
            calls.under_way += 1;
            calls.next = None;
        });
        (UnderWay { batches: self.batches, key: self.key.clone() }, self.sender.take())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Waiting<'_, K, V> {
    /// Its client went away.
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.batches.change(&self.key, |calls| calls.next = None);
        }
    }
}

/// A call under way, until it is dropped.
struct UnderWay<'a, K: Hash + Eq + Clone, V: Clone> {
    batches: &'a Batches<K, V>,
    key: K,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for UnderWay<'_, K, V> {
    fn drop(&mut self) {
        self.batches.change(&self.key, |calls| {
            calls.under_way -= 1;
            if let Some(next) = &calls.next {
                next.turn.notify_one();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinHandle;
    use tokio::time::{Instant, advance, sleep};

    use super::*;

    const CALL: Duration = Duration::from_secs(1);

    /// Calls that take a second each, and answer with the time at which they were made.
    #[derive(Clone)]
    struct SlowCalls(Arc<Made>);

    struct Made {
        batches: Batches<&'static str, Instant>,
        at: Mutex<Vec<Instant>>,
    }

    impl SlowCalls {
        fn with(limit: usize) -> Self {
            Self(Arc::new(Made { batches: Batches::new(limit), at: Mutex::new(Vec::new()) }))
        }

        fn ask(&self, is_shared: bool) -> JoinHandle<Instant> {
            let this = self.clone();
            tokio::spawn(async move {
                let Made { batches, at } = &*this.0;
                let came = Instant::now();
                let call = async {
                    let now = Instant::now();
                    at.lock().unwrap().push(now);
                    sleep(CALL).await;
                    now
                };
                let asked = batches.join("v1", call, |_| is_shared).await;
                assert!(asked >= came, "an answer from before it was asked for");
                asked
            })
        }

        fn made(&self) -> usize {
            self.0.at.lock().unwrap().len()
        }

        fn assert_nothing_is_left(&self) {
            assert!(self.0.batches.lock().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_call_was_made_waits_for_the_next_with_all_who_wait() {
        let (tag, began) = (SlowCalls::with(1), Instant::now());
        let first = tag.ask(true);
        sleep(CALL / 10).await;
        let waiting: Vec<_> = (0..50).map(|_| tag.ask(true)).collect();
        sleep(CALL * 8 / 10).await;
        let late: Vec<_> = (0..50).map(|_| tag.ask(true)).collect();
        assert_eq!(first.await.unwrap(), began);
        for one in waiting.into_iter().chain(late) {
            assert_eq!(one.await.unwrap(), began + CALL);
        }
        assert_eq!((tag.made(), began.elapsed()), (2, CALL * 2));
        tag.assert_nothing_is_left();
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_calls_are_made_at_once_and_the_first_to_end_makes_room() {
        let (tag, began) = (SlowCalls::with(4), Instant::now());
        let mut asked = Vec::new();
        for _ in 0..6 {
            asked.push(tag.ask(true));
            sleep(CALL / 10).await;
        }
        let mut made = Vec::new();
        for one in asked {
            made.push(one.await.unwrap().duration_since(began).as_millis());
        }
        assert_eq!(made, [0, 100, 200, 300, 1000, 1000]);
        tag.assert_nothing_is_left();
    }

    /// As a tag that moves while it is asked for: whoever comes later hears of it.
    #[tokio::test(start_paused = true)]
    async fn nobody_gets_an_answer_to_what_was_asked_before_he_came() {
        let tag = SlowCalls::with(2);
        let mut random = 7_u64;
        let mut asked = Vec::new();
        for _ in 0..500 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            advance(Duration::from_millis((random >> 33) % 300)).await;
            // Each checks that its answer is no older than itself.
            asked.push(tag.ask(random >> 63 == 0));
        }
        for one in asked {
            one.await.unwrap();
        }
        assert!(tag.made() < 500, "some were shared");
        tag.assert_nothing_is_left();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_away_leaves_the_others_their_own_call() {
        let (tag, began) = (SlowCalls::with(1), Instant::now());
        let _first = tag.ask(true);
        sleep(CALL / 10).await;
        let next = tag.ask(true);
        sleep(CALL / 10).await;
        let others: Vec<_> = (0..3).map(|_| tag.ask(true)).collect();
        sleep(CALL / 10).await;
        next.abort();
        for one in others {
            assert_eq!(one.await.unwrap(), began + CALL, "before the call was made");
        }
        // All at once: one asks, one waits for that, and the others join it.
        let again: Vec<_> = (0..4).map(|_| tag.ask(true)).collect();
        sleep(CALL * 3 / 2).await;
        again[1].abort();
        again[0].abort();
        for one in again.into_iter().skip(2) {
            one.await.unwrap();
        }
        tag.assert_nothing_is_left();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_shared_makes_those_who_waited_begin_again() {
        let (tag, began) = (SlowCalls::with(1), Instant::now());
        let first = tag.ask(true);
        sleep(CALL / 10).await;
        let (next, other) = (tag.ask(false), tag.ask(true));
        assert_eq!(first.await.unwrap(), began);
        assert_eq!(next.await.unwrap(), began + CALL);
        assert_eq!(other.await.unwrap(), began + CALL * 2);
        tag.assert_nothing_is_left();
    }
}
