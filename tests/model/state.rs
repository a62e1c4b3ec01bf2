//! What the model's world consists of: small values, so that every combination of them can be looked at.

/// What a tag can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    A,
    B,
}

impl Digest {
    pub const ALL: [Self; 2] = [Self::A, Self::B];
}

/// A statement with a signature. No signature comes twice, so a function that signs anew makes another entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    pub digest: Digest,
    pub signature: u8,
}

/// A lease, told from earlier ones of the row by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    number: u8,
    ended: bool,
}

impl Lease {
    pub const FIRST: Self = Self { number: 0, ended: false };

    pub fn is_held(self) -> bool {
        !self.ended
    }

    pub fn has_ended(self) -> bool {
        self.ended
    }

    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn renewed(self) -> Self {
        Self { number: self.number + 1, ended: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    pub digest: Digest,
    pub signature: u8,
    pub lease: Lease,
    pub recorded: bool,
}

impl Row {
    pub fn pending(digest: Digest, signature: u8) -> Self {
        Self { digest, signature, lease: Lease::FIRST, recorded: false }
    }
}

/// The call that a function makes next. `current` is what the registry said when the pull began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Step {
    #[default]
    Idle,
    GetRow {
        current: Digest,
    },
    Search {
        current: Digest,
    },
    /// Signs, and adds the row if there is none.
    Insert {
        current: Digest,
    },
    TakeOver {
        current: Digest,
        entry: Entry,
        seen: Lease,
    },
    Upload {
        current: Digest,
        entry: Entry,
        lease: Lease,
    },
    /// Ends its lease after an upload that failed.
    GiveUp {
        lease: Lease,
    },
    Complete {
        current: Digest,
        digest: Digest,
    },
    /// Compares, and serves or refuses. No call.
    Judge {
        current: Digest,
        known: Digest,
        by_me: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Function {
    pub step: Step,
    /// What it has verified, in memory.
    pub known: Option<Digest>,
}

/// How often each thing may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub moves: u8,
    pub crashes: u8,
    pub losses: u8,
    /// Also early, while their holder is at work: clocks differ.
    pub lease_ends: u8,
}

/// What has happened, so that the model is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seen {
    pub first_seen: bool,
    pub unchanged: bool,
    pub refused: bool,
    pub taken_over: bool,
    pub conflict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub registry: Digest,
    /// The table's row for the tag; one for each function where they share no table.
    pub rows: Vec<Option<Row>>,
    /// The log's entries in their order, and whether its index has them.
    log: Vec<(Entry, bool)>,
    pub functions: Vec<Function>,
    pub budget: Budget,
    pub served_unrecorded: bool,
    pub seen: Seen,
}

impl World {
    pub fn new(functions: usize, budget: Budget) -> Self {
        Self {
            registry: Digest::A,
            rows: vec![None; functions],
            log: Vec::new(),
            functions: vec![Function::default(); functions],
            budget,
            served_unrecorded: false,
            seen: Seen::default(),
        }
    }

    pub fn recorded_digests(&self) -> usize {
        Digest::ALL.iter().filter(|digest| self.log.iter().any(|(entry, _)| entry.digest == **digest)).count()
    }

    /// The digest of the lowest entry that a search finds.
    pub fn indexed(&self) -> Option<Digest> {
        self.log.iter().find(|(_, indexed)| *indexed).map(|(entry, _)| entry.digest)
    }

    /// A signature that differs from every other that is still to be seen somewhere: numbers are reused, which keeps
    /// the number of states finite.
    pub fn sign(&self) -> u8 {
        let used = |signature: u8| {
            self.log.iter().any(|(entry, _)| entry.signature == signature)
                || self.rows.iter().flatten().any(|row| row.signature == signature)
                || self.functions.iter().any(|function| match function.step {
                    Step::TakeOver { entry, .. } | Step::Upload { entry, .. } => entry.signature == signature,
                    _ => false,
                })
        };
        (0..).find(|signature| !used(*signature)).expect("there are not 256 signatures")
    }

    /// Appends an entry, unless the log has it: then `false`.
    pub fn append(&mut self, entry: Entry, indexed: bool) -> bool {
        if self.log.iter().any(|(held, _)| *held == entry) {
            return false;
        }
        self.log.push((entry, indexed));
        true
    }

    pub fn judge(&mut self, current: Digest, known: Digest, by_me: bool) {
        if current != known {
            self.seen.refused = true;
            return;
        }
        let recorded = self.log.iter().any(|(entry, _)| entry.digest == current);
        self.served_unrecorded |= !recorded || self.recorded_digests() > 1;
        if by_me {
            self.seen.first_seen = true;
        } else {
            self.seen.unchanged = true;
        }
    }
}
