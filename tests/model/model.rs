//! The possible next steps, and the properties that must hold.

use stateright::{Model, Property};

use crate::instance::{Keys, Place, Version};
use crate::state::{AfterIndex, Digest, Digests, Found, Row, State, Step, Verdict, Write};
use crate::{Guard, Index, Ledger, Loss, Pulls};

pub const ONE_DIGEST: &str = "no two digests are ever recorded";
pub const SERVED_IS_RECORDED: &str = "what is served by tag is the recorded digest";
pub const ANY_FUNCTION_CAN_FINISH: &str = "any function can finish, whatever became of the others";
pub const SERVED_IS_STORED: &str = "what no search would find again is served only once its row is there";
pub const MARKED_IS_LED_TO: &str = "the index leads to whatever a row says it leads to";
pub const MISTAKES_DO_NOTHING: &str =
    "a version that lacks a key, or has another table or log, serves and signs nothing";

/// Steps in which a function on its own must come to a verdict. The longest way is: give up on what it was doing, read
/// the instance's row and the tag's, take it over, upload, name the log's key, complete, name its key, upload again,
/// compare; with an outdated lease it first reads once more. A process of the first version claims the ledger before, and
/// the index may be put there in between.
const ENOUGH_STEPS: usize = 18;

/// Functions are numbered by their place in [`State::functions`], which is not the same from step to step where
/// [`Pulls::alike`] is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    ReadInstance(usize),
    /// The log is searched for entries by the function's keys.
    AskForKeys(usize),
    ReadRow(usize),
    /// A replica that does not have the row yet answers.
    ReadNoRow(usize),
    SearchLog(usize),
    /// The call arrives and is answered. For a take-over, this is also where the lease is judged to have ended, which
    /// may be at any time: clocks may differ and functions stand still.
    Write(usize, Write),
    /// A call that is made at the same time as the step's own arrives and is answered.
    WriteBeside(usize, Write),
    /// A call that is made at the same time as the step's own fails. It arrives later or never.
    WriteBesideInVain(usize, Write),
    /// The call arrives twice, as the client sends it again by itself, and only the second answer is seen.
    WriteTwice(usize, Write),
    /// The function sees an error. The call arrives later ([`Action::Arrive`]; at once is one case of it) or never.
    WriteInVain(usize, Write),
    /// The function crashes in the middle of a call, which arrives later or never.
    CrashWriting(usize, Write),
    /// The function crashes between calls, and loses its memory.
    Crash(usize),
    /// The pull ends without an answer between calls: a read failed, the client left, the time ran out.
    GiveUp(usize),
    /// Upstream answers with this digest. It may have moved the tag any number of times since it was last asked.
    AskUpstream(usize, Digest),
    /// The verdict, by what upstream told earlier in this pull.
    Compare(usize, Digest),
    /// A pinned pull is answered with what was found.
    ServeRecorded(usize),
    Arrive(Place, Write),
    /// A late call has got lost for good.
    Vanish(Place, Write),
    /// Rekor writes its index, and the attestation or not. That it never does is the case in which this never happens.
    List(Place, Keys, Digest, Attestation),
    LoseRow,
    /// A function ends, and one of the version with this number and name is started in its place.
    Deploy(usize, usize, &'static str),
    /// Of the other tags that were signed for with the first key, the log's index has one.
    Show,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    Kept,
    Lost,
}

impl Model for Pulls {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let tables = 1 + self.versions.iter().map(|version| version.table).max().unwrap_or_default();
        let tables = if self.ledger == Ledger::Shared { tables } else { self.functions };
        let settled = (self.guard == Guard::Settled).then(|| self.versions[0].own());
        let mut used = vec![settled; tables];
        used[0] = self.used_with.or(settled);
        vec![State {
            functions: vec![self.started(0); self.functions],
            rows: vec![None; tables],
            used,
            logs: Default::default(),
            leading: Digests::default(),
            marked: false,
            shown: false,
            late: Vec::new(),
            verdict: None,
            unstored: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for i in 0..self.functions {
            // First, for of the ways to one state stateright keeps the first, and a trace needs no needless faults.
            self.undisturbed(state, i, |action| actions.push(action));
            let function = state.functions[i];
            if self.pinned(&function).is_some() {
                actions.push(Action::ServeRecorded(i));
            }
            if let Some(write) = self.write(&function) {
                // A table in the function's own memory answers, or has gone with it.
                let may_be_late = self.ledger == Ledger::Shared || matches!(write, Write::Upload(_));
                if may_be_late && self.repeats {
                    actions.push(Action::WriteTwice(i, write));
                }
                if may_be_late && state.late.len() < self.late {
                    actions.push(Action::WriteInVain(i, write));
                    actions.push(Action::CrashWriting(i, write));
                }
            }
            if let Some(write) = self.beside(&function) {
                actions.push(Action::WriteBeside(i, write));
                if state.late.len() < self.late {
                    actions.push(Action::WriteBesideInVain(i, write));
                }
            }
            if self.stale_reads && matches!(function.step, Step::Get { .. } | Step::Wait { .. }) {
                actions.push(Action::ReadNoRow(i));
            }
            if function != self.waiting(function) {
                actions.push(Action::GiveUp(i));
            }
            if function != self.started(function.version) || self.ledger == Ledger::NotShared {
                actions.push(Action::Crash(i));
            }
            if self.versions.len() > 1 {
                let others = self.startable(state).filter(|version| *version != function.version);
                actions.extend(others.map(|version| Action::Deploy(i, version, self.versions[version].name)));
            }
        }
        for &(place, write) in &state.late {
            actions.push(Action::Arrive(place, write));
            actions.push(Action::Vanish(place, write));
        }
        if self.index != Index::Perfect {
            let is_searched = |log: usize| self.versions.iter().any(|version| version.searched.contains(&log));
            let logs = state.logs.iter().enumerate().filter(|(log, _)| is_searched(*log));
            for (log, (signer, entries)) in
                logs.flat_map(|(log, kept)| kept.by.iter().enumerate().map(move |by| (log, by)))
            {
                let (place, key) = (Place { table: 0, log }, Keys::of_signer(signer));
                for digest in self.digests().filter(|&digest| entries.recorded.contains(digest)) {
                    if self.index == Index::Lossy && !entries.listed.contains(digest) {
                        actions.push(Action::List(place, key, digest, Attestation::Lost));
                    }
                    if !entries.attested.contains(digest) {
                        actions.push(Action::List(place, key, digest, Attestation::Kept));
                    }
                }
            }
        }
        if self.versions.len() > 1 && self.may_be_shown(state) {
            actions.push(Action::Show);
        }
        if self.row_may_go(state) {
            actions.push(Action::LoseRow);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = self.after(state, action);
        let late = std::mem::take(&mut next.late);
        next.late = late.into_iter().filter(|&(place, write)| !self.is_spent(&next, place, write)).collect();
        next.normalise(self.alike);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn step(state: &State, holds: impl Fn(Step) -> bool) -> bool {
            state.functions.iter().any(|function| holds(function.step))
        }
        let mut properties = vec![
            Property::always(ONE_DIGEST, |_, state: &State| state.recorded().len() <= 1),
            Property::always(SERVED_IS_RECORDED, |_, state: &State| match state.verdict {
                Some(
                    Verdict::FirstSeen(digest) | Verdict::Unchanged(digest) | Verdict::Pinned { served: digest, .. },
                ) => state.recorded().contains(digest) && state.recorded().len() == 1,
                Some(Verdict::Moved) => state.recorded().len() == 1,
                None => true,
            }),
            // A process remembers what was in a row that was lost since.
            Property::always(SERVED_IS_STORED, |model: &Pulls, s: &State| !s.unstored || model.loss != Loss::Never),
            Property::always(ANY_FUNCTION_CAN_FINISH, |model: &Pulls, state: &State| {
                let mut functions = (0..model.functions).filter(|&i| !model.version(&state.functions[i]).mistaken);
                functions.all(|i| model.digests().all(|current| model.finishes(state, i, current)))
            }),
            Property::always(MISTAKES_DO_NOTHING, |model: &Pulls, state: &State| {
                let mut mistaken = state.functions.iter().filter(|function| model.version(function).mistaken);
                mistaken.all(|function| {
                    let step = function.step;
                    let looks = matches!(step, Step::Admit { .. } | Step::Get { .. } | Step::Search | Step::AskKeys);
                    looks || step == Step::Never
                })
            }),
            Property::always(MARKED_IS_LED_TO, |_, s: &State| match s.rows[0] {
                Some(Row::Recorded(digest, _)) => !s.marked || s.leading.contains(digest),
                _ => !s.marked,
            }),
            Property::sometimes("a tag is first seen", |_, s: &State| matches!(s.verdict, Some(Verdict::FirstSeen(_)))),
            Property::sometimes("a tag is unchanged", |_, s: &State| matches!(s.verdict, Some(Verdict::Unchanged(_)))),
            Property::sometimes("a moved tag is refused", |_, s: &State| s.verdict == Some(Verdict::Moved)),
            Property::sometimes(
                "what was recorded of a moved tag is served by its pinned name",
                |_, s: &State| matches!(s.verdict, Some(Verdict::Pinned { served, current: Some(current) }) if served != current),
            ),
            Property::sometimes("a pinned pull is answered without upstream's word", |_, s: &State| {
                matches!(s.verdict, Some(Verdict::Pinned { current: None, .. }))
            }),
            Property::sometimes("a recording is taken over", |_, s: &State| {
                step(s, |step| matches!(step, Step::Upload { taken_over: true, .. }))
            }),
            Property::sometimes("an upload is answered with 409", |_, s: &State| {
                step(s, |step| matches!(step, Step::Complete { existed: true, .. }))
            }),
        ];
        if self.index == Index::Lossy && self.versions.iter().any(|version| !version.searched.is_empty()) {
            properties.push(Property::sometimes("an entry without its statement is found", |_, s: &State| {
                step(s, |step| matches!(step, Step::Found(Found::Unattested(..))))
            }));
        }
        if self.indexes {
            properties.extend([
                Property::sometimes("a row is marked", |_, s: &State| s.marked),
                Property::sometimes("the index leads to a tag that is not recorded yet", |_, s: &State| {
                    matches!(s.rows[0], Some(Row::Pending(statement)) if s.leading.contains(statement.digest))
                }),
                Property::sometimes("a tag is put into the index by another than its first", |_, s: &State| {
                    let by_another = |then| matches!(then, AfterIndex::Serve(Found::Seen(_)));
                    step(s, |step| matches!(step, Step::PutIntoIndex { then, .. } if by_another(then)))
                }),
            ]);
        }
        if self.is_a_move() {
            fn recorded(state: &State, log: usize) -> bool {
                state.logs[log].by.iter().any(|entries| entries.recorded.len() > 0)
            }
            properties.extend([
                Property::sometimes("one fact stands in the log before and in the one after", |_, s: &State| {
                    recorded(s, 0) && recorded(s, 2)
                }),
                Property::sometimes("what the log before holds is brought over", |model: &Pulls, s: &State| {
                    s.functions
                        .iter()
                        .any(|f| !model.version(f).is_searchable() && matches!(f.step, Step::Remember(..)))
                }),
                Property::sometimes(
                    "a recording that the version before began ends in the next log",
                    |model, s: &State| {
                        let mut functions = s.functions.iter().filter(|function| model.version(function).log == 2);
                        recorded(s, 0) && functions.any(|function| matches!(function.step, Step::NameLog { .. }))
                    },
                ),
                Property::sometimes(
                    "a recording that the next version began ends in the log before",
                    |_, s: &State| {
                        recorded(s, 2)
                            && matches!(s.rows[0], Some(Row::Recorded(_, keys)) if keys.contains(Keys::of_log(0)))
                    },
                ),
            ]);
        }
        properties
    }
}

impl Pulls {
    /// True if the versions write a log that lists nothing, after one that does.
    fn is_a_move(&self) -> bool {
        let is_searchable = self.versions.iter().filter(|version| !version.mistaken).map(Version::is_searchable);
        is_searchable.clone().any(|is| is) && is_searchable.clone().any(|is| !is)
    }

    pub fn digests(&self) -> impl Iterator<Item = Digest> + use<> {
        Digest::ALL.into_iter().take(self.digests)
    }

    /// The ledger and log that a function's calls arrive at.
    pub fn place(&self, state: &State, i: usize) -> Place {
        let version = self.version(&state.functions[i]);
        Place { table: if self.ledger == Ledger::Shared { version.table } else { i }, log: version.log }
    }

    /// The steps of a function while nothing fails.
    fn undisturbed(&self, state: &State, i: usize, mut may: impl FnMut(Action)) {
        let function = state.functions[i];
        // First, so that a function on its own takes over instead of reading for ever.
        if let Some(write) = self.write(&function) {
            may(Action::Write(i, write));
        }
        match (function.step, function.current) {
            (Step::Get { .. } | Step::Wait { .. }, _) => may(Action::ReadRow(i)),
            (Step::Search, _) => may(Action::SearchLog(i)),
            (Step::Admit { .. }, _) => may(Action::ReadInstance(i)),
            (Step::AskKeys, _) => may(Action::AskForKeys(i)),
            (Step::Found(_), Some(current)) => may(Action::Compare(i, current)),
            _ => {}
        }
        if function.current.is_none() {
            self.digests().for_each(|current| may(Action::AskUpstream(i, current)));
        }
    }

    fn after(&self, state: &State, action: Action) -> State {
        let mut next = State { verdict: None, unstored: false, ..state.clone() };
        match action {
            Action::ReadInstance(i) => self.has_read_instance(&mut next, i),
            Action::AskForKeys(i) => self.has_asked_for_keys(&mut next, i),
            Action::ReadRow(i) => self.has_read(&mut next, i, state.rows[self.place(state, i).table]),
            Action::ReadNoRow(i) => self.has_read(&mut next, i, None),
            Action::SearchLog(i) => self.has_searched(&mut next, i),
            Action::Write(i, write) => {
                let held = self.arrive(&mut next, self.place(state, i), write);
                self.has_written(&mut next, i, write, held);
            }
            Action::WriteBeside(i, write) => {
                self.arrive(&mut next, self.place(state, i), write);
                self.has_written_beside(&mut next, i, write, true);
            }
            Action::WriteBesideInVain(i, write) => {
                next.late.push((self.place(state, i), write));
                self.has_written_beside(&mut next, i, write, false);
            }
            Action::WriteTwice(i, write) => {
                self.arrive(&mut next, self.place(state, i), write);
                let again = match write {
                    Write::TakeOver { statement, .. } => Write::TakeOver { statement, lease_current: false },
                    write => write,
                };
                let held = self.arrive(&mut next, self.place(state, i), again);
                self.has_written(&mut next, i, write, held);
            }
            Action::WriteInVain(i, write) => {
                next.late.push((self.place(state, i), write));
                self.has_written_in_vain(&mut next, i, write);
            }
            Action::CrashWriting(i, write) => {
                next.late.push((self.place(state, i), write));
                self.crash(&mut next, i);
            }
            Action::Crash(i) => self.crash(&mut next, i),
            Action::GiveUp(i) => self.end(&mut next, i),
            Action::AskUpstream(i, current) | Action::Compare(i, current) => self.is_told(&mut next, i, current),
            Action::ServeRecorded(i) => self.serve_pinned(&mut next, i),
            Action::Arrive(place, write) => {
                remove(&mut next.late, (place, write));
                self.arrive(&mut next, place, write);
            }
            Action::Vanish(place, write) => remove(&mut next.late, (place, write)),
            Action::List(place, key, digest, attestation) => {
                let entries = &mut next.logs[place.log].by[key.signer()];
                entries.listed.insert(digest);
                if attestation == Attestation::Kept {
                    entries.attested.insert(digest);
                }
            }
            Action::LoseRow => {
                next.rows[0] = None;
                next.outdate_leases();
            }
            Action::Deploy(i, version, _) => next.functions[i] = self.started(version),
            Action::Show => next.shown = true,
        }
        next
    }

    fn crash(&self, state: &mut State, i: usize) {
        state.functions[i] = self.started(state.functions[i].version);
        if self.ledger == Ledger::NotShared {
            state.rows[i] = None;
        }
    }

    /// True if function `i`, when from here on nothing fails and all others stand still for ever, comes to a verdict.
    ///
    /// stateright's `eventually` does not serve here: it passes over cycles, and this system is full of them (a waiter
    /// reads again, a pull is given up). That a verdict *can* be reached from every reachable state is instead shown by
    /// reaching it: the path is built step by step, each of its steps being one of the model's own, so that an `always`
    /// property over this condition is exact evidence and misses no cycle. It asserts more than is asked: each function
    /// is enough by itself, whichever digest upstream serves, and within a bounded number of steps.
    fn finishes(&self, state: &State, i: usize, current: Digest) -> bool {
        let mut state = state.clone();
        for _ in 0..ENOUGH_STEPS {
            let mut next = None;
            self.undisturbed(&state, i, |action| {
                let otherwise = matches!(action, Action::AskUpstream(_, told) if told != current);
                if next.is_none() && !otherwise {
                    next = Some(action);
                }
            });
            let Some(next) = next else { return false };
            state = self.after(&state, next);
            if state.verdict.is_some() {
                return state.recorded().len() > 0;
            }
        }
        false
    }
}

fn remove(late: &mut Vec<(Place, Write)>, write: (Place, Write)) {
    if let Some(place) = late.iter().position(|&held| held == write) {
        late.remove(place);
    }
}
