//! The tests' judgement of each mutant.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use crate::mutant::Mutant;
use crate::testing::{End, Runner, Test};

/// Tests of one program that run at a time: most mutants are found by the first few, and each start costs.
const TOGETHER: usize = 8;
/// Tests that found the last mutants of a file. What found one mostly finds its neighbours too.
const LIKELY: usize = 6;

/// The outcome for a mutant. Only one that a test was run on, and that made it fail twice, is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The program, and its test unless the program broke off.
    Found(String, Option<String>),
    Missed,
    /// The program whose tests did not end: in three times their usual time and the runner's patience, and then in four
    /// times that. It is a failure too.
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
            Self::Found(..) => "found",
            Self::Missed => "missed",
            Self::Hung(_) => "hung",
            Self::Unreached => "unreached",
            Self::NotCompiled => "not compiled",
            Self::Unswitched => "unswitched",
        }
    }

    /// True if no test found it.
    pub fn survived(&self) -> bool {
        matches!(self, Self::Missed | Self::Unreached)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(program, test) => {
                write!(f, "{}\t{program} {}", self.kind(), test.as_deref().unwrap_or("broke off"))
            }
            Self::Hung(program) => write!(f, "{}\t{program}", self.kind()),
            _ => write!(f, "{}\t", self.kind()),
        }
    }
}

/// Runs the tests on each mutant, several mutants at a time, and `tell`s what became of each.
pub fn judge(
    runner: &Runner,
    tests: &[Test],
    mutants: &[Mutant],
    numbers: impl IntoIterator<Item = usize>,
    jobs: usize,
    tell: impl Fn(usize, &Outcome) + Sync,
) {
    let queue: Mutex<VecDeque<usize>> = Mutex::new(numbers.into_iter().collect());
    let likely = Likely::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(number) = next else { break };
                    let file = &mutants[number].file;
                    let outcome = one(runner, tests, number, &likely.of(file));
                    if let Outcome::Found(program, Some(test)) = &outcome {
                        likely.add(file, program, test);
                    }
                    tell(number, &outcome);
                }
            });
        }
    });
}

/// The tests that found the last mutants, by file: programs and names.
#[derive(Default)]
struct Likely(Mutex<HashMap<String, VecDeque<(String, String)>>>);

impl Likely {
    fn of(&self, file: &str) -> Vec<(String, String)> {
        self.0.lock().unwrap().get(file).into_iter().flatten().cloned().collect()
    }

    fn add(&self, file: &str, program: &str, test: &str) {
        let mut likely = self.0.lock().unwrap();
        let of_file = likely.entry(file.to_owned()).or_default();
        of_file.retain(|(other_program, other)| (&**other_program, &**other) != (program, test));
        of_file.push_front((program.to_owned(), test.to_owned()));
        of_file.truncate(LIKELY);
    }
}

/// Runs the tests that reach a mutant until one finds it: the likely ones first, then the program that takes least time.
fn one(runner: &Runner, tests: &[Test], mutant: usize, likely: &[(String, String)]) -> Outcome {
    let reaching: Vec<&Test> = tests.iter().filter(|test| test.reached.contains(&mutant)).collect();
    if reaching.is_empty() {
        return Outcome::Unreached;
    }
    let is_likely =
        |test: &&Test| likely.iter().any(|(program, name)| *program == test.program.name && *name == test.name);
    let (first, then): (Vec<&Test>, Vec<&Test>) = reaching.into_iter().partition(is_likely);
    for of_program in by_program(first).into_iter().chain(by_program(then)) {
        if let Some(outcome) = by(runner, &of_program, mutant) {
            return outcome;
        }
    }
    Outcome::Missed
}

/// The tests of each program, the program that takes least time first. Of a program, those that reach little come first:
/// they are about this.
fn by_program(tests: Vec<&Test>) -> Vec<Vec<&Test>> {
    let mut programs: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        programs.entry(&test.program.name).or_default().push(test);
    }
    let mut programs: Vec<Vec<&Test>> = programs.into_values().collect();
    programs.sort_by_key(|tests| tests.iter().map(|test| test.took).sum::<Duration>());
    for tests in &mut programs {
        tests.sort_by_key(|test| (test.reached.len(), test.took));
    }
    programs
}

/// The outcome by tests of one program; `None` if they pass.
fn by(runner: &Runner, tests: &[&Test], mutant: usize) -> Option<Outcome> {
    let program = &tests[0].program;
    for together in tests.chunks(if program.name == "lib" { usize::MAX } else { TOGETHER }) {
        let limit = together.iter().map(|test| test.took).sum::<Duration>() * 3 + runner.patience;
        let mut left: Vec<&str> = together.iter().map(|test| test.name.as_str()).collect();
        while !left.is_empty() {
            let mut end = runner.with(mutant, program, &left, limit);
            if end == End::Hung {
                // Once more, with more time: a busy machine is no fault of the mutant.
                end = runner.with(mutant, program, &left, limit * 4);
            }
            let failed = match end {
                End::Passed => break,
                End::Hung => return Some(Outcome::Hung(program.name.clone())),
                End::Failed(name) => name,
            };
            // Once more, by itself: a test that fails by chance finds nothing.
            let (again, rest): (Vec<&str>, Vec<&str>) =
                left.into_iter().partition(|name| failed.as_deref().is_none_or(|failed| failed == *name));
            match runner.with(mutant, program, &again, limit) {
                End::Passed => left = rest,
                End::Hung | End::Failed(_) => return Some(Outcome::Found(program.name.clone(), failed)),
            }
        }
    }
    None
}
