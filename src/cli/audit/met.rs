//! The checkpoints that entries came with: the log must tell one history to those who ask for its heads and to those who
//! ask for an entry.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::state::State;
use crate::cli::lookup::Lookup;
use crate::tlog::{Checkpoint, GrowthError, HistoryConflict, VerifiedEntry};

/// What an audit has met of them. All are verified.
#[derive(Default)]
pub struct Met(RefCell<Checkpoints>);

#[derive(Default)]
struct Checkpoints {
    /// By tree id. Each proof costs a call, and the log gives nearly every entry a checkpoint of its own.
    largest: BTreeMap<u64, Checkpoint>,
    /// Two of one size that differ.
    contradicting: Option<(Checkpoint, Checkpoint)>,
}

impl Met {
    /// What another audit met, as [`Met::notes`] returns it.
    pub fn before(notes: &[String]) -> Self {
        let mut checkpoints = Checkpoints::default();
        notes.iter().filter_map(|note| Checkpoint::parse(note)).for_each(|checkpoint| checkpoints.add(checkpoint));
        Self(RefCell::new(checkpoints))
    }

    /// Takes note of the checkpoint that an entry came with.
    pub fn add(&self, entry: &VerifiedEntry) {
        if let Some(checkpoint) = entry.checkpoint() {
            self.0.borrow_mut().add(checkpoint);
        }
    }

    /// The signed notes.
    pub fn notes(&self) -> Vec<String> {
        let met = self.0.borrow();
        let contradicting = met.contradicting.iter().flat_map(|(one, other)| [one, other]);
        contradicting.chain(met.largest.values()).map(|checkpoint| checkpoint.note().to_owned()).collect()
    }

    /// Checks that all are of one history with the heads in `state`, which then has the later of the two.
    pub async fn compare(&self, lookup: &Lookup, state: &mut State) -> Result<(), GrowthError> {
        let (largest, contradicting) = {
            let met = self.0.borrow();
            (met.largest.clone(), met.contradicting.clone())
        };
        if let Some((before, now)) = contradicting {
            return Err(HistoryConflict::Forked { before, now }.into());
        }
        if largest.keys().any(|tree_id| !state.checkpoints.contains_key(tree_id)) {
            // A tree that has begun since.
            let grown = lookup.log.growth(&lookup.log_keys, &state.checkpoints).await?;
            state.advance(&grown);
        }
        for (tree_id, met) in largest {
            let Some(head) = state.checkpoints.get(&tree_id) else { return Err(HistoryConflict::Gone(met).into()) };
            lookup.log.one_history(head, &met).await?;
            if met.size() > head.size() {
                state.checkpoints.insert(tree_id, met);
            }
        }
        Ok(())
    }
}

impl Checkpoints {
    fn add(&mut self, checkpoint: Checkpoint) {
        match self.largest.get(&checkpoint.tree_id()) {
            Some(largest) if largest.size() > checkpoint.size() => {}
            Some(largest) if largest.size() == checkpoint.size() => {
                if largest.root() != checkpoint.root() {
                    self.contradicting = Some((largest.clone(), checkpoint));
                }
            }
            _ => {
                self.largest.insert(checkpoint.tree_id(), checkpoint);
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
        let met = Met::default();
        let sizes = |met: &Met| -> Vec<(u64, u64)> {
            let parse = |note: &String| Checkpoint::parse(note).map(|met| (met.tree_id(), met.size())).unwrap();
            met.notes().iter().map(parse).collect()
        };
        for (tree_id, size) in [(7, 3), (7, 2), (8, 5), (7, 4), (7, 4)] {
            met.0.borrow_mut().add(checkpoint(tree_id, size, "Lm"));
        }
        assert_eq!(sizes(&met), [(7, 4), (8, 5)]);
        met.0.borrow_mut().add(checkpoint(7, 4, "Lx"));
        met.0.borrow_mut().add(checkpoint(7, 9, "Lm"));
        assert_eq!(sizes(&met), [(7, 4), (7, 4), (7, 9), (8, 5)]);
        assert!(Met::before(&met.notes()).0.borrow().contradicting.is_some());
        assert_eq!(sizes(&Met::before(&met.notes())), sizes(&met));
    }
}
