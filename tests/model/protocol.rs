//! The protocol of `src/verdict`, step by step: what each function may do next, one outgoing call at a time.

use stateright::{Model, Property};

use crate::state::{Budget, Digest, Entry, Function, Lease, Row, Step, World};

/// The protocol as it is built, and what it is not: each of the others must be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    AsBuilt,
    /// Whoever takes over an abandoned row records what the registry serves by then, not what the row holds.
    LeaseWithoutDigest,
    /// The first row is written whether or not there is one.
    UnconditionalPut,
    /// A row is taken over whether or not its lease is still the one that was seen to end.
    UnconditionalTakeOver,
    /// Functions that share no ledger: each has one of its own, as without `LEDGER_TABLE`. Absence from the log's index
    /// is then taken for 'never seen'.
    NoSharedLedger,
    /// The tag is served as soon as the row is written.
    ServeBeforeRecording,
}

/// One tag, `functions` instances, and what may go wrong.
#[derive(Debug, Clone)]
pub struct Checked {
    pub protocol: Protocol,
    pub functions: usize,
    pub budget: Budget,
}

/// One call, or one thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    TagMoves(Digest),
    LeaseEnds,
    Crash(usize),
    /// A function's next call, and what becomes of it.
    Call(usize, Fate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    Well,
    /// It never arrives.
    Lost,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// An upload that is answered, and that the log's index never gets.
    Unindexed,
}

impl Model for Checked {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.functions, self.budget)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.budget.moves > 0 {
            actions.extend(Digest::ALL.into_iter().filter(|digest| *digest != world.registry).map(Action::TagMoves));
        }
        if world.budget.lease_ends > 0 && world.rows.iter().flatten().any(|row| row.lease.is_held()) {
            actions.push(Action::LeaseEnds);
        }
        for (number, function) in world.functions.iter().enumerate() {
            if function.step != Step::Idle && world.budget.crashes > 0 {
                actions.push(Action::Crash(number));
            }
            actions.push(Action::Call(number, Fate::Well));
            let calls_out = !matches!(function.step, Step::Idle | Step::Judge { .. });
            if calls_out && world.budget.losses > 0 {
                actions.push(Action::Call(number, Fate::Lost));
                actions.push(Action::Call(number, Fate::AnswerLost));
                if matches!(function.step, Step::Upload { .. }) {
                    actions.push(Action::Call(number, Fate::Unindexed));
                }
            }
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::TagMoves(digest) => {
                world.budget.moves -= 1;
                world.registry = digest;
            }
            Action::LeaseEnds => {
                world.budget.lease_ends -= 1;
                for row in world.rows.iter_mut().flatten() {
                    row.lease.end();
                }
            }
            Action::Crash(number) => {
                world.budget.crashes -= 1;
                world.functions[number] = Function::default();
            }
            Action::Call(number, fate) => {
                if fate != Fate::Well {
                    world.budget.losses -= 1;
                }
                self.call(&mut world, number, fate);
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one digest is recorded", |_, world: &World| world.recorded_digests() <= 1),
            Property::always("only the recorded digest is served", |_, world: &World| !world.served_unrecorded),
            Property::always("some function can finish", |model: &Self, world: &World| model.can_finish(world)),
            Property::sometimes("a tag is first seen", |_, world: &World| world.seen.first_seen),
            Property::sometimes("a tag is unchanged", |_, world: &World| world.seen.unchanged),
            Property::sometimes("a tag is refused", |_, world: &World| world.seen.refused),
            Property::sometimes("an abandoned row is finished", |_, world: &World| world.seen.taken_over),
            Property::sometimes("an upload is answered with 409", |_, world: &World| world.seen.conflict),
        ]
    }
}

impl Checked {
    /// Makes a function's next call.
    fn call(&self, world: &mut World, number: usize, fate: Fate) {
        let shared = if self.protocol == Protocol::NoSharedLedger { number } else { 0 };
        let function = world.functions[number];
        // What is lost ends the pull with an error: the next one begins anew, with what is in memory.
        let failed = Step::Idle;
        let next = match (function.step, fate) {
            (Step::Idle, _) => match function.known {
                // What was verified once is kept, and only the registry is asked.
                Some(digest) => Step::Judge { current: world.registry, known: digest, by_me: false },
                None => Step::GetRow { current: world.registry },
            },
            (Step::Upload { lease, .. }, Fate::Lost) => Step::GiveUp { lease },
            (_, Fate::Lost) => failed,
            (Step::GetRow { .. } | Step::Search { .. }, Fate::AnswerLost) => failed,

            (Step::GetRow { current }, _) => match world.rows[shared] {
                None => Step::Search { current },
                Some(row) => self.settle(row, current),
            },
            (Step::Search { current }, _) => match world.indexed() {
                Some(digest) => Step::Judge { current, known: digest, by_me: false },
                None => Step::Insert { current },
            },
            (Step::Insert { current }, fate) => {
                let won = world.rows[shared].is_none() || self.protocol == Protocol::UnconditionalPut;
                let signature = world.sign();
                if won {
                    world.rows[shared] = Some(Row::pending(current, signature));
                }
                match (won, fate) {
                    // The row is found again by its signature: see `record_first`.
                    (_, Fate::AnswerLost) => failed,
                    (true, _) if self.protocol == Protocol::ServeBeforeRecording => {
                        Step::Judge { current, known: current, by_me: true }
                    }
                    (true, _) => {
                        Step::Upload { current, entry: Entry { digest: current, signature }, lease: Lease::FIRST }
                    }
                    (false, _) => Step::GetRow { current },
                }
            }
            (Step::TakeOver { current, entry, seen }, fate) => {
                let row = world.rows[shared].as_mut().filter(|row| !row.recorded);
                let unconditional = self.protocol == Protocol::UnconditionalTakeOver;
                match row.filter(|row| row.lease == seen || unconditional) {
                    Some(row) => {
                        row.lease = row.lease.renewed();
                        let lease = row.lease;
                        world.seen.taken_over = true;
                        let digest = if self.protocol == Protocol::LeaseWithoutDigest { current } else { entry.digest };
                        if fate == Fate::AnswerLost {
                            failed
                        } else {
                            Step::Upload { current, entry: Entry { digest, ..entry }, lease }
                        }
                    }
                    None if fate == Fate::AnswerLost => failed,
                    None => Step::GetRow { current },
                }
            }
            (Step::Upload { current, entry, lease }, fate) => {
                world.seen.conflict |= !world.append(entry, fate == Fate::Well);
                match fate {
                    // A writer that failed ends its lease.
                    Fate::AnswerLost => Step::GiveUp { lease },
                    _ => Step::Complete { current, digest: entry.digest },
                }
            }
            (Step::GiveUp { lease }, _) => {
                if let Some(row) = world.rows[shared].as_mut().filter(|row| !row.recorded && row.lease == lease) {
                    row.lease.end();
                }
                failed
            }
            (Step::Complete { current, digest }, fate) => match world.rows[shared].as_mut() {
                Some(row) if row.digest == digest || self.protocol != Protocol::AsBuilt => {
                    row.recorded = true;
                    if fate == Fate::AnswerLost { failed } else { Step::Judge { current, known: digest, by_me: true } }
                }
                _ => failed,
            },
            (Step::Judge { current, known, by_me }, _) => {
                world.functions[number].known = Some(known);
                world.judge(current, known, by_me);
                Step::Idle
            }
        };
        world.functions[number].step = next;
    }

    /// What is done about a row.
    fn settle(&self, row: Row, current: Digest) -> Step {
        if row.recorded {
            Step::Judge { current, known: row.digest, by_me: false }
        } else if row.lease.has_ended() {
            Step::TakeOver { current, entry: Entry { digest: row.digest, signature: row.signature }, seen: row.lease }
        } else {
            // It waits, and looks again: or it is out of time, and the next pull looks.
            Step::GetRow { current }
        }
    }

    /// Whether, if nothing fails from here on, everyone restarted and all leases ended, one pull gets its verdict.
    fn can_finish(&self, world: &World) -> bool {
        const CALLS: usize = 12;
        let mut world = world.clone();
        world.functions.iter_mut().for_each(|function| *function = Function::default());
        world.rows.iter_mut().flatten().for_each(|row| row.lease.end());
        for _ in 0..CALLS {
            self.call(&mut world, 0, Fate::Well);
            if world.functions[0].known.is_some() {
                return true;
            }
        }
        false
    }
}
