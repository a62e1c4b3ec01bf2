//! `src/verdict/` as a state machine, explored to the end: several functions pull one tag, anything fails at any
//! moment, and no second digest may ever be recorded or served. The log is a Rekor v1, a Rekor v2, or first the one and
//! then the other.
//!
//! One step is one outgoing call. Not bounded are: pulls, crashes, calls that fail, take-overs, searches that find
//! nothing, and how often upstream moves the tag: leases and signatures have no numbers but are told apart, so that
//! the states stay finite all the same ([`state::State::normalise`]). Bounded are: the functions, the digests, and
//! the calls that are on their way at one moment after their sender gave up on them ([`Pulls`]).
//!
//! The model's parts stand for these:
//!
//! - A recording that goes on after its client was answered (`Recorder::finish`) is one function more.
//! - Signing changes nothing that others see, so it is no step of its own. Neither is verifying: the log and the ledger
//!   answer late, incompletely or not at all, but never forged. An answer that does not verify is one that failed.
//! - A Rekor v2 is a log that nobody searches. It may answer a repeated upload with the entry that exists or with a new
//!   one, which is the same to a function: nothing is signed anew.
//! - A 409 and the retrieval of the entry that it names are one call: the second changes nothing.
//! - Upstream answers with any digest at any time, which is what one that moves its tags at will looks like.
//! - While Docker Hub allows no more requests, what it tells is a digest by HEAD, for which a mirror's bytes must stand in. That
//!   is the same step: the digest is upstream's word, and without the bytes it tells nothing in this pull.
//! - A lease ends whenever a waiter says so, by whichever clock or because no writer could have set it; time is not
//!   modelled.
//! - A pull by the pinned name takes the same steps. From the moment at which it knows the tag, it may be answered with what
//!   was found, whatever upstream told, or nothing ([`model::Action::ServeRecorded`]). That the registry has that manifest
//!   no more is a pull that is given up.
//! - The row of what a search found names no key that the instance's row lacks: the ledger was used with that log.
//! - The instance's row is read once by each process: that it is read again each minute only refuses more.
//! - The index of attestations is modelled where a run says so ([`Pulls::indexes`]): its rows are written at the same time as
//!   the tag's row is completed, all of them as one call, and no verdict reads them. What a row remembers of moves is not
//!   modelled: that write demands a row that is recorded, and changes nothing that a verdict reads.
//! - A key signs for other tags too, and at some time the index has one of these entries ([`model::Action::Show`]).
//!   From then on parameters may be forgotten.
//!
//! `cargo test --test model -- --nocapture` prints the number of states of each run and, for each protocol that is not
//! ours, how it goes wrong.

mod broken;
mod function;
mod holds;
mod indexing;
mod instance;
mod model;
mod moving;
mod rotation;
mod state;
mod tiles;
mod world;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use instance::{ALONE, Keys, Version};
use model::{
    ANY_FUNCTION_CAN_FINISH, Action, MARKED_IS_LED_TO, MISTAKES_DO_NOTHING, ONE_DIGEST, SERVED_IS_RECORDED,
    SERVED_IS_STORED,
};

/// The way in which a tag is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The way of `src/verdict/record.rs`.
    Implemented,
    /// The pending row is a lock and no more: who takes over records what upstream serves by then.
    LeaseWithoutDigest,
    /// The row is put, whether or not the tag has one.
    UnconditionalPut,
    /// No ledger: what the log's index does not know was never recorded.
    IndexAsEvidence,
    /// The client is answered as soon as the row is written.
    ServeBeforeRecording,
    /// A take-over rewrites the row as pending, whatever became of it since it was read.
    TakeOverWithoutCondition,
    /// A function that finds a pending row waits, however long.
    NoTakeOver,
    /// A pinned pull is answered with what a pending row holds.
    PinnedFromPendingRow,
    /// A pinned pull is answered with what upstream serves, if the recorded digest is unknown.
    PinnedDespiteLoss,
    /// A sighting of an earlier log is served whether or not its row was stored.
    ServeBeforeStoring,
    /// The statement is uploaded while its row is inserted.
    UploadBesideInsertion,
    /// The row is completed while its statement is uploaded.
    CompleteBesideUpload,
    /// The client is answered while the row is completed.
    ServeBesideCompletion,
    /// The row is marked as one that the index leads to by the write that completes it, while the index is written.
    MarkWithCompletion,
}

/// The guard that keeps a function from a ledger that is not its own, or whose keys it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The guard of `src/verdict/instance.rs` and `key_use.rs`.
    Implemented,
    /// The same, once the instance's row names the keys of the only version: with this, how a tag is recorded is
    /// explored by itself.
    Settled,
    /// The instance's row is missing.
    None,
    /// A ledger without the row is claimed without asking the log.
    ClaimsUnasked,
    /// The log is asked for entries by the signing key and not by those that are trusted beside it.
    AsksForOwnKeyAlone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// A table with conditional writes.
    Shared,
    /// No table is configured: each process has its own ledger, in memory.
    NotShared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// Rekor's: written later or never, and the attestation too.
    Lossy,
    /// The same, but what is listed has its attestation.
    LossyWithStatements,
    /// As no log promises: written in the same instant as the entry.
    Perfect,
}

/// Rows that are lost, though nothing may delete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Never,
    AnyTime,
    /// Recorded rows, while no pull and no call is under way.
    BetweenPulls,
    /// The same, if a log that every version searches lists an entry of the tag.
    OfListedTags,
}

/// One configuration of the model.
#[derive(Debug, Clone)]
pub struct Pulls {
    pub protocol: Protocol,
    pub guard: Guard,
    /// Versions that may be deployed: the first one runs at the beginning.
    pub versions: &'static [Version],
    /// The keys that the instance's row names at first, if the ledger was used before.
    pub used_with: Option<Keys>,
    /// Parameters are forgotten also before the log's index has an entry by the first key.
    pub mistakes_at_once: bool,
    pub ledger: Ledger,
    pub index: Index,
    /// The index of attestations is written too.
    pub indexes: bool,
    /// Functions that pull the tag at once.
    pub functions: usize,
    /// Digests that upstream may serve.
    pub digests: usize,
    /// Calls under way at one moment whose sender has given up on them.
    pub late: usize,
    /// A client may send a call again by itself.
    pub repeats: bool,
    /// A read may be answered by a replica that does not have the row yet.
    pub stale_reads: bool,
    pub loss: Loss,
    /// Functions are interchangeable, so that only one order of them is explored. Off where a trace is to be read.
    pub alike: bool,
}

const IMPLEMENTED: Pulls = Pulls {
    protocol: Protocol::Implemented,
    guard: Guard::Settled,
    versions: ALONE,
    used_with: None,
    mistakes_at_once: false,
    ledger: Ledger::Shared,
    index: Index::Lossy,
    indexes: false,
    functions: 2,
    digests: 2,
    late: 1,
    repeats: true,
    stale_reads: false,
    loss: Loss::Never,
    alike: true,
};

/// No broken protocol needs half as many steps to go wrong.
const LONGEST_TRACE: usize = 25;

impl Pulls {
    /// Every reachable state has what must hold, and everything that should happen can.
    fn assert_holds(self, name: &str) {
        self.explore(name).assert_properties();
    }

    /// Every reachable state has what must hold.
    fn assert_is_safe(self, name: &str) {
        let checker = self.explore(name);
        for property in [
            ONE_DIGEST,
            SERVED_IS_RECORDED,
            SERVED_IS_STORED,
            ANY_FUNCTION_CAN_FINISH,
            MISTAKES_DO_NOTHING,
            MARKED_IS_LED_TO,
        ] {
            checker.assert_no_discovery(property);
        }
    }

    fn explore(self, name: &str) -> impl Checker<Self> {
        let started = Instant::now();
        let checker = self.checker().threads(2).spawn_bfs().join();
        println!("{name}: {} states in {:.1?}", checker.unique_state_count(), started.elapsed());
        checker
    }

    /// The last step of a shortest way to a state in which `property` does not hold.
    ///
    /// stateright keeps the last violation of a block of states, not the nearest, so the depth is raised one by one.
    fn goes_wrong(self, property: &'static str) -> Action {
        // Repeats are needed by none of these, and would only make the trace harder to read.
        let pulls = Self { alike: false, repeats: false, ..self };
        let shortest = (2..LONGEST_TRACE).find_map(|depth| {
            let these = HasDiscoveries::AnyOf([property].into());
            let checker = pulls.clone().checker().target_max_depth(depth).finish_when(these).spawn_bfs().join();
            checker.discovery(property)
        });
        let Some(shortest) = shortest else { panic!("{pulls:?}: '{property}' holds") };
        let mut steps = shortest.into_actions();
        println!("{pulls:?}\n  breaks '{property}' in {} steps:", steps.len());
        steps.iter().for_each(|step| println!("    {step:?}"));
        steps.pop().expect("every property holds before the first step")
    }
}
