//! What a function does with the answers to its calls: `src/verdict/`, one step at a time.

use crate::state::{Digest, Found, Function, Row, State, Step, Verdict, Write};
use crate::{Protocol, Pulls};

impl Pulls {
    /// A function that handles no pull yet, or the next one.
    pub fn waiting(&self, known: Option<Digest>) -> Function {
        let step = match known {
            Some(digest) => Step::Found(Found::Seen(digest)),
            None if self.protocol == Protocol::IndexAsEvidence => Step::Search,
            None => Step::Get { row_expected: false },
        };
        Function { known, current: None, step }
    }

    /// The call that a step makes, if it is one that changes something.
    pub fn write(&self, step: Step) -> Option<Write> {
        match step {
            Step::Remember(digest) => Some(Write::Insert(Row::Recorded(digest))),
            Step::Insert(statement) => Some(Write::Insert(Row::Pending(statement))),
            Step::Wait { .. } if self.protocol == Protocol::NoTakeOver => None,
            Step::Wait { statement, lease_current } => Some(Write::TakeOver { statement, lease_current }),
            Step::Upload { statement, .. } | Step::MakeFindable(statement) => Some(Write::Upload(statement)),
            Step::Complete { statement, .. } => Some(Write::Complete(statement)),
            Step::Get { .. } | Step::Search | Step::Never | Step::TakenOver | Step::Found(_) => None,
        }
    }

    /// The ledger has answered a read.
    pub fn has_read(&self, state: &mut State, i: usize, row: Option<Row>) {
        let row_expected = !matches!(state.functions[i].step, Step::Get { row_expected: false });
        match row {
            Some(Row::Recorded(digest)) => self.know(state, i, Found::Seen(digest)),
            Some(Row::Pending(statement)) => {
                state.functions[i].step = Step::Wait { statement, lease_current: true };
            }
            None if row_expected => self.end(state, i),
            None => state.functions[i].step = Step::Search,
        }
    }

    /// The log has answered a search.
    pub fn has_searched(&self, state: &mut State, i: usize) {
        match self.search(state) {
            Some(Found::Unattested(digest)) => state.functions[i].step = Step::Found(Found::Unattested(digest)),
            Some(Found::Seen(digest) | Found::Recorded(digest)) => {
                state.functions[i].known = Some(digest);
                state.functions[i].step = Step::Remember(digest);
            }
            None => self.go_on_with_current(state, i, Step::Never),
        }
    }

    /// A write was answered with whether its condition held.
    pub fn has_written(&self, state: &mut State, i: usize, held: bool) {
        match state.functions[i].step {
            Step::Remember(digest) => state.functions[i].step = Step::Found(Found::Seen(digest)),
            Step::Insert(statement) if held => {
                if self.protocol == Protocol::ServeBeforeRecording {
                    state.verdict = Some(Verdict::FirstSeen(statement.digest));
                }
                state.functions[i].step = Step::Upload { statement, taken_over: false };
            }
            Step::Wait { .. } if held && self.protocol == Protocol::LeaseWithoutDigest => {
                self.go_on_with_current(state, i, Step::TakenOver);
            }
            Step::Wait { statement, .. } if held => {
                state.functions[i].step = Step::Upload { statement, taken_over: true };
            }
            Step::Insert(_) | Step::Wait { .. } => state.functions[i].step = Step::Get { row_expected: true },
            Step::Upload { statement, .. } if self.protocol == Protocol::IndexAsEvidence => {
                self.know(state, i, Found::Recorded(statement.digest));
            }
            Step::Upload { statement, .. } => {
                state.functions[i].step = Step::Complete { statement, existed: !held };
            }
            Step::Complete { statement, existed: false } => self.know(state, i, Found::Recorded(statement.digest)),
            Step::Complete { statement, existed: true } => {
                state.functions[i].known = Some(statement.digest);
                state.functions[i].step = Step::MakeFindable(state.sign(statement.digest));
            }
            Step::MakeFindable(statement) => {
                state.functions[i].step = Step::Found(Found::Recorded(statement.digest));
            }
            Step::Get { .. } | Step::Search | Step::Never | Step::TakenOver | Step::Found(_) => {}
        }
    }

    /// No answer came to a call that changes something. What is only best effort is passed over, all else fails.
    pub fn has_written_in_vain(&self, state: &mut State, i: usize) {
        match state.functions[i].step {
            Step::Remember(_) | Step::MakeFindable(_) => self.has_written(state, i, true),
            _ => self.end(state, i),
        }
    }

    /// Upstream has told that the tag is `current`.
    pub fn is_told(&self, state: &mut State, i: usize, current: Digest) {
        state.functions[i].current = Some(current);
        match state.functions[i].step {
            Step::Never | Step::TakenOver => {
                let statement = state.sign(current);
                let inserts = state.functions[i].step == Step::Never && self.protocol != Protocol::IndexAsEvidence;
                let taken_over = state.functions[i].step == Step::TakenOver;
                let upload = Step::Upload { statement, taken_over };
                state.functions[i].step = if inserts { Step::Insert(statement) } else { upload };
            }
            // It is rebuilt, and then kept like any other.
            Step::Found(Found::Unattested(digest)) if digest == current => {
                state.functions[i].known = Some(digest);
                state.functions[i].step = Step::Remember(digest);
            }
            Step::Found(found) => {
                state.verdict = Some(match found {
                    Found::Seen(digest) if digest == current => Verdict::Unchanged(digest),
                    Found::Recorded(digest) if digest == current => Verdict::FirstSeen(digest),
                    _ => Verdict::Moved,
                });
                self.end(state, i);
            }
            _ => {}
        }
    }

    fn go_on_with_current(&self, state: &mut State, i: usize, step: Step) {
        state.functions[i].step = step;
        if let Some(current) = state.functions[i].current {
            self.is_told(state, i, current);
        }
    }

    fn know(&self, state: &mut State, i: usize, found: Found) {
        let (Found::Seen(digest) | Found::Recorded(digest) | Found::Unattested(digest)) = found;
        state.functions[i].known = Some(digest);
        state.functions[i].step = Step::Found(found);
    }

    /// The pull is over. What is in memory stays.
    pub fn end(&self, state: &mut State, i: usize) {
        state.functions[i] = self.waiting(state.functions[i].known);
    }
}
