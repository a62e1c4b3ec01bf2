//! The checkpoints that entries came with. They must be of one history with the log's heads: a log could show one history
//! to those who ask for its head and another to those who ask for an entry.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::state::AuditState;
use crate::log_search::LogSearch;
use crate::tlog::{Checkpoint, GrowthError, HistoryConflict, VerifiedEntry};

/// The verified checkpoints of the entries that an audit has read.
#[derive(Default)]
pub(crate) struct EntryCheckpoints(RefCell<Largest>);

#[derive(Default)]
struct Largest {
    /// By origin. Only the largest is compared: each proof costs a call, and nearly every entry has its own checkpoint.
    by_tree: BTreeMap<String, Checkpoint>,
    /// Two of one size with different roots.
    contradicting: Option<(Checkpoint, Checkpoint)>,
}

impl EntryCheckpoints {
    /// The checkpoints of an earlier audit, from its [`EntryCheckpoints::notes`].
    pub(crate) fn from_notes(notes: &[String]) -> Self {
        let mut checkpoints = Largest::default();
        notes.iter().filter_map(|note| Checkpoint::parse(note)).for_each(|checkpoint| checkpoints.add(checkpoint));
        Self(RefCell::new(checkpoints))
    }

    /// Adds the checkpoint that an entry came with.
    pub(crate) fn add(&self, entry: &VerifiedEntry) {
        if let Some(checkpoint) = entry.checkpoint() {
            self.0.borrow_mut().add(checkpoint);
        }
    }

    /// The signed notes.
    pub(crate) fn notes(&self) -> Vec<String> {
        let checkpoints = self.0.borrow();
        let contradicting = checkpoints.contradicting.iter().flat_map(|(one, other)| [one, other]);
        contradicting.chain(checkpoints.by_tree.values()).map(|checkpoint| checkpoint.note().to_owned()).collect()
    }

    /// Checks that all are of one history with the heads in `state`, and keeps the later of the two there.
    pub(crate) async fn compare(&self, search: &LogSearch, state: &mut AuditState) -> Result<(), GrowthError> {
        let (by_tree, contradicting) = {
            let checkpoints = self.0.borrow();
            (checkpoints.by_tree.clone(), checkpoints.contradicting.clone())
        };
        if let Some((before, now)) = contradicting {
            return Err(HistoryConflict::Forked { before, now }.into());
        }
        if by_tree.keys().any(|origin| !state.checkpoints.contains_key(origin)) {
            // The log has begun a new tree since.
            let grown = search.log.growth(&search.log_keys, &state.checkpoints).await?;
            state.advance(&grown);
        }
        for (origin, largest) in by_tree {
            let Some(head) = state.checkpoints.get(&origin) else { return Err(HistoryConflict::Gone(largest).into()) };
            search.log.one_history(head, &largest).await?;
            if largest.size() > head.size() {
                state.checkpoints.insert(origin, largest);
            }
        }
        Ok(())
    }
}

impl Largest {
    fn add(&mut self, checkpoint: Checkpoint) {
        match self.by_tree.get(checkpoint.origin()) {
            Some(largest) if largest.size() > checkpoint.size() => {}
            Some(largest) if largest.size() == checkpoint.size() => {
                if largest.root() != checkpoint.root() {
                    self.contradicting = Some((largest.clone(), checkpoint));
                }
            }
            _ => {
                self.by_tree.insert(checkpoint.origin().to_owned(), checkpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(tree_id: u64, size: u64, root: &str) -> Checkpoint {
        let root = format!("{root}gRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=");
        let note = format!("log.example - {tree_id}\n{size}\n{root}\n\n— log.example wNI9ajBE\n");
        Checkpoint::parse(&note).unwrap()
    }

    #[test]
    fn the_largest_of_each_tree_is_kept_and_two_that_differ_whatever_comes_after() {
        let met = EntryCheckpoints::default();
        let sizes = |met: &EntryCheckpoints| -> Vec<(u64, u64)> {
            let parse =
                |note: &String| Checkpoint::parse(note).map(|met| (met.tree_id().unwrap(), met.size())).unwrap();
            met.notes().iter().map(parse).collect()
        };
        for (tree_id, size) in [(7, 3), (7, 2), (8, 5), (7, 4), (7, 4)] {
            met.0.borrow_mut().add(checkpoint(tree_id, size, "Lm"));
        }
        assert_eq!(sizes(&met), [(7, 4), (8, 5)]);
        met.0.borrow_mut().add(checkpoint(7, 4, "Lx"));
        met.0.borrow_mut().add(checkpoint(7, 9, "Lm"));
        assert_eq!(sizes(&met), [(7, 4), (7, 4), (7, 9), (8, 5)]);
        assert!(EntryCheckpoints::from_notes(&met.notes()).0.borrow().contradicting.is_some());
        assert_eq!(sizes(&EntryCheckpoints::from_notes(&met.notes())), sizes(&met));
    }
}
