//! The tests' judgement of each mutant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::testing::{End, Runner, Test};

/// Tests of one program that run at a time: most mutants are found by the first few, and each start costs.
const TOGETHER: usize = 8;

/// The outcome for a mutant. Only one that a test was run on, and that made it fail twice, is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program and its test.
    Found(String),
    Missed,
    /// The program whose tests did not end.
    Hung(String),
    /// No test comes past it.
    Unreached,
    NotCompiled,
    Unswitched,
}

impl Outcome {
    /// The kinds in the order of a summary.
    pub const KINDS: [&str; 6] = ["found", "missed", "hung", "unreached", "not compiled", "unswitched"];

    /// Its kind in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Missed => "missed",
            Self::Hung(_) => "hung",
            Self::Unreached => "unreached",
            Self::NotCompiled => "not compiled",
            Self::Unswitched => "unswitched",
        }
    }

    /// True if tests that were there to find it did not.
    pub fn survived(&self) -> bool {
        matches!(self, Self::Missed | Self::Hung(_) | Self::Unreached)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(by) | Self::Hung(by) => write!(f, "{}\t{by}", self.kind()),
            _ => write!(f, "{}\t", self.kind()),
        }
    }
}

/// Runs the tests on each mutant, several mutants at a time, and `tell`s what became of each. One that hangs is run again
/// when nothing else runs.
pub fn judge(
    runner: &Runner,
    tests: &[Test],
    mutants: impl IntoIterator<Item = usize>,
    jobs: usize,
    tell: impl Fn(usize, &Outcome) + Sync,
) {
    let queue: Mutex<VecDeque<usize>> = Mutex::new(mutants.into_iter().collect());
    let hung = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(mutant) = next else { break };
                    match one(runner, tests, mutant, runner.patience) {
                        Outcome::Hung(_) => {
                            hung.lock().unwrap().insert(mutant);
                        }
                        outcome => tell(mutant, &outcome),
                    }
                }
            });
        }
    });
    for mutant in hung.into_inner().unwrap() {
        tell(mutant, &one(runner, tests, mutant, runner.patience * 4));
    }
}

/// Runs the tests that reach a mutant until one finds it, the program that takes least time first.
fn one(runner: &Runner, tests: &[Test], mutant: usize, patience: Duration) -> Outcome {
    let mut by_program: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests.iter().filter(|test| test.reached.contains(&mutant)) {
        by_program.entry(&test.program.name).or_default().push(test);
    }
    if by_program.is_empty() {
        return Outcome::Unreached;
    }
    let mut by_program: Vec<Vec<&Test>> = by_program.into_values().collect();
    by_program.sort_by_key(|tests| tests.iter().map(|test| test.took).sum::<Duration>());
    for mut of_program in by_program {
        // Those that reach little are about this.
        of_program.sort_by_key(|test| (test.reached.len(), test.took));
        let program = &of_program[0].program;
        for together in of_program.chunks(if program.name == "lib" { usize::MAX } else { TOGETHER }) {
            let limit = together.iter().map(|test| test.took).sum::<Duration>() * 10 + patience;
            let mut left: Vec<&str> = together.iter().map(|test| test.name.as_str()).collect();
            while !left.is_empty() {
                let failed = match runner.with(mutant, program, &left, limit) {
                    End::Passed => break,
                    End::Hung => return Outcome::Hung(program.name.clone()),
                    End::Failed(name) => name,
                };
                // Once more, by itself: a test that fails by chance finds nothing.
                let (again, rest): (Vec<&str>, Vec<&str>) =
                    left.into_iter().partition(|name| failed.as_deref().is_none_or(|failed| failed == *name));
                match runner.with(mutant, program, &again, limit) {
                    End::Passed => left = rest,
                    End::Hung => return Outcome::Hung(program.name.clone()),
                    End::Failed(_) => {
                        let test = failed.unwrap_or_else(|| "broke off".to_owned());
                        return Outcome::Found(format!("{} {test}", program.name));
                    }
                }
            }
        }
    }
    Outcome::Missed
}
