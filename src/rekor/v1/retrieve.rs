//! The retrieval of many entries, any of them hostile.

use std::collections::HashSet;

use futures_util::{Stream, StreamExt as _, stream};

use super::client::RETRIEVE_LIMIT;
use crate::tlog::{EntryId, LogEntry};

/// Retrievals under way at once. Anyone can file entries under any hash, so there may be many to look through.
const CONCURRENT_RETRIEVALS: usize = 4;

/// The outcome for one id, or for several that failed together.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are entries, each handed on once")]
pub(crate) enum Retrieved<E> {
    /// An entry, not yet verified.
    Entry(Box<LogEntry>),
    /// Ids whose call failed.
    Failed { ids: Vec<EntryId>, error: E },
}

/// Retrieves each id once, as many together as the log takes, in no order. `ask` makes one call.
///
/// A call for several ids that fails because of one of them (`is_by_one`) is made again for each half, and so on: an entry
/// that cannot be read does not spoil the others.
pub(crate) fn retrieve<F, E>(
    ids: Vec<EntryId>,
    ask: impl Fn(Vec<EntryId>) -> F + Clone,
    is_by_one: fn(&E) -> bool,
) -> impl Stream<Item = Retrieved<E>>
where
    F: Future<Output = Result<Vec<LogEntry>, E>>,
{
    let mut seen = HashSet::new();
    let ids: Vec<EntryId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    let batches: Vec<Vec<EntryId>> = ids.chunks(RETRIEVE_LIMIT).map(<[EntryId]>::to_vec).collect();
    stream::iter(batches)
        .map(move |batch| Box::pin(retrieve_batch(batch, ask.clone(), is_by_one)))
        .flatten_unordered(CONCURRENT_RETRIEVALS)
}

/// Hands each answer on before the next is asked for: together they may be larger than memory.
fn retrieve_batch<F, E>(
    batch: Vec<EntryId>,
    ask: impl Fn(Vec<EntryId>) -> F + Clone,
    is_by_one: fn(&E) -> bool,
) -> impl Stream<Item = Retrieved<E>>
where
    F: Future<Output = Result<Vec<LogEntry>, E>>,
{
    let answers = stream::unfold(vec![batch], move |mut waiting| {
        let ask = ask.clone();
        async move {
            loop {
                let mut ids = waiting.pop()?;
                let retrieved = match ask(ids.clone()).await {
                    Ok(entries) => entries.into_iter().map(|entry| Retrieved::Entry(Box::new(entry))).collect(),
                    Err(error) if ids.len() > 1 && is_by_one(&error) => {
                        let half = ids.split_off(ids.len() / 2);
                        waiting.extend([half, ids]);
                        continue;
                    }
                    Err(error) => vec![Retrieved::Failed { ids, error }],
                };
                return Some((stream::iter(retrieved), waiting));
            }
        }
    });
    answers.flatten()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::tlog::LogError;

    fn id(number: u8) -> EntryId {
        EntryId { tree_id: None, leaf_hash: [number; 32] }
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_read_does_not_spoil_the_others() {
        let asked = RefCell::new(Vec::new());
        let ask = |ids: Vec<EntryId>| {
            let bad = ids.contains(&id(3)) || ids.contains(&id(17));
            asked.borrow_mut().push(ids);
            async move { if bad { Err(LogError::Missing) } else { Ok(Vec::new()) } }
        };
        let ids = (0..25).chain(0..25).map(id).collect();
        let retrieved: Vec<Retrieved<LogError>> = retrieve(ids, ask, |_| true).collect().await;
        let failed = retrieved.iter().map(|one| match one {
            Retrieved::Failed { ids, error: LogError::Missing } => ids.clone(),
            other => panic!("{other:?}"),
        });
        let failed: BTreeSet<u8> = failed.flatten().map(|id| id.leaf_hash[0]).collect();
        assert_eq!(failed, BTreeSet::from([3, 17]));
        assert!(asked.borrow().iter().all(|ids| ids.len() <= RETRIEVE_LIMIT));
        let answered: BTreeSet<u8> = asked.borrow().iter().flatten().map(|id| id.leaf_hash[0]).collect();
        assert_eq!(answered, (0..25).collect());
        assert!(asked.borrow().len() < 20, "{}", asked.borrow().len());
    }

    #[tokio::test]
    async fn a_log_that_is_down_is_not_asked_for_each_entry() {
        let asked = RefCell::new(0);
        let ask = |_| {
            *asked.borrow_mut() += 1;
            async { Err(LogError::Missing) }
        };
        let retrieved: Vec<Retrieved<LogError>> = retrieve((0..20).map(id).collect(), ask, |_| false).collect().await;
        assert_eq!((retrieved.len(), *asked.borrow()), (2, 2));
    }
}
