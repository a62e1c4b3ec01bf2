//! A function's steps on the answers to its calls: `src/verdict/`, one step at a time.

use crate::instance::Keys;
use crate::state::{AfterIndex, Digest, Found, Function, Indexing, Row, Standing, State, Step, Verdict, Write};
use crate::{Protocol, Pulls};

impl Pulls {
    /// The function with what it has in memory, handling no pull yet, or the next one.
    pub fn waiting(&self, function: Function) -> Function {
        let admitted = matches!(function.standing, Standing::Admitted { .. });
        let step = match function.known {
            _ if !admitted => Step::Admit { again: false },
            Some(digest) => Step::Found(Found::Seen(digest)),
            None if self.protocol == Protocol::IndexAsEvidence => Step::Search,
            None => Step::Get { row_expected: false },
        };
        Function { current: None, step, indexing: Indexing::None, ..function }
    }

    /// The call that a function's step makes, if it is one that changes something.
    pub fn write(&self, function: &Function) -> Option<Write> {
        let own = self.version(function).own();
        match function.step {
            Step::Claim => Some(Write::Claim(own)),
            Step::NameKey { .. } => Some(Write::NameKey(own)),
            Step::NameLog { .. } => Some(Write::NameKey(Keys::of_log(self.version(function).log))),
            Step::Remember(digest, keys) => Some(Write::Insert(Row::Recorded(digest, keys))),
            Step::Insert(statement) => Some(Write::Insert(Row::Pending(statement))),
            Step::Wait { .. } if self.protocol == Protocol::NoTakeOver => None,
            Step::Wait { statement, lease_current } => Some(Write::TakeOver { statement, lease_current }),
            Step::Upload { statement, .. } | Step::MakeFindable(statement) => Some(Write::Upload(statement)),
            Step::Complete { statement, .. } => Some(Write::Complete(statement)),
            Step::PutIntoIndex { digest, .. } => Some(Write::PutIntoIndex(digest)),
            Step::Mark => Some(Write::Mark),
            Step::Admit { .. } | Step::Get { .. } | Step::Search | Step::AskKeys => None,
            Step::Never | Step::TakenOver | Step::Found(_) => None,
        }
    }

    /// The call that the step makes beside [`Pulls::write`], at the same time. Either may arrive first, or alone.
    pub fn beside(&self, function: &Function) -> Option<Write> {
        match function.step {
            Step::Complete { statement, .. } if function.indexing == Indexing::Needed => {
                Some(Write::PutIntoIndex(statement.digest))
            }
            Step::Insert(statement) if self.protocol == Protocol::UploadBesideInsertion => {
                Some(Write::Upload(statement))
            }
            Step::Upload { statement, .. } if self.protocol == Protocol::CompleteBesideUpload => {
                Some(Write::Complete(statement))
            }
            _ => None,
        }
    }

    /// A call that was made beside the step's own was answered, or was in vain. The step goes on.
    pub fn has_written_beside(&self, state: &mut State, i: usize, write: Write, answered: bool) {
        if let Write::PutIntoIndex(_) = write {
            state.functions[i].indexing = if answered { Indexing::Put } else { Indexing::None };
        }
    }

    /// The ledger has answered a read.
    pub fn has_read(&self, state: &mut State, i: usize, row: Option<Row>) {
        let row_expected = !matches!(state.functions[i].step, Step::Get { row_expected: false });
        if row.is_some() && self.shows_use(state, i) {
            return;
        }
        let verifies_with = match row {
            Some(Row::Recorded(_, keys)) => keys,
            Some(Row::Pending(statement)) => statement.key,
            None => Default::default(),
        };
        let version = self.version(&state.functions[i]);
        match row {
            Some(_) if !version.knows.contains(verifies_with) => self.end(state, i),
            Some(Row::Recorded(digest, _)) => {
                if self.indexes && !state.marked {
                    state.functions[i].indexing = Indexing::Needed;
                }
                self.know(state, i, Found::Seen(digest));
            }
            Some(Row::Pending(statement)) => {
                state.functions[i].step = Step::Wait { statement, lease_current: true };
            }
            None if row_expected => self.end(state, i),
            None if version.searched.is_empty() => self.go_on_with_current(state, i, Step::Never),
            None => state.functions[i].step = Step::Search,
        }
    }

    /// The log has answered a search.
    pub fn has_searched(&self, state: &mut State, i: usize) {
        let found = self.search(state, self.version(&state.functions[i]));
        if found.is_some() && self.shows_use(state, i) {
            return;
        }
        match found {
            Some((unattested @ Found::Unattested(..), _)) => state.functions[i].step = Step::Found(unattested),
            Some((found, keys)) => self.remember(state, i, found.digest(), keys),
            None => self.go_on_with_current(state, i, Step::Never),
        }
    }

    /// A write was answered with whether its condition held.
    pub fn has_written(&self, state: &mut State, i: usize, write: Write, held: bool) {
        let version = self.version(&state.functions[i]);
        match state.functions[i].step {
            Step::Claim | Step::NameKey { .. } | Step::NameLog { .. } => self.has_named(state, i, write, held),
            // Somebody else's row, or one that is still pending.
            Step::Remember(..) if !held && self.stores_first(state, i) => {
                state.functions[i].step = Step::Get { row_expected: true };
            }
            Step::Remember(digest, _) => self.know(state, i, Found::Seen(digest)),
            Step::Insert(statement) if held => {
                if self.indexes {
                    state.functions[i].indexing = Indexing::Needed;
                }
                if self.protocol == Protocol::ServeBeforeRecording {
                    self.answer(state, i, Verdict::FirstSeen(statement.digest));
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
                if self.protocol == Protocol::ServeBesideCompletion
                    && state.functions[i].current == Some(statement.digest)
                {
                    self.answer(state, i, Verdict::FirstSeen(statement.digest));
                }
                state.functions[i].step = self.before_completing(state, i, statement, !held);
            }
            // Whose index is still under way.
            Step::Complete { statement, existed } if state.functions[i].indexing == Indexing::Needed => {
                let then = AfterIndex::Completed { existed };
                state.functions[i].step = Step::PutIntoIndex { digest: statement.digest, then };
            }
            Step::PutIntoIndex { digest, then } => {
                state.functions[i].indexing = Indexing::Put;
                self.has_indexed(state, i, digest, then);
            }
            Step::Mark => self.end(state, i),
            Step::Complete { statement, existed } if !existed || !version.is_searchable() => {
                self.know(state, i, Found::Recorded(statement.digest));
            }
            Step::Complete { statement, .. } => self.go_on_to_findable(state, i, statement.digest),
            Step::MakeFindable(statement) => {
                state.functions[i].step = Step::Found(Found::Recorded(statement.digest));
            }
            Step::Admit { .. } | Step::Get { .. } | Step::Search | Step::AskKeys => {}
            Step::Never | Step::TakenOver | Step::Found(_) => {}
        }
    }

    /// The row was completed after a 409.
    fn go_on_to_findable(&self, state: &mut State, i: usize, digest: Digest) {
        state.functions[i].known = Some(digest);
        match self.before_signing(state, i, true) {
            Some(first) => state.functions[i].step = first,
            None => self.make_findable(state, i),
        }
    }

    /// The index's rows are there, or were tried in vain.
    fn has_indexed(&self, state: &mut State, i: usize, digest: Digest, then: AfterIndex) {
        match then {
            AfterIndex::Serve(found) => state.functions[i].step = Step::Found(found),
            AfterIndex::Completed { existed } if existed && self.version(&state.functions[i]).is_searchable() => {
                self.go_on_to_findable(state, i, digest);
            }
            AfterIndex::Completed { .. } => self.know(state, i, Found::Recorded(digest)),
        }
    }

    /// A known sighting is signed once more.
    pub fn make_findable(&self, state: &mut State, i: usize) {
        let key = self.own_signer(state, i);
        if let Some(digest) = state.functions[i].known {
            state.functions[i].step = Step::MakeFindable(state.sign(digest, key));
        }
    }

    /// No answer came to a call that changes something. What is only best effort is passed over, all else fails.
    pub fn has_written_in_vain(&self, state: &mut State, i: usize, write: Write) {
        match state.functions[i].step {
            Step::Remember(..) if self.stores_first(state, i) => self.end(state, i),
            Step::Remember(..) | Step::MakeFindable(_) => self.has_written(state, i, write, true),
            Step::NameKey { findable: true } => {
                let digest = state.functions[i].known.expect("the row was completed");
                state.functions[i].step = Step::Found(Found::Recorded(digest));
            }
            Step::PutIntoIndex { digest, then } => {
                state.functions[i].indexing = Indexing::None;
                self.has_indexed(state, i, digest, then);
            }
            _ => self.end(state, i),
        }
    }

    /// Upstream has told that the tag is `current`.
    pub fn is_told(&self, state: &mut State, i: usize, current: Digest) {
        state.functions[i].current = Some(current);
        match state.functions[i].step {
            Step::Never | Step::TakenOver => {
                if let Some(first) = self.before_signing(state, i, false) {
                    state.functions[i].step = first;
                    return;
                }
                let statement = state.sign(current, self.own_signer(state, i));
                let inserts = state.functions[i].step == Step::Never && self.protocol != Protocol::IndexAsEvidence;
                let taken_over = state.functions[i].step == Step::TakenOver;
                let upload = Step::Upload { statement, taken_over };
                state.functions[i].step = if inserts { Step::Insert(statement) } else { upload };
            }
            // It is rebuilt, and then kept like any other.
            Step::Found(Found::Unattested(digest, keys)) if digest == current => self.remember(state, i, digest, keys),
            Step::Found(found) if self.is_to_be_indexed(state, i, found) => {
                let then = AfterIndex::Serve(found);
                state.functions[i].step = Step::PutIntoIndex { digest: current, then };
            }
            Step::Found(found) => {
                let verdict = match found {
                    Found::Seen(digest) if digest == current => Verdict::Unchanged(digest),
                    Found::Recorded(digest) if digest == current => Verdict::FirstSeen(digest),
                    _ => Verdict::Moved,
                };
                self.answer(state, i, verdict);
                self.end_after_answer(state, i, verdict != Verdict::Moved);
            }
            _ => {}
        }
    }

    /// The digest that a pinned pull may be answered with now.
    pub fn pinned(&self, function: &Function) -> Option<Digest> {
        match function.step {
            Step::Found(Found::Seen(digest) | Found::Recorded(digest)) => Some(digest),
            Step::Found(Found::Unattested(..)) if self.protocol == Protocol::PinnedDespiteLoss => function.current,
            Step::Wait { statement, .. } if self.protocol == Protocol::PinnedFromPendingRow => Some(statement.digest),
            _ => None,
        }
    }

    /// A pinned pull is answered.
    pub fn serve_pinned(&self, state: &mut State, i: usize) {
        let function = state.functions[i];
        if let Some(served) = self.pinned(&function) {
            self.answer(state, i, Verdict::Pinned { served, current: function.current });
            self.end(state, i);
        }
    }

    /// True if the index still lacks what is about to be served.
    fn is_to_be_indexed(&self, state: &State, i: usize, found: Found) -> bool {
        let function = &state.functions[i];
        function.indexing == Indexing::Needed && function.current == Some(found.digest())
    }

    /// The client was answered. The row of what was served is marked then, if the index leads to it.
    fn end_after_answer(&self, state: &mut State, i: usize, served: bool) {
        if served && state.functions[i].indexing == Indexing::Put {
            state.functions[i].step = Step::Mark;
        } else {
            self.end(state, i);
        }
    }

    fn go_on_with_current(&self, state: &mut State, i: usize, step: Step) {
        state.functions[i].step = step;
        if let Some(current) = state.functions[i].current {
            self.is_told(state, i, current);
        }
    }

    /// Answers a client.
    fn answer(&self, state: &mut State, i: usize, verdict: Verdict) {
        let row = state.rows[self.place(state, i).table];
        let is_stored = match verdict {
            Verdict::FirstSeen(digest) | Verdict::Unchanged(digest) | Verdict::Pinned { served: digest, .. } => {
                matches!(row, Some(Row::Recorded(stored, _)) if stored == digest)
            }
            Verdict::Moved => true,
        };
        state.unstored = !is_stored && !self.version(&state.functions[i]).is_searchable();
        state.verdict = Some(verdict);
    }

    /// A search has found the tag. Where no search finds what is written now, the row comes before all else.
    fn remember(&self, state: &mut State, i: usize, digest: Digest, keys: Keys) {
        if !self.stores_first(state, i) {
            state.functions[i].known = Some(digest);
        }
        state.functions[i].step = Step::Remember(digest, keys);
    }

    /// True if what a search has found is served only once its row is there.
    fn stores_first(&self, state: &State, i: usize) -> bool {
        self.protocol != Protocol::ServeBeforeStoring && !self.version(&state.functions[i]).is_searchable()
    }

    fn know(&self, state: &mut State, i: usize, found: Found) {
        state.functions[i].known = Some(found.digest());
        state.functions[i].step = Step::Found(found);
    }

    /// The pull is over. What is in memory stays.
    pub fn end(&self, state: &mut State, i: usize) {
        state.functions[i] = self.waiting(state.functions[i]);
    }

    fn own_signer(&self, state: &State, i: usize) -> Keys {
        Keys::of_signer(self.version(&state.functions[i]).signer)
    }
}
