//! What there is: functions with a pull each, the ledger's rows, the log, and calls that have not arrived yet.

/// A manifest digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    A,
    B,
    C,
}

impl Digest {
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digests(u8);

impl Digests {
    pub fn insert(&mut self, digest: Digest) {
        self.0 |= digest.bit();
    }

    pub fn contains(self, digest: Digest) -> bool {
        self.0 & digest.bit() != 0
    }

    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub fn first(self) -> Option<Digest> {
        Digest::ALL.into_iter().find(|&digest| self.contains(digest))
    }
}

/// Signed bytes about the tag. Signing again gives another signature, and so another entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    pub digest: Digest,
    /// Numbered anew after every step, so that only equality means anything.
    pub signature: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// Leases are not numbered: each holder of one knows whether it is still the row's (`lease_current`).
    Pending(Statement),
    Recorded(Digest),
}

/// The outcome of a look-up, `verdict::KnownTag` or an unattested entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    Seen(Digest),
    Recorded(Digest),
    /// Recorded, but only whether a given digest is this one can be told.
    Unattested(Digest),
}

/// What a pull does next. Each step but [`Step::Never`], [`Step::TakenOver`] and [`Step::Found`], which need to know
/// what upstream serves, is one outgoing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Read the ledger's row. Every pull of a tag that is not in memory begins so.
    Get {
        row_expected: bool,
    },
    Search,
    /// Insert a row for what the search found.
    Remember(Digest),
    /// Neither ledger nor index know the tag.
    Never,
    Insert(Statement),
    /// Someone else's row is pending: read it again, or judge that its lease has ended and take over.
    Wait {
        statement: Statement,
        lease_current: bool,
    },
    /// Taken over a row without a digest: only in [`crate::Protocol::LeaseWithoutDigest`].
    TakenOver,
    Upload {
        statement: Statement,
        taken_over: bool,
    },
    Complete {
        statement: Statement,
        existed: bool,
    },
    /// The second upload after a 409, signed anew.
    MakeFindable(Statement),
    Found(Found),
}

/// One instance of the Lambda function: what it has in memory, and the pull that it handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// The verified sighting kept in memory.
    pub known: Option<Digest>,
    /// What upstream served when this pull asked.
    pub current: Option<Digest>,
    pub step: Step,
}

/// A call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    Insert(Row),
    TakeOver { statement: Statement, lease_current: bool },
    Complete(Statement),
    Upload(Statement),
}

/// The log, as far as it concerns the tag and our key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    pub recorded: Digests,
    /// Those that a search leads to.
    pub listed: Digests,
    /// Those whose statement the log gives out as well.
    pub attested: Digests,
    /// One bit per signature: which of the statements that somebody still holds are in the log.
    pub signatures: u8,
}

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    FirstSeen(Digest),
    Unchanged(Digest),
    Moved,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub functions: Vec<Function>,
    /// One row for all functions, or one for each.
    pub rows: Vec<Option<Row>>,
    pub log: Log,
    /// Calls whose sender has given up on them or crashed. Each arrives at any time later, or never.
    pub late: Vec<Write>,
    /// What the step that led here told a client.
    pub verdict: Option<Verdict>,
}

impl State {
    /// A new signature over `digest`.
    pub fn sign(&mut self, digest: Digest) -> Statement {
        let mut used = self.log.signatures;
        self.each_statement(|statement| used |= 1 << statement.signature);
        Statement { digest, signature: used.trailing_ones() as u8 }
    }

    /// Another lease is the row's from now on.
    pub fn outdate_leases(&mut self) {
        for function in &mut self.functions {
            if let Step::Wait { lease_current, .. } = &mut function.step {
                *lease_current = false;
            }
        }
        for write in &mut self.late {
            if let Write::TakeOver { lease_current, .. } = write {
                *lease_current = false;
            }
        }
    }

    /// Brings states that differ in nothing that matters to one form: signatures are numbered in the order in which
    /// they are held, those that nobody holds any more are forgotten, late calls have no order, and, if `alike`,
    /// nor have functions.
    pub fn normalise(&mut self, alike: bool) {
        if alike {
            self.functions.sort_unstable();
        }
        self.late.sort_unstable();
        let mut number = [u8::MAX; 8];
        let mut next = 0;
        self.each_statement(|statement| {
            let number = &mut number[usize::from(statement.signature)];
            if *number == u8::MAX {
                *number = next;
                next += 1;
            }
            statement.signature = *number;
        });
        let old = self.log.signatures;
        self.log.signatures = 0;
        for (signature, number) in number.into_iter().enumerate() {
            if number != u8::MAX && old & (1 << signature) != 0 {
                self.log.signatures |= 1 << number;
            }
        }
    }

    /// Eight signatures are enough for all holders: three functions, three rows, two late calls.
    fn each_statement(&mut self, mut visit: impl FnMut(&mut Statement)) {
        for row in self.rows.iter_mut().flatten() {
            if let Row::Pending(statement) = row {
                visit(statement);
            }
        }
        for function in &mut self.functions {
            match &mut function.step {
                Step::Insert(statement)
                | Step::Wait { statement, .. }
                | Step::Upload { statement, .. }
                | Step::Complete { statement, .. }
                | Step::MakeFindable(statement) => visit(statement),
                _ => {}
            }
        }
        for write in &mut self.late {
            match write {
                Write::Insert(Row::Pending(statement))
                | Write::TakeOver { statement, .. }
                | Write::Complete(statement)
                | Write::Upload(statement) => visit(statement),
                Write::Insert(Row::Recorded(_)) => {}
            }
        }
    }
}
