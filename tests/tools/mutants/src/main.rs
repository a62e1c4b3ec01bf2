//! Changes files of the library in each way that cargo-mutants knows, and runs on each change the fast tests that come
//! past it.
//!
//! cargo-mutants builds and links once for each change. Here all changes are in one build, each behind a number that the
//! environment turns on ([`switch`]). A first run of each test, with nothing changed, shows which mutants it reaches
//! ([`testing`]); these tests alone can find them ([`judge`]).

mod compile;
mod database;
mod judge;
mod mutant;
mod named;
mod programs;
mod switch;
mod testing;
mod tree;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::compile::{Built, Program};
use crate::database::Database;
use crate::judge::Outcome;
use crate::mutant::Mutant;
use crate::testing::{Runner, Test};

/// Survivors are named here.
const NAMED: &str = "tests/mutants.md";

/// Changes files of the library in each way that cargo-mutants knows, and runs the fast tests that concern it on each
/// change. Exits with 2 if a change survived that tests/mutants.md does not name.
#[derive(Parser)]
struct Arguments {
    /// Files and folders of src/
    #[arg(required = true)]
    modules: Vec<String>,
    /// The repository
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Folder for the copy, its build and the results
    #[arg(long, default_value = "target/mutants")]
    out: PathBuf,
    /// Test programs besides the library's own tests, instead of those that concern the modules
    #[arg(long, value_delimiter = ',')]
    programs: Option<Vec<String>>,
    /// Only the mutants whose names are lines of this file, such as the survivors of the last run
    #[arg(long)]
    only: Option<PathBuf>,
    /// Mutants at a time (default: four for each core, since most tests wait for programs that they start)
    #[arg(long, default_value_t = 4 * std::thread::available_parallelism().map_or(2, usize::from), hide_default_value = true)]
    jobs: usize,
    /// Seconds that tests may take longer than three times what they took without a mutant
    #[arg(long, default_value_t = 30)]
    patience: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if each survivor is named.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let began = Instant::now();
    let say = |what: String| println!("{:>5} s  {what}", began.elapsed().as_secs());
    let root = fs::canonicalize(&arguments.root).map_err(|error| format!("{}: {error}", arguments.root.display()))?;
    fs::create_dir_all(&arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;
    let out = fs::canonicalize(&arguments.out).map_err(|error| format!("{}: {error}", arguments.out.display()))?;

    let mut mutants = mutant::list(&root, &arguments.modules)?;
    if let Some(only) = &arguments.only {
        let text = fs::read_to_string(only).map_err(|error| format!("{}: {error}", only.display()))?;
        let names: BTreeSet<&str> = text.lines().collect();
        mutants.retain(|mutant| names.contains(mutant.name.as_str()));
    }
    say(format!("{} mutants", mutants.len()));
    let names = arguments.programs.clone().unwrap_or_else(|| programs::concerned(&arguments.modules));
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let tree = out.join("tree");
    let built = compile::build(&root, &tree, &out.join("build"), &mutants, &names)?;
    say(format!("{} test programs built, {} mutants in them", built.programs.len(), in_build(&mutants, &built)));

    let patience = Duration::from_secs(arguments.patience);
    let tools = root.join(".tools");
    let database = Database::start(&tools, &out);
    let runner = Runner { tree, tools, database, patience };
    let tests = reaching(&runner, &built.programs, &out, arguments.jobs)?;
    say(format!("{} tests run without a mutant, to see which each reaches", tests.len()));

    let results = Results::new(&out, &mutants)?;
    let mut to_run = Vec::new();
    for number in in_order(&mutants, &arguments.modules) {
        if built.not_compiled.contains(&number) {
            results.add(number, &Outcome::NotCompiled);
        } else if built.unswitched.contains(&number) {
            results.add(number, &Outcome::Unswitched);
        } else {
            to_run.push(number);
        }
    }
    judge::judge(&runner, &tests, &mutants, to_run, arguments.jobs, |number, outcome| {
        results.add(number, outcome);
        if outcome.survived() {
            say(format!("{}: {}", outcome.kind(), mutants[number].name));
        }
    });
    say("done".to_owned());
    results.summary(&arguments.modules, &named::read(&root.join(NAMED)), &out)
}

fn in_build(mutants: &[Mutant], built: &Built) -> usize {
    mutants.len() - built.not_compiled.len() - built.unswitched.len()
}

/// The numbers of all mutants, those of the first module first.
fn in_order(mutants: &[Mutant], modules: &[String]) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..mutants.len()).collect();
    numbers.sort_by_key(|&number| modules.iter().position(|module| mutants[number].file.starts_with(module.as_str())));
    numbers
}

/// All tests that pass without a mutant, and what each reaches. Those that fail are told.
fn reaching(runner: &Runner, programs: &[Program], out: &Path, jobs: usize) -> Result<Vec<Test>, String> {
    let mut all = Vec::new();
    for program in programs {
        all.extend(runner.tests(program)?.into_iter().map(|name| (program, name)));
    }
    let next = AtomicUsize::new(0);
    let tests = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (all, next, tests) = (&all, &next, &tests);
            scope.spawn(move || {
                let log = out.join(format!("reached-{job}"));
                while let Some((program, name)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match runner.without(program, name, &log) {
                        Some(test) => tests.lock().unwrap().push(test),
                        None => eprintln!("LEFT OUT: {} {name} fails without a mutant", program.name),
                    }
                }
            });
        }
    });
    Ok(tests.into_inner().unwrap())
}

/// The outcomes of the mutants, in the order in which they were known.
struct Results<'a> {
    mutants: &'a [Mutant],
    file: Mutex<File>,
    known: Mutex<Vec<(usize, Outcome)>>,
}

impl<'a> Results<'a> {
    fn new(out: &Path, mutants: &'a [Mutant]) -> Result<Self, String> {
        let path = out.join("results.tsv");
        let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { mutants, file: Mutex::new(file), known: Mutex::default() })
    }

    fn add(&self, number: usize, outcome: &Outcome) {
        self.known.lock().unwrap().push((number, outcome.clone()));
        let line = format!("{}\t{outcome}\n", self.mutants[number].name);
        self.file.lock().unwrap().write_all(line.as_bytes()).expect("room for the results");
    }

    /// Prints how many of each module there are, writes the survivors' names, and says whether each is named.
    fn summary(&self, modules: &[String], named: &[String], out: &Path) -> Result<bool, String> {
        let mut known = self.known.lock().unwrap();
        known.sort_by_key(|(number, _)| *number);
        println!("\nmodule\t{}", Outcome::KINDS.join("\t"));
        for module in modules {
            let of = known.iter().filter(|(number, _)| self.mutants[*number].file.starts_with(module.as_str()));
            let counts = Outcome::KINDS.map(|kind| of.clone().filter(|(_, outcome)| outcome.kind() == kind).count());
            println!("{module}\t{}", counts.map(|count| count.to_string()).join("\t"));
        }
        let survivors =
            || known.iter().filter(|(_, outcome)| outcome.survived()).map(|(number, _)| &self.mutants[*number]);
        let text: String = survivors().map(|mutant| format!("{}\n", mutant.name)).collect();
        let path = out.join("survivors.txt");
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        let names: Vec<String> = survivors().map(Mutant::lasting_name).collect();
        let unnamed = named::without(names.iter().map(String::as_str), named);
        println!("\n{} survived, {} of them are named in {NAMED}", names.len(), names.len() - unnamed.len());
        for name in &unnamed {
            println!("not named: {name}");
        }
        Ok(unnamed.is_empty())
    }
}
