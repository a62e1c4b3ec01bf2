//! The instance's own row, `src/verdict/instance.rs` and `claim.rs`: which keys the ledger was used with, and versions
//! of the function that know other keys, or have another table or log.

use crate::state::{Function, Standing, State, Step, Write};
use crate::{Guard, Pulls};

/// Keys that sign, and logs.
pub const SIGNERS: usize = 2;
pub const LOGS: usize = 2;

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
    pub log: usize,
    /// Its own keys and those that it trusts beside them.
    pub knows: Keys,
    pub table: usize,
    /// A parameter was forgotten.
    pub mistaken: bool,
}

impl Version {
    /// The keys that it uses for certain.
    pub fn own(&self) -> Keys {
        Keys::of_signer(self.signer).with(Keys::of_log(self.log))
    }
}

const A: Keys = Keys::of_signer(0);
const B: Keys = Keys::of_signer(1);
const L: Keys = Keys::of_log(0);
const M: Keys = Keys::of_log(1);

const FIRST: Version = Version { name: "signs with A", signer: 0, log: 0, knows: A.with(L), table: 0, mistaken: false };
const TRUSTING: Version = Version { name: "signs with A, trusts B", knows: A.with(B).with(L), ..FIRST };
const ROTATED: Version = Version { name: "signs with B, trusts A", signer: 1, ..TRUSTING };
const WRONG_TABLE: Version = Version { name: "signs with A, wrong table", table: 1, mistaken: true, ..FIRST };
const OTHER_LOG: Version =
    Version { name: "signs with A, another log", log: 1, knows: A.with(M), mistaken: true, ..FIRST };

pub const ALONE: &[Version] = &[FIRST];

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
            Guard::Settled | Guard::None => Standing::Admitted { own_named: true },
            _ => Standing::Unknown,
        };
        self.waiting(Function { version, standing, known: None, current: None, step: Step::Search })
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
        let admitted = version.knows.contains(used);
        state.functions[i].standing = match admitted {
            true => Standing::Admitted { own_named: used.contains(version.own()) },
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
        match state.functions[i].standing {
            Standing::Admitted { own_named: true } => None,
            Standing::Admitted { own_named: false } => Some(Step::NameKey { findable }),
            Standing::Vacant | Standing::Unknown if self.guard == Guard::ClaimsUnasked => Some(Step::Claim),
            Standing::Vacant | Standing::Unknown => Some(Step::AskKeys),
        }
    }

    /// The log was asked for entries by the keys.
    pub fn has_asked_for_keys(&self, state: &mut State, i: usize) {
        let version = self.version(&state.functions[i]);
        let asked = if self.guard == Guard::AsksForOwnKeyAlone { version.own() } else { version.knows };
        let used = state.shown && asked.contains(A) && version.log == 0;
        if !used || !self.shows_use(state, i) {
            state.functions[i].step = Step::Claim;
        }
    }

    /// The instance's row was written. It names the keys now, and perhaps others.
    pub fn has_named(&self, state: &mut State, i: usize, write: Write, held: bool) {
        match write {
            Write::Claim(_) if held => state.functions[i].standing = Standing::Admitted { own_named: true },
            Write::Claim(_) => {
                state.functions[i].step = Step::Admit { again: true };
                return;
            }
            _ => {
                let Some(used) = state.used[self.place(state, i).table] else { return self.end(state, i) };
                let findable = state.functions[i].step == Step::NameKey { findable: true };
                if !self.admit(state, i, used) {
                    return;
                }
                if findable {
                    return self.make_findable(state, i);
                }
            }
        }
        state.functions[i].step = Step::Never;
        if let Some(current) = state.functions[i].current {
            self.is_told(state, i, current);
        }
    }
}
