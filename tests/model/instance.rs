//! The instance's own row, `src/verdict/instance.rs` and `key_use.rs`: which keys the ledger was used with, and versions
//! of the function that know other keys, or have another table or log.

use crate::state::{Function, Indexing, Standing, State, Statement, Step, Write};
use crate::{Guard, Pulls};

/// Keys that sign.
pub const SIGNERS: usize = 2;
/// Two of Rekor v1, and one of Rekor v2 ([`T`]).
pub const LOGS: usize = 3;

/// Signing keys and keys of logs, by their fingerprints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keys(u8);

impl Keys {
    pub const fn of_signer(signer: usize) -> Self {
        Self(1 << signer)
    }

    pub const fn of_log(log: usize) -> Self {
        Self(1 << (SIGNERS + log))
    }

    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    pub fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The number of the one signing key.
    pub fn signer(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

/// The ledger and log that a function's calls arrive at: the number of its table and of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub table: usize,
    pub log: usize,
}

/// A configuration of the function.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub name: &'static str,
    /// The number of the key that it signs with.
    pub signer: usize,
    /// The number of the log that it writes.
    pub log: usize,
    /// The numbers of the logs that it searches. A log of Rekor v2 is never among them.
    pub searched: &'static [usize],
    /// Its own keys and those that it trusts beside them.
    pub knows: Keys,
    pub table: usize,
    /// A parameter was forgotten.
    pub mistaken: bool,
}

impl Version {
    /// The keys that it uses for certain. Of several logs' keys, the first entry tells which.
    pub fn own(&self) -> Keys {
        let signer = Keys::of_signer(self.signer);
        let has_one_log = self.knows.contains(Keys::of_log(self.log)) && self.knows.and(LOG_KEYS).0.count_ones() == 1;
        if has_one_log { signer.with(Keys::of_log(self.log)) } else { signer }
    }

    /// The keys that it may use, beside what others signed.
    pub fn may_use(&self) -> Keys {
        Keys::of_signer(self.signer).with(Keys::of_log(self.log))
    }

    /// True if it was given these keys and, for the key of a log that can be searched, is able to search.
    fn can_use(&self, keys: Keys) -> bool {
        let usable = if self.searched.is_empty() { self.knows.without(L.with(M)) } else { self.knows };
        usable.contains(keys)
    }

    /// True if a search finds what it writes.
    pub fn is_searchable(&self) -> bool {
        self.searched.contains(&self.log)
    }
}

const A: Keys = Keys::of_signer(0);
const B: Keys = Keys::of_signer(1);
const L: Keys = Keys::of_log(0);
const M: Keys = Keys::of_log(1);
/// The key of a log of tiles, Rekor v2, which lists nothing.
const T: Keys = Keys::of_log(2);
const LOG_KEYS: Keys = L.with(M).with(T);

const FIRST: Version =
    Version { name: "signs with A", signer: 0, log: 0, searched: &[0], knows: A.with(L), table: 0, mistaken: false };
const TRUSTING: Version = Version { name: "signs with A, trusts B", knows: A.with(B).with(L), ..FIRST };
const ROTATED: Version = Version { name: "signs with B, trusts A", signer: 1, ..TRUSTING };
const WRONG_TABLE: Version = Version { name: "signs with A, wrong table", table: 1, mistaken: true, ..FIRST };
const OTHER_LOG: Version =
    Version { name: "signs with A, another log", log: 1, searched: &[1], knows: A.with(M), mistaken: true, ..FIRST };
const ON_TILES: Version =
    Version { name: "writes T, which lists nothing", log: 2, searched: &[], knows: A.with(T), ..FIRST };
const TOLD_OF_TILES: Version = Version { name: "writes L, trusts T", knows: A.with(L).with(T), ..FIRST };
const MOVED: Version = Version { name: "writes T, searches L", log: 2, ..TOLD_OF_TILES };
const MOVED_WITHOUT_SEARCH: Version =
    Version { name: "writes T, was not told where L is", searched: &[], mistaken: true, ..MOVED };

pub const ALONE: &[Version] = &[FIRST];

/// The only version of an instance that never had a Rekor v1.
pub const ON_TILES_ALONE: &[Version] = &[ON_TILES];

/// The same, and what it is with another table.
pub const ON_TILES_OR_WRONG_TABLE: &[Version] =
    &[ON_TILES, Version { name: "writes T, wrong table", table: 1, mistaken: true, ..ON_TILES }];

/// The move from L, a Rekor v1, to T, a Rekor v2, for a ledger that was used with L: what is deployed before it trusts T.
pub const MOVING: &[Version] = &[TOLD_OF_TILES, MOVED];

/// The same in one deployment: the version before does not know T.
pub const MOVING_AT_ONCE: &[Version] = &[FIRST, MOVED];

/// The move, and what may be deployed with a parameter forgotten.
pub const MOVING_WITH_MISTAKES: &[Version] = &[
    TOLD_OF_TILES,
    MOVED,
    WRONG_TABLE,
    OTHER_LOG,
    Version { name: "writes T, searches L, wrong table", table: 1, mistaken: true, ..MOVED },
    Version { name: "writes T, L forgotten", mistaken: true, ..ON_TILES },
    MOVED_WITHOUT_SEARCH,
];

/// The move to a version that does not search L, beside those that do.
pub const MOVING_WITHOUT_SEARCH: &[Version] = &[TOLD_OF_TILES, MOVED, MOVED_WITHOUT_SEARCH];

/// The keys that a ledger names after its use with L.
pub const USED_WITH_L: Keys = A.with(L);

/// The first deployment of a rotation, both versions at once, and what may be deployed with a parameter forgotten.
pub const NEXT_KEY_IS_TRUSTED: &[Version] = &[FIRST, TRUSTING, WRONG_TABLE, OTHER_LOG];

/// The second deployment, which begins where the first ends: all that is left of it is in the ledger and the log.
pub const NEXT_KEY_SIGNS: &[Version] = &[
    TRUSTING,
    ROTATED,
    WRONG_TABLE,
    OTHER_LOG,
    Version { name: "signs with B, trusts A, wrong table", table: 1, mistaken: true, ..ROTATED },
    Version { name: "signs with B, A forgotten", knows: B.with(L), mistaken: true, ..ROTATED },
];

impl Pulls {
    pub fn version(&self, function: &Function) -> &Version {
        &self.versions[function.version]
    }

    /// A new process of a version.
    pub fn started(&self, version: usize) -> Function {
        let standing = match self.guard {
            Guard::Settled | Guard::None => Standing::Admitted { named: self.versions[version].may_use() },
            _ => Standing::Unknown,
        };
        let (step, indexing) = (Step::Search, Indexing::None);
        self.waiting(Function { version, standing, known: None, current: None, step, indexing })
    }

    /// The versions that may be started now, at any time in place of any other.
    pub fn startable(&self, state: &State) -> impl Iterator<Item = usize> {
        let mistakes_happen = self.mistakes_at_once || state.shown;
        let versions = self.versions.iter().enumerate();
        versions.filter(move |(_, version)| !version.mistaken || mistakes_happen).map(|(number, _)| number)
    }

    /// True if the first key may have signed for another tag: somebody was allowed to.
    pub fn may_be_shown(&self, state: &State) -> bool {
        !state.shown && (self.guard == Guard::None || state.used[0].is_some_and(|used| used.contains(A)))
    }

    /// The instance's row has been read.
    pub fn has_read_instance(&self, state: &mut State, i: usize) {
        let again = state.functions[i].step == Step::Admit { again: true };
        match state.used[self.place(state, i).table] {
            Some(used) => {
                if self.admit(state, i, used) {
                    state.functions[i].step = Step::Get { row_expected: false };
                }
            }
            None => {
                state.functions[i].standing = Standing::Vacant;
                state.functions[i].step = Step::Get { row_expected: false };
                if again {
                    self.end(state, i);
                }
            }
        }
    }

    /// Takes in what the instance's row names. The pull ends if that is too much.
    fn admit(&self, state: &mut State, i: usize, used: Keys) -> bool {
        let version = *self.version(&state.functions[i]);
        let admitted = version.can_use(used);
        state.functions[i].standing = match admitted {
            true => Standing::Admitted { named: used.and(version.may_use()) },
            false => Standing::Unknown,
        };
        if !admitted {
            self.end(state, i);
        }
        admitted
    }

    /// The last answer shows a use of the ledger or of a key. A function that read no row of the instance reads it
    /// again.
    pub fn shows_use(&self, state: &mut State, i: usize) -> bool {
        let vacant = state.functions[i].standing == Standing::Vacant;
        if vacant {
            state.functions[i].step = Step::Admit { again: true };
        }
        vacant
    }

    /// The step before a signature over the tag's digest, or over one more for a search; `None` if it may be made.
    pub fn before_signing(&self, state: &State, i: usize, findable: bool) -> Option<Step> {
        let version = self.version(&state.functions[i]);
        let is_unasked = self.guard == Guard::ClaimsUnasked || version.searched.is_empty();
        match state.functions[i].standing {
            Standing::Admitted { named } if named.contains(version.own()) => None,
            Standing::Admitted { .. } => Some(Step::NameKey { findable }),
            Standing::Vacant | Standing::Unknown if is_unasked => Some(Step::Claim),
            Standing::Vacant | Standing::Unknown => Some(Step::AskKeys),
        }
    }

    /// The step before a row is completed with the log's entry.
    pub fn before_completing(&self, state: &State, i: usize, statement: Statement, existed: bool) -> Step {
        let log = Keys::of_log(self.version(&state.functions[i]).log);
        match state.functions[i].standing {
            Standing::Admitted { named } if !named.contains(log) => Step::NameLog { statement, existed },
            _ => Step::Complete { statement, existed },
        }
    }

    /// The log was asked for entries by the keys.
    pub fn has_asked_for_keys(&self, state: &mut State, i: usize) {
        let version = self.version(&state.functions[i]);
        let asked = if self.guard == Guard::AsksForOwnKeyAlone { version.own() } else { version.knows };
        let used = state.shown && asked.contains(A) && version.searched.contains(&0);
        if !used || !self.shows_use(state, i) {
            state.functions[i].step = Step::Claim;
        }
    }

    /// The instance's row was written. It names the keys now, and perhaps others.
    pub fn has_named(&self, state: &mut State, i: usize, write: Write, held: bool) {
        match write {
            Write::Claim(own) if held => state.functions[i].standing = Standing::Admitted { named: own },
            Write::Claim(_) => {
                state.functions[i].step = Step::Admit { again: true };
                return;
            }
            _ => {
                let Some(used) = state.used[self.place(state, i).table] else { return self.end(state, i) };
                let step = state.functions[i].step;
                if !self.admit(state, i, used) {
                    return;
                }
                match step {
                    Step::NameKey { findable: true } => return self.make_findable(state, i),
                    Step::NameLog { statement, existed } => {
                        state.functions[i].step = Step::Complete { statement, existed };
                        return;
                    }
                    _ => {}
                }
            }
        }
        state.functions[i].step = Step::Never;
        if let Some(current) = state.functions[i].current {
            self.is_told(state, i, current);
        }
    }
}
