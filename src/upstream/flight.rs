//! Calls that several requests wait for: what is named by a digest is the same whenever it is asked for, so that
//! whoever comes while a call is under way takes its answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::telemetry::{Dependency, timed};

/// The calls under way, by what they ask for. There are no more than requests.
#[derive(Debug)]
pub(super) struct Flights<K, V>(Mutex<HashMap<K, watch::Receiver<Option<V>>>>);

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Makes `call`, or takes the answer of the one that is under way for the same `key`.
    ///
    /// An answer that is not `shared`, or whose caller went away, is nobody else's: one of those who waited makes its
    /// own call then, and the others wait for that.
    pub(super) async fn join(&self, key: K, call: impl Future<Output = V>, shared: impl Fn(&V) -> bool) -> V {
        let flight = loop {
            match self.enter(&key) {
                Boarded::First(flight) => break flight,
                Boarded::UnderWay(answer) => {
                    if let Some(answer) = answered(answer).await {
                        return answer;
                    }
                }
            }
        };
        let answer = call.await;
        // Leaves the list first: whoever comes from now on finds what was kept, or asks again.
        let sender = flight.end();
        if shared(&answer) {
            sender.send_replace(Some(answer.clone()));
        }
        answer
    }

    /// The answer of the call that is under way for `key`. `None` if there is none, or its answer is nobody else's.
    pub(super) async fn under_way(&self, key: &K) -> Option<V> {
        let answer = self.lock().get(key).cloned();
        answered(answer?).await
    }

    fn enter(&self, key: &K) -> Boarded<'_, K, V> {
        let mut flights = self.lock();
        if let Some(answer) = flights.get(key) {
            return Boarded::UnderWay(answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        flights.insert(key.clone(), answer);
        Boarded::First(Flight { flights: self, key: key.clone(), sender: Some(sender) })
    }

    /// A poisoned lock is usable: nothing panics while holding it.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Boarded<'a, K: Hash + Eq + Clone, V: Clone> {
    First(Flight<'a, K, V>),
    UnderWay(watch::Receiver<Option<V>>),
}

/// A call under way. It leaves the list when it is dropped.
struct Flight<'a, K: Hash + Eq + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: K,
    /// Taken at the end alone.
    sender: Option<watch::Sender<Option<V>>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Flight<'_, K, V> {
    fn end(mut self) -> watch::Sender<Option<V>> {
        self.sender.take().unwrap_or_else(|| watch::channel(None).0)
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Flight<'_, K, V> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// Waits for another's answer. `None` if there will be none.
pub(super) async fn answered<V: Clone>(mut answer: watch::Receiver<Option<V>>) -> Option<V> {
    let waiting = timed(Dependency::Registry, answer.wait_for(Option::is_some));
    waiting.await.ok().and_then(|answer| answer.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::task::{JoinHandle, yield_now};
    use tokio::time::sleep;

    use super::*;

    /// Calls that take a second each, and answer with their number.
    #[derive(Clone)]
    struct Numbered(Arc<(Flights<&'static str, usize>, AtomicUsize)>);

    impl Numbered {
        fn new() -> Self {
            Self(Arc::new((Flights::new(), AtomicUsize::new(0))))
        }

        fn join(&self, key: &'static str, is_shared: bool) -> JoinHandle<usize> {
            let this = self.clone();
            tokio::spawn(async move {
                let (flights, made) = &*this.0;
                let call = async {
                    let number = made.fetch_add(1, Ordering::Relaxed) + 1;
                    sleep(Duration::from_secs(1)).await;
                    number
                };
                flights.join(key, call, |_| is_shared).await
            })
        }

        fn made(&self) -> usize {
            self.0.1.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_while_a_call_is_under_way_takes_its_answer() {
        let calls = Numbered::new();
        let first = calls.join("a", true);
        sleep(Duration::from_millis(900)).await;
        let others: Vec<_> = (0..100).map(|_| calls.join("a", true)).collect();
        let other = calls.join("b", true);
        assert_eq!(first.await.unwrap(), 1);
        for one in others {
            assert_eq!(one.await.unwrap(), 1);
        }
        assert_eq!((other.await.unwrap(), calls.made()), (2, 2));
        assert_eq!(calls.join("a", true).await.unwrap(), 3, "a call that is over is nobody's");
        assert!(calls.0.0.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_shared_makes_one_of_those_who_wait_ask() {
        let calls = Numbered::new();
        let first = calls.join("a", false);
        yield_now().await;
        let others: Vec<_> = (0..3).map(|_| calls.join("a", true)).collect();
        assert_eq!(first.await.unwrap(), 1);
        for one in others {
            assert_eq!(one.await.unwrap(), 2);
        }
        assert!(calls.0.0.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_goes_away_makes_one_of_those_who_wait_ask() {
        let calls = Numbered::new();
        let first = calls.join("a", true);
        yield_now().await;
        let others: Vec<_> = (0..3).map(|_| calls.join("a", true)).collect();
        yield_now().await;
        first.abort();
        for one in others {
            assert_eq!(one.await.unwrap(), 2);
        }
        assert!(calls.0.0.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_can_be_waited_for_and_is_not_made_for_that() {
        let calls = Numbered::new();
        assert_eq!(calls.0.0.under_way(&"a").await, None);
        let first = calls.join("a", true);
        yield_now().await;
        assert_eq!(calls.0.0.under_way(&"a").await, Some(1));
        assert_eq!((first.await.unwrap(), calls.made()), (1, 1));
    }
}
