//! The state: functions with a pull each, the ledgers' rows, the logs, and calls that have not arrived yet.

use crate::instance::{Keys, LOGS, Place, SIGNERS};

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

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Signed bytes about the tag. Signing again gives another signature, and so another entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    pub digest: Digest,
    /// The one that signed it.
    pub key: Keys,
    /// Numbered again after every step, so that only equality means anything.
    pub signature: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// Leases are not numbered: each holder of one knows whether it is still the row's (`lease_current`).
    Pending(Statement),
    /// With what it verifies with: a signing key and a log's.
    Recorded(Digest, Keys),
}

/// The outcome of a look-up, `verdict::KnownTag` or an unattested entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Found {
    Seen(Digest),
    Recorded(Digest),
    /// Recorded, but only whether a given digest is this one can be told.
    Unattested(Digest, Keys),
}

impl Found {
    pub fn digest(self) -> Digest {
        match self {
            Self::Seen(digest) | Self::Recorded(digest) | Self::Unattested(digest, _) => digest,
        }
    }
}

/// A function's memory of the instance's row, `verdict::instance::Standing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Unknown,
    Vacant,
    /// The function knows every key that the row named. Of those that it may use itself, these were among them.
    Admitted {
        named: Keys,
    },
}

/// The next step of a pull. Each step but [`Step::Never`], [`Step::TakenOver`] and [`Step::Found`], which need to know
/// what upstream serves, is one outgoing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Read the instance's row. Where there was none before, something was seen since that shows a use of the ledger or
    /// of a key: without the row, that is refused.
    Admit {
        again: bool,
    },
    /// Read the ledger's row. Every pull of a tag that is not in memory begins so, once the instance's row was read.
    Get {
        row_expected: bool,
    },
    Search,
    /// Insert a row for what the search found.
    Remember(Digest, Keys),
    /// Neither ledger nor index know the tag.
    Never,
    /// Ask the log whether the keys were used, before the instance's row is made.
    AskKeys,
    /// Make the instance's row.
    Claim,
    /// Add the own key to the instance's row: before the first signature, which is either the tag's or
    /// [`Step::MakeFindable`]'s.
    NameKey {
        findable: bool,
    },
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
    /// Add the log's key to the instance's row: before the tag's row is completed with an entry that it verifies.
    NameLog {
        statement: Statement,
        existed: bool,
    },
    Complete {
        statement: Statement,
        existed: bool,
    },
    /// The row was completed, and the index's rows are still under way; or they are put there before a tag is served.
    PutIntoIndex {
        digest: Digest,
        then: AfterIndex,
    },
    /// The tag was served: its row is marked.
    Mark,
    /// The second upload after a 409, signed again.
    MakeFindable(Statement),
    Found(Found),
}

/// The step after the index's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AfterIndex {
    /// The row was completed, after an upload that the log answered with what it had.
    Completed { existed: bool },
    /// The sighting that was found is served.
    Serve(Found),
}

/// The index of attestations, as far as a function has put a tag into it in this pull.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Indexing {
    /// Nothing is to be done, or it was tried in vain.
    #[default]
    None,
    Needed,
    /// The rows are there.
    Put,
}

/// One process of the Lambda function: what it has in memory, and the pull that it handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// Its place in [`crate::Pulls::versions`].
    pub version: usize,
    pub standing: Standing,
    /// The verified sighting kept in memory.
    pub known: Option<Digest>,
    /// The digest that upstream served when this pull asked.
    pub current: Option<Digest>,
    pub step: Step,
    pub indexing: Indexing,
}

/// A call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    Insert(Row),
    TakeOver {
        statement: Statement,
        lease_current: bool,
    },
    Complete(Statement),
    Upload(Statement),
    /// These keys, into the instance's row, if it is missing.
    Claim(Keys),
    /// These keys, into the instance's row that is there.
    NameKey(Keys),
    /// The tag, into the index's rows of this digest and of its attestation.
    PutIntoIndex(Digest),
    /// The note in the tag's row that the index leads to it.
    Mark,
}

/// A log, as far as it concerns the tag and one of our keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entries {
    pub recorded: Digests,
    /// Those that a search leads to.
    pub listed: Digests,
    /// Those whose statement the log gives out as well.
    pub attested: Digests,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Log {
    /// By signing key.
    pub by: [Entries; SIGNERS],
    /// One bit per signature: which of the statements that somebody still holds are in the log.
    pub signatures: u8,
}

/// The answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    FirstSeen(Digest),
    Unchanged(Digest),
    Moved,
    /// The digest served by the pinned name, and those that upstream had told by then.
    Pinned {
        served: Digest,
        current: Option<Digest>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub functions: Vec<Function>,
    /// One row for all functions, or one for each; or one in each table where some functions have a wrong one.
    pub rows: Vec<Option<Row>>,
    /// The instance's row, in as many tables.
    pub used: Vec<Option<Keys>>,
    pub logs: [Log; LOGS],
    /// The digests from which the index of attestations leads to the tag.
    pub leading: Digests,
    /// True if the tag's row says that the index leads to it.
    pub marked: bool,
    /// True if a search for the first key leads to an entry, of whatever tag.
    pub shown: bool,
    /// Calls whose sender has given up on them or crashed. Each arrives at any time later, or never.
    pub late: Vec<(Place, Write)>,
    /// The answer that the step which led here gave to a client.
    pub verdict: Option<Verdict>,
    /// True if that answer served what the tag's row did not hold, and only the row could show it to whoever comes next.
    pub unstored: bool,
}

impl State {
    /// A new signature over `digest`.
    pub fn sign(&mut self, digest: Digest, key: Keys) -> Statement {
        let mut used = self.logs.iter().fold(0, |used, log| used | log.signatures);
        self.each_statement(|statement| used |= 1 << statement.signature);
        Statement { digest, key, signature: used.trailing_ones() as u8 }
    }

    /// The entries of all logs by all keys.
    pub fn recorded(&self) -> Digests {
        let all = self.logs.iter().flat_map(|log| &log.by);
        all.fold(Digests::default(), |recorded, entries| recorded.union(entries.recorded))
    }

    /// Another lease is the row's from now on.
    pub fn outdate_leases(&mut self) {
        for function in &mut self.functions {
            if let Step::Wait { lease_current, .. } = &mut function.step {
                *lease_current = false;
            }
        }
        for (_, write) in &mut self.late {
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
        for log in &mut self.logs {
            let old = std::mem::take(&mut log.signatures);
            for (signature, number) in number.into_iter().enumerate() {
                if number != u8::MAX && old & (1 << signature) != 0 {
                    log.signatures |= 1 << number;
                }
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
                | Step::NameLog { statement, .. }
                | Step::Complete { statement, .. }
                | Step::MakeFindable(statement) => visit(statement),
                _ => {}
            }
        }
        for (_, write) in &mut self.late {
            match write {
                Write::Insert(Row::Pending(statement))
                | Write::TakeOver { statement, .. }
                | Write::Complete(statement)
                | Write::Upload(statement) => visit(statement),
                Write::Insert(Row::Recorded(..)) | Write::Claim(_) | Write::NameKey(_) => {}
                Write::PutIntoIndex(_) | Write::Mark => {}
            }
        }
    }
}
